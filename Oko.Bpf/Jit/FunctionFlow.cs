using Oko.Bpf.Isa;
using Oko.Bpf.Loading;

namespace Oko.Bpf.Jit;

/// <summary>The instructions of one function. Immutable by convention.</summary>
/// <param name="Start">First slot of the function, where it is entered.</param>
/// <param name="Slots">Its reachable instructions, rising.</param>
/// <param name="Targets">Those to which a jump leads, and the start.</param>
internal sealed record FunctionFlow(int Start, List<int> Slots, HashSet<int> Targets)
{
    /// <summary>Finds a function by following jumps, but not calls.</summary>
    public static FunctionFlow Find(VerifiedProgram program, int start)
    {
        var found = new SortedSet<int>();
        var targets = new HashSet<int> { start };
        var pending = new Stack<int>([start]);
        while (pending.TryPop(out int slot))
        {
            if (!program.Reachable[slot] || !found.Add(slot))
            {
                continue;
            }

            foreach ((int next, bool isJump) in Next(program.Instructions[slot], slot))
            {
                pending.Push(next);
                if (isJump)
                {
                    targets.Add(next);
                }
            }
        }

        return new FunctionFlow(start, [.. found], targets);
    }

    /// <summary>Where the function goes on after an instruction, and whether by a jump.</summary>
    public static IEnumerable<(int Slot, bool IsJump)> Next(Instruction instruction, int slot)
    {
        if (instruction.IsConditionalJump || instruction.IsUnconditionalJump)
        {
            yield return ((int)instruction.JumpTarget(slot), true);
        }

        if (!instruction.IsExit && !instruction.IsUnconditionalJump)
        {
            yield return (slot + instruction.Slots, false);
        }
    }
}
