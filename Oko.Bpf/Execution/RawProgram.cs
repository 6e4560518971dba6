using Oko.Bpf.Isa;
using Oko.Bpf.Loading;

namespace Oko.Bpf.Execution;

/// <summary>Programs that no verifier has seen, put in the form the engines take. For the conformance suite and tests of the
/// engines only, hence internal: such a program can read and write any memory of the process.</summary>
internal static class RawProgram
{
    /// <summary>Wraps a program with the entry registers of <see cref="EntryConvention.Oko"/>.</summary>
    /// <exception cref="FormatException">A jump or local call leaves the program, or the end can be run into.</exception>
    public static VerifiedProgram Wrap(Instruction[] instructions, EntryConvention convention = EntryConvention.Oko)
    {
        var reachable = new bool[instructions.Length];
        var functions = new SortedSet<int> { 0 };
        var pending = new Stack<long>([0]);
        while (pending.TryPop(out long next))
        {
            if (next < 0 || next >= instructions.Length)
            {
                throw new FormatException($"Execution leaves the program at slot {next}.");
            }

            int slot = (int)next;
            if (reachable[slot])
            {
                continue;
            }

            reachable[slot] = true;
            Instruction instruction = instructions[slot];
            if (instruction.IsLocalCall)
            {
                functions.Add((int)Math.Clamp(instruction.CallTarget(slot), 0, instructions.Length - 1));
                pending.Push(instruction.CallTarget(slot));
            }

            if (instruction.IsConditionalJump || instruction.IsUnconditionalJump)
            {
                pending.Push(instruction.JumpTarget(slot));
            }

            if (!instruction.IsExit && !instruction.IsUnconditionalJump)
            {
                pending.Push(slot + instruction.Slots);
            }
        }

        return new VerifiedProgram
        {
            Name = "raw",
            Instructions = instructions,
            Convention = convention,
            Reachable = reachable,
            WorstCaseInstructions = instructions.Length,
            StackBytes = Register.StackFrameBytes,
            MapAtCall = [.. Enumerable.Repeat(-1, instructions.Length)],
            Maps = [],
            OkoHelpers = false,
            FunctionStarts = [.. functions],
        };
    }
}
