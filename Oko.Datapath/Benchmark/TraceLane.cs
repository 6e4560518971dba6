using Oko.Datapath.AfXdp;
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
    private readonly SegmentPlayer _player;
    private RandomSequence _random;
    private int _flow;
    private int _burst;

    internal TraceLane(TracePort port, Umem umem, FlowTrace trace, ulong seed, double burstScale)
        : base(port, umem)
    {
        _trace = trace;
        _random = new RandomSequence(seed);
        _burstScale = burstScale;
        _player = new SegmentPlayer(SegmentPackets, WriteSegment);
    }

    /// <inheritdoc/>
    public override int PollHandle => _player.PollHandle;

    /// <summary>Any thread but the worker's: has the worker receive that many packets.</summary>
    internal void Begin(long packets) => _player.Begin(packets);

    /// <summary>The same thread: waits until the worker has dealt with them.</summary>
    internal PlayFigures Wait() => _player.Wait(Timeout.InfiniteTimeSpan);

    /// <inheritdoc/>
    public override int Receive(FrameDescriptor* batch, int capacity) =>
        _player.IsEmpty && !(_player.IsPlaying && _player.TryTurn()) ? 0 : _player.Take(batch, capacity);

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
    public void Dispose() => _player.Dispose();

    private int WriteSegment(long most)
    {
        var count = (int)Math.Min(most, Umem.Frames.FreeCount - TracePort.SpareFrames);
        for (var index = 0; index < count; index++)
        {
            // SAFETY: more frames are free than the segment has packets, and a frame holds all headers behind its headroom.
            Umem.Frames.TryAllocate(out var address);
            address += AfXdp.Umem.Headroom;
            var length = _trace.CopyTo(NextFlow(), Umem.Memory + address);
            _player.Segment[index] = new FrameDescriptor(address, (uint)length);
        }

        return count;
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
