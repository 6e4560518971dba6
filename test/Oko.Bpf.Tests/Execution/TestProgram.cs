using Oko.Bpf.Execution;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;
using Oko.Bpf.Text;

namespace Oko.Bpf.Tests.Execution;

/// <summary>Programs for engine tests, with the facts a verifier would have found.</summary>
internal static class TestProgram
{
    public static VerifiedProgram Assemble(
        string source, EntryConvention convention = EntryConvention.Oko, bool okoHelpers = false, params MapSpec[] maps)
    {
        Instruction[] instructions = Assembler.Assemble(source);
        VerifiedProgram raw = RawProgram.Wrap(instructions, convention);
        return new VerifiedProgram
        {
            Name = "test",
            Instructions = instructions,
            Convention = convention,
            Reachable = raw.Reachable,
            WorstCaseInstructions = instructions.Length,
            StackBytes = raw.StackBytes,
            MapAtCall = MapsAtCalls(instructions),
            Maps = [.. maps],
            OkoHelpers = okoHelpers,
            FunctionStarts = raw.FunctionStarts,
        };
    }

    /// <summary>The same program with no knowledge about maps at calls.</summary>
    public static VerifiedProgram WithUnknownMaps(VerifiedProgram program) => new()
    {
        Name = program.Name,
        Instructions = program.Instructions,
        Convention = program.Convention,
        Reachable = program.Reachable,
        WorstCaseInstructions = program.WorstCaseInstructions,
        StackBytes = program.StackBytes,
        MapAtCall = [.. Enumerable.Repeat(-1, program.Instructions.Length)],
        Maps = program.Maps,
        OkoHelpers = program.OkoHelpers,
        FunctionStarts = program.FunctionStarts,
    };

    // Straight-line code only: the last map loaded into r1 before the call.
    private static int[] MapsAtCalls(Instruction[] instructions)
    {
        var maps = new int[instructions.Length];
        int current = -1;
        for (int slot = 0; slot < instructions.Length; slot += instructions[slot].Slots)
        {
            Instruction instruction = instructions[slot];
            bool loadsMap = instruction.IsWide && instruction.Src == WideImmediateKind.Map && instruction.Dst == 1;
            current = loadsMap ? instruction.Immediate : current;
            maps[slot] = instruction.IsHelperCall ? current : -1;
        }

        return maps;
    }
}
