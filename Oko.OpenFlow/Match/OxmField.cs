using System.Collections.Immutable;

namespace Oko.OpenFlow.Match;

/// <summary>What must stand in a match beside a field.</summary>
/// <param name="Field">Number of the field that must be there (class OFPXMC_OPENFLOW_BASIC).</param>
/// <param name="Values">Its value must be one of these.</param>
public sealed record OxmPrerequisite(byte Field, ImmutableArray<uint> Values);

/// <summary>A match field as the catalogue describes it. Immutable. Source: OpenFlow 1.3.5, 7.2.3.7 "Flow Match Fields".</summary>
/// <param name="Class">OXM class: 0x8000, or 0xFFFF for experimenters.</param>
/// <param name="Number">Number within the class.</param>
/// <param name="Experimenter">Id of the experimenter, 0 for standard fields.</param>
/// <param name="Name">Name as the specification has it, lower case.</param>
/// <param name="LengthBytes">Bytes of a value.</param>
/// <param name="BitWidth">Bits of a value that may be set.</param>
/// <param name="Maskable">Whether a mask is allowed.</param>
/// <param name="Prerequisite">What must stand beside it, or null.</param>
public sealed record OxmField(
    ushort Class, byte Number, uint Experimenter, string Name, int LengthBytes, int BitWidth, bool Maskable, OxmPrerequisite? Prerequisite)
{
    /// <summary>All value bits.</summary>
    public UInt128 AllBits => BitWidth == 128 ? UInt128.MaxValue : (UInt128.One << BitWidth) - 1;

    /// <summary>The OXM header of the field without a mask.</summary>
    public uint Header => ((uint)Class << 16) | ((uint)Number << 9) | (uint)(LengthBytes + (Experimenter == 0 ? 0 : 4));

    /// <inheritdoc/>
    public override string ToString() => Name;
}
