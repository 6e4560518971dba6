using System.Collections.Immutable;
using Oko.Datapath.Pipeline;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Rules;

/// <summary>Turns the instructions of a flow-mod into what the worker executes, with the errors of the standard.
/// Stateless; control thread, since instructions name meters and groups.</summary>
/// <remarks>Instructions are executed in the standard's order, whatever theirs in the message (OpenFlow 1.3.5, 5.9
/// "Instructions"). Whether actions fit the match is asked of <see cref="ActionConsistency"/>.</remarks>
internal static class InstructionTranslator
{
    /// <summary>Translates the instructions of one entry.</summary>
    /// <param name="instructions">As in the message.</param>
    /// <param name="tableId">Table of the entry.</param>
    /// <param name="tableCount">Number of tables of the switch.</param>
    /// <param name="targets">What instructions and actions name.</param>
    /// <exception cref="OpenFlowErrorException">BadInstruction or BadAction with the code that fits.</exception>
    public static InstructionSet Translate(ImmutableArray<Instruction> instructions, byte tableId, int tableCount, ActionTargets targets)
    {
        if (instructions.IsEmpty)
        {
            return InstructionSet.Empty;
        }

        var set = InstructionSet.Empty;
        var seen = 0u;
        foreach (var instruction in instructions)
        {
            var kind = KindOf(instruction);

            // An entry has at most one instruction of each type (5.9). The codec refuses others too, with this code: 1.3 has none of
            // its own for it, DUP_INST came with 1.4.
            if ((seen & (1u << kind)) != 0)
            {
                throw OpenFlowErrorException.BadInstruction(
                    BadInstructionCode.UnknownInst, $"{instruction.GetType().Name} occurs twice; each instruction may occur once");
            }

            seen |= 1u << kind;
            set = Add(set, instruction, tableId, tableCount, targets);
        }

        return set;
    }

    private static InstructionSet Add(InstructionSet set, Instruction instruction, byte tableId, int tableCount, ActionTargets targets)
    {
        switch (instruction)
        {
            case GotoTableInstruction go:
                if (go.Table.Value <= tableId || go.Table.Value >= tableCount)
                {
                    throw OpenFlowErrorException.BadInstruction(
                        BadInstructionCode.BadTableId,
                        $"goto_table {go.Table.Value} from table {tableId}: allowed are {tableId + 1}..{tableCount - 1}");
                }

                return set with { GotoTable = go.Table.Value };
            case WriteMetadataInstruction metadata:
                return set with { MetadataValue = metadata.Metadata & metadata.Mask, MetadataMask = metadata.Mask };
            case ApplyActionsInstruction apply:
                return set with { Apply = ActionTranslator.Translate(apply.Actions, isPacketOut: false, targets) };
            case WriteActionsInstruction write:
                return set with { Write = ActionTranslator.Translate(write.Actions, isPacketOut: false, targets) };
            case MeterInstruction meter:
                return set with { Meter = targets.FindMeter(meter.Meter.Value) ?? throw UnknownMeter(meter.Meter) };
            case ClearActionsInstruction:
                return set with { ClearActions = true };
            case ExperimenterInstruction experimenter:
                throw OpenFlowErrorException.BadInstruction(
                    BadInstructionCode.BadExperimenter, $"experimenter 0x{experimenter.Experimenter:x8} has no instructions here");
            default:
                throw OpenFlowErrorException.BadInstruction(BadInstructionCode.UnsupInst, $"{instruction.GetType().Name} is not supported");
        }
    }

    /// <summary>The code that Open vSwitch sends and test suites expect; the standard names none.</summary>
    private static OpenFlowErrorException UnknownMeter(MeterId meter) =>
        new(ErrorType.MeterModFailed, (ushort)MeterModFailedCode.InvalidMeter, $"meter {meter.Value} does not exist; add it first");

    private static int KindOf(Instruction instruction) => instruction switch
    {
        GotoTableInstruction => 1,
        WriteMetadataInstruction => 2,
        WriteActionsInstruction => 3,
        ApplyActionsInstruction => 4,
        ClearActionsInstruction => 5,
        MeterInstruction => 6,
        _ => 7,
    };
}
