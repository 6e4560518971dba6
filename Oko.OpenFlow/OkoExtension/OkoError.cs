using System.Text;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.OkoExtension;

/// <summary>An error of our extension: what goes wrong with filters, with a text for people.</summary>
/// <param name="Type">Which.</param>
/// <param name="FilterId">Whose; 0 if none.</param>
/// <param name="InstructionSlot">Where in the program; <see cref="OkoExperimenter.NoSlot"/> if nowhere.</param>
/// <param name="Verdict">How the verifier refused.</param>
/// <param name="Text">What, where, allowed, next step.</param>
public sealed record OkoError(OkoErrorType Type, uint FilterId, uint InstructionSlot, OkoVerdict Verdict, string Text)
{
    private const int MaxTextBytes = 4000;
    private const string Ellipsis = " [the rest is left out]";

    /// <summary>An error without a place in a program.</summary>
    public OkoError(OkoErrorType type, uint filterId, string text)
        : this(type, filterId, OkoExperimenter.NoSlot, OkoVerdict.None, text)
    {
    }

    /// <summary>The error as a message carries it.</summary>
    public OpenFlowErrorException ToException()
    {
        var text = Encoding.UTF8.GetBytes(Text);
        if (text.Length > MaxTextBytes)
        {
            // Cut on a character, not within one.
            var kept = MaxTextBytes - Ellipsis.Length;
            while ((text[kept] & 0xC0) == 0x80)
            {
                kept--;
            }

            text = [.. text.AsSpan(0, kept), .. Encoding.UTF8.GetBytes(Ellipsis)];
        }

        var writer = new WireWriter();
        writer.U32(FilterId);
        writer.U32(InstructionSlot);
        writer.U16((ushort)Verdict);
        writer.U16((ushort)text.Length);
        writer.Bytes(text);
        return new OpenFlowErrorException(OkoExperimenter.Id, (ushort)Type, writer.ToArray(), Text);
    }

    /// <summary>Reads the data of an experimenter error with our id.</summary>
    public static OkoError Parse(ushort type, ReadOnlySpan<byte> data)
    {
        var reader = new WireReader(data);
        var filter = reader.U32();
        var slot = reader.U32();
        var verdict = (OkoVerdict)reader.U16();
        var length = reader.U16();
        return new OkoError((OkoErrorType)type, filter, slot, verdict, Encoding.UTF8.GetString(reader.Take(length)));
    }
}
