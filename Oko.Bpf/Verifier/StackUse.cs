using System.Collections.Immutable;
using Oko.Bpf.Loading;

namespace Oko.Bpf.Verifier;

/// <summary>Gathers, over all visits of the analysis, how the program uses its stack frames: what <see cref="StackFacts"/> says. In doubt
/// bytes are pinned, that is, they stay in memory. Used by one verification.</summary>
internal sealed class StackUse(int slots, IEnumerable<int> functions)
{
    // In the place of an offset: the instruction does not always access the same bytes of its own frame.
    private const int Varies = 1;

    private readonly int[] _offsets = new int[slots];
    private readonly Dictionary<int, HashSet<StackRange>> _calls = [];
    private readonly HashSet<int> _atomics = [];
    private readonly Dictionary<int, bool[]> _pinned = functions.ToDictionary(function => function, _ => new bool[StackFrameState.Bytes]);

    /// <summary>An instruction accesses bytes of its own function's frame, at a constant offset from r10.</summary>
    internal void Access(int slot, int function, int offset, int size)
    {
        if (_offsets[slot] == offset)
        {
            return;
        }

        if (_offsets[slot] == 0)
        {
            _offsets[slot] = offset;
            return;
        }

        Pin(function, offset, size);
        AccessElsewhere(slot, function, size);
    }

    /// <summary>An instruction accesses other memory; what it accessed of its own frame on other visits is pinned.</summary>
    internal void AccessElsewhere(int slot, int function, int size)
    {
        if (_offsets[slot] < 0)
        {
            Pin(function, _offsets[slot], size);
        }

        _offsets[slot] = Varies;
    }

    /// <summary>A helper reads or writes bytes of the running function's frame.</summary>
    internal void Call(int slot, StackRange range)
    {
        if (!_calls.TryGetValue(slot, out var ranges))
        {
            _calls[slot] = ranges = [];
        }

        ranges.Add(range);
    }

    /// <summary>An atomic operation changes the stack.</summary>
    internal void Atomic(int slot) => _atomics.Add(slot);

    /// <summary>Bytes of a function's frame must be in memory.</summary>
    internal void Pin(int function, long offset, long size)
    {
        var first = (int)offset + StackFrameState.Bytes;
        Array.Fill(_pinned[function], true, first, (int)size);
    }

    internal StackFacts ToFacts() => new()
    {
        OffsetAt = [.. _offsets.Select(offset => offset == Varies ? 0 : offset)],
        RangesAtCall = _calls.ToDictionary(call => call.Key, call => call.Value.ToImmutableArray()),
        AtomicAt = _atomics,
        Pinned = _pinned,
    };
}
