using System.Reflection.Emit;
using Oko.Bpf.Execution;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;

namespace Oko.Bpf.Jit;

// How a function that is too large for RyuJIT is cut.
//
// Its instructions, in their order, are dealt out to parts of about equal size; each part becomes a method. A part begins by taking all registers
// from memory and jumping to where it was asked to go on; when control leaves it, it puts them back and returns where to go on, or that
// the function is over. The function itself is a loop that calls the part in which that place lies. Stack and registers are its own
// locals. The places where parts are entered, the entries, are numbered through; those of one part have consecutive numbers.
//
// Size is counted in references to locals, of which an optimised method may have 8,000: that limit is reached first. An instruction weighs
// two or three; one that may become several basic blocks weighs more, so that their limit of 2,000 is kept too.

/// <summary>One method of a function that is split.</summary>
/// <param name="Slots">Its instructions, rising.</param>
/// <param name="Entries">Those at which other parts continue here, rising; not empty.</param>
/// <param name="FirstEntry">Number of the first entry.</param>
/// <param name="Method"><c>int (FilterContext*, ulong* registers, int entry)</c>: the next entry, or <see cref="FunctionParts.Over"/>.</param>
internal sealed record FunctionPart(List<int> Slots, List<int> Entries, int FirstEntry, DynamicMethod Method);

/// <summary>The parts of a function that is split. Immutable by convention.</summary>
internal sealed class FunctionParts
{
    /// <summary>The weight up to which a function is one method.</summary>
    public const int MaxWeight = 7000;

    /// <summary>The weight of a part: smaller than it might be, since RyuJIT's time grows faster than the method.</summary>
    public const int PartWeight = 3500;

    /// <summary>What a part returns when the function is over; the result is in register 0.</summary>
    public const int Over = -1;

    private const int JumpWeight = 4;
    private const int CallWeight = 20;

    private static readonly Type[] Parameters = [typeof(FilterContext).MakePointerType(), typeof(ulong).MakePointerType(), typeof(int)];

    private readonly List<int> _entries;

    private FunctionParts(List<int> entries, List<FunctionPart> parts)
    {
        _entries = entries;
        Parts = parts;
    }

    /// <summary>The parts, in the order of their instructions.</summary>
    public IReadOnlyList<FunctionPart> Parts { get; }

    /// <summary>Cuts a function; null when it is small enough for one method.</summary>
    /// <param name="program">The program.</param>
    /// <param name="flow">The function.</param>
    /// <param name="maxWeight">Weight up to which it stays whole.</param>
    /// <param name="partWeight">Weight of a part.</param>
    public static FunctionParts? Plan(VerifiedProgram program, FunctionFlow flow, int maxWeight, int partWeight)
    {
        int weight = flow.Slots.Sum(slot => Weight(program.Instructions[slot]));
        if (weight <= maxWeight)
        {
            return null;
        }

        var groups = new List<List<int>>();
        var partOf = new Dictionary<int, int>();
        int filled = partWeight;
        foreach (int slot in flow.Slots)
        {
            if (filled >= partWeight)
            {
                groups.Add([]);
                filled = 0;
            }

            filled += Weight(program.Instructions[slot]);
            groups[^1].Add(slot);
            partOf[slot] = groups.Count - 1;
        }

        var entries = new SortedSet<int> { flow.Start };
        foreach (int slot in flow.Slots)
        {
            foreach ((int next, _) in FunctionFlow.Next(program.Instructions[slot], slot))
            {
                if (partOf[next] != partOf[slot])
                {
                    entries.Add(next);
                }
            }
        }

        var parts = new List<FunctionPart>();
        int first = 0;
        foreach (List<int> group in groups)
        {
            List<int> own = [.. entries.GetViewBetween(group[0], group[^1])];
            var method = new DynamicMethod(
                $"filter {program.Name}, slots {group[0]} to {group[^1]}", typeof(int), Parameters, typeof(FunctionParts).Module, skipVisibility: true)
            {
                InitLocals = false,
            };
            parts.Add(new FunctionPart(group, own, first, method));
            first += own.Count;
        }

        return new FunctionParts([.. entries], parts);
    }

    /// <summary>The number of an entry.</summary>
    public int EntryNumber(int slot) => _entries.BinarySearch(slot);

    private static int Weight(Instruction instruction) => instruction.Class switch
    {
        InstructionClass.Jmp or InstructionClass.Jmp32 => instruction.Opcode == Opcode.Call ? CallWeight : JumpWeight,
        InstructionClass.Ldx or InstructionClass.St => 2,
        InstructionClass.Ld => instruction.IsWide ? 1 : CallWeight,
        _ => 3,
    };
}
