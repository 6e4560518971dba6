using System.Collections.Immutable;

namespace Oko.Bpf.Loading;

/// <summary>Bytes of a stack frame that a helper is given the address of.</summary>
/// <param name="Offset">First byte, relative to r10 of the function that owns the frame; -512 to -1.</param>
/// <param name="Size">Number of bytes.</param>
/// <param name="IsWritten">The helper writes them, else it reads them.</param>
public readonly record struct StackRange(int Offset, int Size, bool IsWritten);

/// <summary>How a verified program uses its stack frames: what the compiler must know to keep stack bytes in locals instead of
/// memory. Immutable by convention.</summary>
public sealed record StackFacts
{
    /// <summary>Per slot of a load, store or atomic operation: the one offset from r10 (-512 to -1) of the running function's own frame
    /// that it accesses whenever it runs; 0 when it accesses other memory, or not always the same bytes.</summary>
    public required int[] OffsetAt { get; init; }

    /// <summary>Per slot of a helper call: the bytes of the running function's own frame that the helper reads or writes, over all
    /// executions. Calls that touch no stack are left out.</summary>
    public required IReadOnlyDictionary<int, ImmutableArray<StackRange>> RangesAtCall { get; init; }

    /// <summary>Slots of atomic operations that, in some execution, change the stack.</summary>
    public required IReadOnlySet<int> AtomicAt { get; init; }

    /// <summary>Per first slot of a function: which bytes of its frame (index 0 is r10-512) are reached in any other way (variable
    /// offsets, atomic operations, other functions, callbacks) and must be in memory at all times.</summary>
    public required IReadOnlyDictionary<int, bool[]> Pinned { get; init; }
}
