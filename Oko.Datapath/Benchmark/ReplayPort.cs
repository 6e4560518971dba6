using Oko.Datapath.AfXdp;

namespace Oko.Datapath.Benchmark;

// As with TracePort the worker is the real one, and the clock stands while packets are written. What is written here is whole packets, as an
// interface does, in pieces that the cache which all cores share holds and the caches next to one core do not: so the switch finds each packet
// where direct cache access of a network interface would have left it, and copies of packets are neither cheaper nor dearer than there.

/// <summary>Plays a trace from memory.</summary>
/// <param name="umem">Packet memory of the worker, <see cref="FrameCount"/> frames.</param>
/// <param name="number">OpenFlow port number.</param>
/// <param name="trace">The packets; owned by the caller, who disposes it after the port.</param>
/// <param name="neighbour">The port to a neighbour that all packets go to first, or null.</param>
public sealed unsafe class ReplayPort(Umem umem, uint number, PacketTrace trace, NeighbourPort? neighbour = null) : PlayingPort(umem, number, neighbour)
{
    /// <summary>Frames that the datapath needs: a segment, and as many again for copies on their way.</summary>
    public const int FrameCount = 2 * SegmentPackets;

    private readonly ulong[] _frames = new ulong[FrameCount];
    private int _position;

    /// <inheritdoc/>
    public override string ModeText => "trace in memory";

    private protected override int Take(FrameDescriptor* batch, int capacity) => Player.Take(batch, capacity);

    private protected override int WriteSegment(long most)
    {
        // In the order of memory, whatever order they came back in: a program that drops packets mixes them, and how fast a core reads packets depends on
        // that, too.
        var free = 0;
        while (free < FrameCount && Umem.Frames.TryAllocate(out _frames[free]))
        {
            free++;
        }

        Array.Sort(_frames, 0, free);
        var count = (int)most;
        while (free > count)
        {
            Umem.Frames.Free(_frames[--free]);
        }

        for (var index = 0; index < count; index++)
        {
            // SAFETY: all frames were free, twice as many as a segment has packets, and a frame holds what the trace was cut to.
            var address = _frames[index] + Umem.Headroom;
            Player.Segment[index] = new FrameDescriptor(address, (uint)trace.CopyTo(_position, Umem.Memory + address));
            _position = _position + 1 == trace.Count ? 0 : _position + 1;
        }

        return count;
    }
}
