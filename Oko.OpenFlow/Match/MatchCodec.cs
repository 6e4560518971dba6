using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Match;

/// <summary>Match structures and single fields, bytes to objects and back. Source: OpenFlow 1.3.5, 7.2.3 "Flow Match Structures".</summary>
public static class MatchCodec
{
    private const ushort OxmMatchType = 1;
    private const int FilterBit = 63;
    private const uint VlanPresent = 0x1000;

    /// <summary>Reads a match with its padding.</summary>
    /// <exception cref="OpenFlowErrorException">BAD_MATCH with the code that the specification names.</exception>
    public static FlowMatch Read(ref WireReader reader)
    {
        var type = reader.U16();
        int length = reader.U16();
        if (type != OxmMatchType)
        {
            throw OpenFlowErrorException.BadMatch(BadMatchCode.BadType, $"match type {type}; OpenFlow 1.3 has type 1 (OXM) only");
        }

        var padding = (8 - (length & 7)) & 7;
        if (length < 4 || length - 4 + padding > reader.Remaining)
        {
            throw OpenFlowErrorException.BadMatch(BadMatchCode.BadLen, $"match of {length} bytes, {reader.Remaining + 4} are there");
        }

        var match = FlowMatch.OfFields(reader.Take(length - 4));
        reader.Skip(padding);
        CheckFields(match);
        return match;
    }

    /// <summary>Writes a match with its padding.</summary>
    public static void Write(WireWriter writer, FlowMatch match)
    {
        var start = writer.Length;
        writer.U16(OxmMatchType);
        writer.U16(0);
        writer.Bytes(match.Fields);
        writer.PatchU16(start + 2, writer.Length - start);
        writer.PadTo8(start);
    }

    /// <summary>Reads one field.</summary>
    /// <exception cref="OpenFlowErrorException">BAD_MATCH / BAD_FIELD, BAD_LEN, BAD_MASK, BAD_VALUE or BAD_WILDCARDS.</exception>
    public static OxmEntry ReadEntry(ref WireReader reader)
    {
        var oxmClass = reader.U16();
        var fieldAndMask = reader.U8();
        int length = reader.U8();
        var hasMask = (fieldAndMask & 1) != 0;
        var number = (byte)(fieldAndMask >> 1);
        uint experimenter = 0;
        if (oxmClass == OxmCatalogue.ExperimenterClass)
        {
            if (length < 4)
            {
                throw OpenFlowErrorException.BadMatch(BadMatchCode.BadLen, "an experimenter field needs 4 bytes for the experimenter id");
            }

            experimenter = reader.U32();
            length -= 4;
        }

        var field = OxmCatalogue.Find(oxmClass, number, experimenter)
            ?? throw OpenFlowErrorException.BadMatch(BadMatchCode.BadField, $"unknown match field: class 0x{oxmClass:x4}, field {number}");
        if (hasMask && !field.Maskable)
        {
            throw OpenFlowErrorException.BadMatch(BadMatchCode.BadMask, $"{field} takes no mask");
        }

        if (length != field.LengthBytes * (hasMask ? 2 : 1))
        {
            throw OpenFlowErrorException.BadMatch(BadMatchCode.BadLen, $"{field} of {length} bytes, {field.LengthBytes} per value are right");
        }

        var value = reader.Integer(field.LengthBytes);
        UInt128? mask = hasMask ? reader.Integer(field.LengthBytes) : null;
        CheckValue(field, value, mask);
        return new OxmEntry(field, value, mask);
    }

    /// <summary>Writes one field.</summary>
    public static void WriteEntry(WireWriter writer, OxmEntry entry)
    {
        var field = entry.Field;
        var experimenterBytes = field.Experimenter == 0 ? 0 : 4;
        writer.U16(field.Class);
        writer.U8((byte)((field.Number << 1) | (entry.Mask is null ? 0 : 1)));
        writer.U8((byte)(experimenterBytes + (field.LengthBytes * (entry.Mask is null ? 1 : 2))));
        if (experimenterBytes != 0)
        {
            writer.U32(field.Experimenter);
        }

        writer.Integer(entry.Value, field.LengthBytes);
        if (entry.Mask is { } mask)
        {
            writer.Integer(mask, field.LengthBytes);
        }
    }

    /// <summary>Whether the match holds what the field needs beside it.</summary>
    public static bool HasPrerequisite(FlowMatch match, OxmField field)
    {
        if (field.Prerequisite is not { } needed)
        {
            return true;
        }

        if (match.Find(OxmCatalogue.Basics[needed.Field]) is not { } present)
        {
            return false;
        }

        if (ReferenceEquals(present.Field, OxmCatalogue.VlanVid))
        {
            return (present.Value & VlanPresent) != 0;
        }

        return (needed.Values.IsEmpty || needed.Values.Contains((uint)present.Value)) && HasPrerequisite(match, present.Field);
    }

    /// <summary>Each field for itself, then whether it stands there once, then what it needs beside it.</summary>
    private static void CheckFields(FlowMatch match)
    {
        var seen = 0UL;
        foreach (var entry in match)
        {
            var bit = 1UL << (ReferenceEquals(entry.Field, OxmCatalogue.Filter) ? FilterBit : entry.Field.Number);
            if ((seen & bit) != 0)
            {
                throw OpenFlowErrorException.BadMatch(BadMatchCode.DupField, $"{entry.Field} stands in the match twice");
            }

            seen |= bit;
        }

        foreach (var entry in match)
        {
            CheckPrerequisite(match, entry.Field);
        }
    }

    private static void CheckPrerequisite(FlowMatch match, OxmField field)
    {
        if (!HasPrerequisite(match, field))
        {
            var needed = field.Prerequisite!;
            var values = needed.Values.IsEmpty ? string.Empty : " = " + string.Join(" or ", needed.Values.Select(value => $"0x{value:x}"));
            throw OpenFlowErrorException.BadMatch(BadMatchCode.BadPrereq, $"{field} needs {OxmCatalogue.Basics[needed.Field]}{values} beside it");
        }
    }

    private static void CheckValue(OxmField field, UInt128 value, UInt128? mask)
    {
        var reserved = ReferenceEquals(field, OxmCatalogue.Filter) && value is var id && (id == 0 || id == uint.MaxValue);
        if ((value & ~field.AllBits) != 0 || reserved || (mask is { } bits && (bits & ~field.AllBits) != 0))
        {
            throw OpenFlowErrorException.BadMatch(BadMatchCode.BadValue, $"{field} = 0x{value:x}; {(reserved ? "ids run from 1 to 0xfffffffe" : $"it has {field.BitWidth} bits")}");
        }

        if (mask is { } chosen && (value & ~chosen) != 0)
        {
            throw OpenFlowErrorException.BadMatch(BadMatchCode.BadWildcards, $"{field} = 0x{value:x} has bits outside its mask 0x{chosen:x}");
        }
    }
}
