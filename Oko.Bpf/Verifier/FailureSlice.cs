using Oko.Bpf.Isa;

namespace Oko.Bpf.Verifier;

/// <summary>The instructions that led to a refusal: along the way on which the analysis first came to the refused instruction, those that
/// made the values it uses, and the branches that were decided by such values. Stateless.</summary>
internal static class FailureSlice
{
    private const int MostInstructions = 20, LongestWay = 4096;

    /// <summary>The slots, in order of execution; the refused one is not among them.</summary>
    /// <param name="program">The slots.</param>
    /// <param name="slot">The refused one.</param>
    /// <param name="cameFrom">Per slot the one before it on the way of its first visit, -1 at the start.</param>
    internal static IReadOnlyList<int> Of(Instruction[] program, int slot, int[] cameFrom)
    {
        var slice = new List<int>();
        var wanted = Uses(program[slot]);
        var at = cameFrom[slot];
        for (var steps = 0; at >= 0 && steps < LongestWay && slice.Count < MostInstructions; steps++, at = cameFrom[at])
        {
            var instruction = program[at];
            var written = Writes(instruction);
            if ((written & wanted) != 0)
            {
                wanted = (wanted & ~written) | Uses(instruction);
                slice.Add(at);
            }
            else if (instruction.IsConditionalJump && (Uses(instruction) & wanted) != 0)
            {
                wanted |= Uses(instruction);
                slice.Add(at);
            }
        }

        slice.Reverse();
        return slice;
    }

    private static int Uses(Instruction instruction)
    {
        var (dst, src) = (1 << instruction.Dst, 1 << instruction.Src);
        var registers = instruction.Class switch
        {
            InstructionClass.Ldx => src,
            InstructionClass.Ld => instruction.IsWide ? 0 : src,
            InstructionClass.St => dst,
            InstructionClass.Stx => dst | src,
            InstructionClass.Alu or InstructionClass.Alu64 =>
                (instruction.AluOperation == AluOperation.Mov ? 0 : dst) | (instruction.UsesRegister && instruction.AluOperation != AluOperation.End ? src : 0),
            _ when instruction.IsExit => 1,
            _ when instruction.IsCall => 0b111110,
            _ when instruction.IsConditionalJump => dst | (instruction.UsesRegister ? src : 0),
            _ => 0,
        };
        return registers & ~(1 << Register.FramePointer);
    }

    private static int Writes(Instruction instruction) => instruction.Class switch
    {
        InstructionClass.Ldx or InstructionClass.Alu or InstructionClass.Alu64 => 1 << instruction.Dst,
        InstructionClass.Ld => instruction.IsWide ? 1 << instruction.Dst : 1,
        InstructionClass.Stx when instruction.IsAtomic && (instruction.Immediate & AtomicOperation.Fetch) != 0 => 1 << instruction.Src,
        _ when instruction.IsCall => 0b111111,
        _ => 0,
    };
}
