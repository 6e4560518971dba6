using System.Collections.Immutable;
using Oko.Bpf.Isa;

namespace Oko.Bpf.Loading;

/// <summary>A program that the verifier accepted, with the facts it proved. Both engines rely on them without checking
/// again. Immutable by convention: nobody writes the arrays after construction.</summary>
public sealed record VerifiedProgram
{
    /// <summary>Name of the program, for people.</summary>
    public required string Name { get; init; }

    /// <summary>The slots, context accesses already rewritten to <see cref="Execution.FilterContext"/>'s layout. A wide
    /// load with source <see cref="WideImmediateKind.Map"/> holds an index into <see cref="Maps"/>.</summary>
    public required Instruction[] Instructions { get; init; }

    /// <summary>Registers on entry and meaning of the result.</summary>
    public required EntryConvention Convention { get; init; }

    /// <summary>Per slot: some execution may reach it. The second slot of a wide load counts as its first.</summary>
    public required bool[] Reachable { get; init; }

    /// <summary>Proven upper bound of instructions executed in one run.</summary>
    public required int WorstCaseInstructions { get; init; }

    /// <summary>Bytes of stack that a frame uses at most, 0..512, over all functions.</summary>
    public required int StackBytes { get; init; }

    /// <summary>Per slot: for a helper call, the index of the map known to be in r1, or -1.</summary>
    public required int[] MapAtCall { get; init; }

    /// <summary>Per slot: for a call of <c>bpf_loop</c> or <c>bpf_for_each_map_elem</c>, the first slot of the callback, else -1.
    /// Empty when the program has no callbacks.</summary>
    public int[] CallbackAtCall { get; init; } = [];

    /// <summary>How the program uses its stack, or null: nothing is known, and all of it stays in memory.</summary>
    public StackFacts? Stack { get; init; }

    /// <summary>The maps that the program names, in order of their index.</summary>
    public required ImmutableArray<MapSpec> Maps { get; init; }

    /// <summary>Helper numbers are Oko's, not Linux' (see <see cref="Helpers.HelperTable"/>).</summary>
    public required bool OkoHelpers { get; init; }

    /// <summary>First slots of all functions, rising; the first is 0, the entry.</summary>
    public required int[] FunctionStarts { get; init; }

    /// <summary>Initial values of array maps that stand for data sections (<c>.rodata</c>, <c>.data</c>): map index to the
    /// bytes of element 0. Empty when there are none.</summary>
    public ImmutableDictionary<int, byte[]> InitialValues { get; init; } = ImmutableDictionary<int, byte[]>.Empty;

    /// <summary>What people should know about the way the program runs, or null: one sentence without full stop.</summary>
    public string? Remark { get; init; }

    /// <summary>SHA-256 of the object the program came from; 32 bytes, or empty when it came from no object.</summary>
    public ImmutableArray<byte> Sha256 { get; init; } = [];
}
