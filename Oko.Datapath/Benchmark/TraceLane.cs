using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Interop;
using Oko.Datapath.Ports;

namespace Oko.Datapath.Benchmark;

// The worker is the real one, with its rounds, its rings and its clock. Only what fills the receive ring is not: the port writes
// packets of its flows into the free frames beforehand, tens of thousands at a time and so over more memory than the caches next
// to the core hold, and stops the clock meanwhile. While the clock runs, receiving is handing out descriptors, which is what it is with
// a network interface that writes packets by itself.

/// <summary>A worker's part of a <see cref="TracePort"/>.</summary>
internal sealed unsafe class TraceLane : PortLane, IDisposable
{
    private const int SegmentPackets = TracePort.SegmentPackets;

    private readonly FlowTrace _trace;
    private readonly double _burstScale;
    private readonly Eventfd _play = new();
    private readonly ManualResetEventSlim _played = new();
    private readonly FrameDescriptor* _segment = (FrameDescriptor*)NativeMemory.Alloc(SegmentPackets, (nuint)sizeof(FrameDescriptor));
    private RandomSequence _random;
    private int _flow;
    private int _burst;
    private int _next;
    private int _written;
    private bool _isPlaying;
    private long _left, _packets, _elapsed, _allocated;
    private long _started, _allocatedBefore;

    internal TraceLane(TracePort port, Umem umem, FlowTrace trace, ulong seed, double burstScale)
        : base(port, umem)
    {
        _trace = trace;
        _random = new RandomSequence(seed);
        _burstScale = burstScale;
    }

    /// <inheritdoc/>
    public override int PollHandle => _play.Fd;

    /// <summary>Any thread but the worker's: has the worker receive that many packets.</summary>
    internal void Begin(long packets)
    {
        _played.Reset();
        _left = packets;
        _packets = _elapsed = _allocated = 0;
        Volatile.Write(ref _isPlaying, true);
        _play.Signal();
    }

    /// <summary>The same thread: waits until the worker has dealt with them.</summary>
    internal PlayFigures Wait()
    {
        _played.Wait();
        return new PlayFigures(_packets, _elapsed, _allocated);
    }

    /// <inheritdoc/>
    public override int Receive(FrameDescriptor* batch, int capacity)
    {
        if (_next == _written && !(Volatile.Read(ref _isPlaying) && TryTurn()))
        {
            return 0;
        }

        // SAFETY: _written <= SegmentPackets, and the caller's batch holds capacity descriptors.
        var count = Math.Min(capacity, _written - _next);
        new Span<FrameDescriptor>(_segment + _next, count).CopyTo(new Span<FrameDescriptor>(batch, capacity));
        _next += count;
        return count;
    }

    /// <inheritdoc/>
    public override int Transmit(int queue, FrameDescriptor* batch, int count)
    {
        NullPort.Free(Umem.Frames, batch, count);
        return count;
    }

    /// <inheritdoc/>
    public override void Reap()
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.Free(_segment);
        _play.Dispose();
        _played.Dispose();
    }

    /// <summary>All packets of a segment have been dealt with: stops the clock and writes the next, or ends.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryTurn()
    {
        if (_started != 0)
        {
            _elapsed += Stopwatch.GetTimestamp() - _started;
            _allocated += GC.GetAllocatedBytesForCurrentThread() - _allocatedBefore;
            _packets += _written;
        }

        if (_left == 0)
        {
            _started = 0;
            _next = _written = 0;
            _isPlaying = false;
            _play.Clear();
            _played.Set();
            return false;
        }

        WriteSegment();
        _allocatedBefore = GC.GetAllocatedBytesForCurrentThread();
        _started = Stopwatch.GetTimestamp();
        return true;
    }

    private void WriteSegment()
    {
        var count = (int)Math.Min(_left, Math.Min(SegmentPackets, Umem.Frames.FreeCount - TracePort.SpareFrames));
        for (var index = 0; index < count; index++)
        {
            // SAFETY: more frames are free than the segment has packets, and a frame holds all headers behind its headroom.
            Umem.Frames.TryAllocate(out var address);
            address += AfXdp.Umem.Headroom;
            var length = _trace.CopyTo(NextFlow(), Umem.Memory + address);
            _segment[index] = new FrameDescriptor(address, (uint)length);
        }

        _next = 0;
        _written = count;
        _left -= count;
    }

    private int NextFlow()
    {
        if (_burst == 0)
        {
            _flow = _random.Below(_trace.Count);
            _burst = _burstScale == 0 ? 1 : (int)Math.Clamp(Math.Ceiling(_burstScale / (1 - _random.Fraction())), 1, SegmentPackets);
        }

        _burst--;
        return _flow;
    }
}
