using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Interop;

namespace Oko.Datapath.Benchmark;

/// <summary>Hands packets from memory to a worker and measures how long it takes for them. They come in segments, between which the clock stands
/// still while the next one is written.</summary>
/// <param name="capacity">Most packets of a segment.</param>
/// <param name="write">Worker: writes up to so many packets into <see cref="Segment"/>, or to where they are taken from; returns how many, 1 or more.</param>
internal sealed unsafe class SegmentPlayer(int capacity, Func<long, int> write) : IDisposable
{
    private readonly Eventfd _play = new();
    private readonly ManualResetEventSlim _played = new();
    private readonly List<double> _segmentNanoseconds = [];
    private int _next;
    private int _written;
    private bool _isPlaying;
    private long _left, _packets, _elapsed, _allocated;
    private long _started, _allocatedBefore;

    /// <summary>File descriptor that becomes readable when there is something to play.</summary>
    internal int PollHandle => _play.Fd;

    /// <summary>Worker: where packets are written. SAFETY: room for the capacity, until disposed.</summary>
    internal FrameDescriptor* Segment { get; } = (FrameDescriptor*)NativeMemory.Alloc((nuint)capacity, (nuint)sizeof(FrameDescriptor));

    /// <summary>While nothing plays: time per packet of each segment played last, in nanoseconds.</summary>
    internal IReadOnlyList<double> SegmentNanoseconds => _segmentNanoseconds;

    /// <summary>Worker: whether all packets of the segment were handed out.</summary>
    internal bool IsEmpty => _next == _written;

    /// <summary>Any thread.</summary>
    internal bool IsPlaying => Volatile.Read(ref _isPlaying);

    /// <summary>Any thread but the worker's: has the worker receive that many packets.</summary>
    internal void Begin(long packets)
    {
        _played.Reset();
        _left = packets;
        _packets = _elapsed = _allocated = 0;
        _segmentNanoseconds.Clear();
        // The worker allocates nothing when it notes them.
        _segmentNanoseconds.EnsureCapacity((int)Math.Min(packets, packets / capacity * 2 + 2));
        Volatile.Write(ref _isPlaying, true);
        _play.Signal();
    }

    /// <summary>The same thread: waits until the worker has dealt with them.</summary>
    /// <exception cref="TimeoutException">It took longer than the limit. No more can be played.</exception>
    internal PlayFigures Wait(TimeSpan limit) => _played.Wait(limit)
        ? new PlayFigures(_packets, _elapsed, _allocated)
        : throw new TimeoutException($"the packets had not left the switch after {limit.TotalSeconds} seconds");

    /// <summary>Worker: takes packets of the segment.</summary>
    internal int Take(FrameDescriptor* batch, int most)
    {
        // SAFETY: _written <= capacity, and the caller's batch holds that many descriptors.
        var count = Math.Min(most, _written - _next);
        new Span<FrameDescriptor>(Segment + _next, count).CopyTo(new Span<FrameDescriptor>(batch, most));
        _next += count;
        return count;
    }

    /// <summary>Worker: packets of the segment that were not handed out yet.</summary>
    internal int Left => _written - _next;

    /// <summary>Worker: packets of the segment were handed out in another way, at most <see cref="Left"/>.</summary>
    internal void NoteTaken(int count) => _next += count;

    /// <summary>Worker, when all packets of a segment have been dealt with: stops the clock and has the next written, or ends.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal bool TryTurn()
    {
        if (_started != 0)
        {
            var elapsed = Stopwatch.GetTimestamp() - _started;
            _elapsed += elapsed;
            _allocated += GC.GetAllocatedBytesForCurrentThread() - _allocatedBefore;
            _packets += _written;
            _segmentNanoseconds.Add((double)elapsed / _written);
        }

        _next = 0;
        if (_left == 0)
        {
            _started = _written = 0;
            _isPlaying = false;
            _play.Clear();
            _played.Set();
            return false;
        }

        _written = write(Math.Min(_left, capacity));
        _left -= _written;
        _allocatedBefore = GC.GetAllocatedBytesForCurrentThread();
        _started = Stopwatch.GetTimestamp();
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.Free(Segment);
        _play.Dispose();
        _played.Dispose();
    }
}
