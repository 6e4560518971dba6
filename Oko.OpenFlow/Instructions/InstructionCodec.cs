using System.Collections.Immutable;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Instructions;

/// <summary>Instruction lists, bytes to objects and back. Source: OpenFlow 1.3.5, 7.2.4 "Flow Instruction Structures".</summary>
public static class InstructionCodec
{
    /// <summary>Reads the rest of the reader as instructions. Lists of the same bytes that come shortly after one another are the same array.</summary>
    /// <exception cref="OpenFlowErrorException">BAD_INSTRUCTION, or BAD_ACTION for what stands in it.</exception>
    public static ImmutableArray<Instruction> ReadList(ref WireReader reader)
    {
        if (reader.Remaining is 0 or > KnownInstructions.MaxBytes)
        {
            return ReadNew(ref reader);
        }

        var bytes = reader.Rest();
        var known = KnownInstructions.Find(bytes);
        if (known.IsDefault)
        {
            var list = new WireReader(bytes);
            known = ReadNew(ref list);
            KnownInstructions.Keep(bytes, known);
        }

        return known;
    }

    private static ImmutableArray<Instruction> ReadNew(ref WireReader reader)
    {
        var list = reader.Part(reader.Remaining, ErrorType.BadInstruction, (ushort)BadInstructionCode.BadLen);
        if (list.Remaining == 0)
        {
            return [];
        }

        var instructions = ImmutableArray.CreateBuilder<Instruction>();
        ulong seen = 0;
        while (list.Remaining > 0)
        {
            var type = (InstructionType)list.U16();
            int length = list.U16();
            if (length < 8 || (length & 7) != 0)
            {
                throw BadLength(type, length);
            }

            var body = list.Part(length - 4);
            instructions.Add(Read(type, length, ref body));
            var bit = 1UL << ((int)type & 63);
            if (type != InstructionType.Experimenter && (seen & bit) != 0)
            {
                // 5.9: an entry has at most one instruction of each type.
                throw OpenFlowErrorException.BadInstruction(BadInstructionCode.UnknownInst, $"instruction type {(ushort)type} stands there twice");
            }

            seen |= bit;
        }

        return instructions.ToImmutable();
    }

    /// <summary>Writes a list.</summary>
    public static void WriteList(WireWriter writer, ImmutableArray<Instruction> instructions)
    {
        foreach (var instruction in instructions)
        {
            var start = writer.Length;
            switch (instruction)
            {
                case GotoTableInstruction next:
                    Header(writer, InstructionType.GotoTable);
                    writer.U8(next.Table.Value);
                    break;
                case WriteMetadataInstruction metadata:
                    Header(writer, InstructionType.WriteMetadata);
                    writer.Zeros(4);
                    writer.U64(metadata.Metadata);
                    writer.U64(metadata.Mask);
                    break;
                case ApplyActionsInstruction apply:
                    Header(writer, InstructionType.ApplyActions);
                    writer.Zeros(4);
                    ActionCodec.WriteList(writer, apply.Actions);
                    break;
                case WriteActionsInstruction write:
                    Header(writer, InstructionType.WriteActions);
                    writer.Zeros(4);
                    ActionCodec.WriteList(writer, write.Actions);
                    break;
                case ClearActionsInstruction:
                    Header(writer, InstructionType.ClearActions);
                    writer.Zeros(4);
                    break;
                case MeterInstruction meter:
                    Header(writer, InstructionType.Meter);
                    writer.U32(meter.Meter.Value);
                    break;
                case ExperimenterInstruction experimenter:
                    Header(writer, InstructionType.Experimenter);
                    writer.U32(experimenter.Experimenter);
                    writer.Bytes(experimenter.Data);
                    break;
                default:
                    throw new ArgumentException($"{instruction.GetType().Name} is no instruction of OpenFlow 1.3", nameof(instructions));
            }

            writer.PadTo8(start);
            writer.PatchU16(start + 2, writer.Length - start);
        }
    }

    private static Instruction Read(InstructionType type, int length, ref WireReader body)
    {
        switch (type)
        {
            case InstructionType.GotoTable when length == 8:
                return new GotoTableInstruction(new TableId(body.U8()));
            case InstructionType.WriteMetadata when length == 24:
                body.Skip(4);
                return new WriteMetadataInstruction(body.U64(), body.U64());
            case InstructionType.ApplyActions:
                body.Skip(4);
                return new ApplyActionsInstruction(ActionCodec.ReadList(ref body, body.Remaining));
            case InstructionType.WriteActions:
                body.Skip(4);
                return new WriteActionsInstruction(ActionCodec.ReadList(ref body, body.Remaining));
            case InstructionType.ClearActions when length == 8:
                return new ClearActionsInstruction();
            case InstructionType.Meter when length == 8:
                return new MeterInstruction(new MeterId(body.U32()));
            case InstructionType.Experimenter:
                throw OpenFlowErrorException.BadInstruction(BadInstructionCode.BadExperimenter, $"no instruction of experimenter 0x{body.U32():x8} is known");
            case InstructionType.GotoTable or InstructionType.WriteMetadata or InstructionType.ClearActions or InstructionType.Meter:
                throw BadLength(type, length);
            default:
                throw OpenFlowErrorException.BadInstruction(BadInstructionCode.UnknownInst, $"instruction type {(ushort)type} is unknown");
        }
    }

    private static void Header(WireWriter writer, InstructionType type)
    {
        writer.U16((ushort)type);
        writer.U16(8);
    }

    private static OpenFlowErrorException BadLength(InstructionType type, int length) =>
        OpenFlowErrorException.BadInstruction(BadInstructionCode.BadLen, $"instruction type {(ushort)type} of {length} bytes");
}
