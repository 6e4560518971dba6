using Oko.Datapath.AfXdp;
using Oko.Datapath.Ports;

namespace Oko.Datapath.Benchmark;

// As with TracePort the worker is the real one, and the clock stands while packets are written. What is written here is whole packets, as an
// interface does, in pieces that the cache which all cores share holds and the caches next to one core do not: so the switch finds each packet
// where direct cache access of a network interface would have left it, and copies of packets are neither cheaper nor dearer than there.

/// <summary>A port that plays a trace into the switch, in order and over and over, and measures how long its worker takes for it. Loses
/// nothing: with a neighbour behind the switch it gives out packets only as fast as that takes them.</summary>
public sealed unsafe class ReplayPort : SingleLanePort
{
    /// <summary>Most packets between two moments at which the clock stands still.</summary>
    public const int SegmentPackets = 4096;

    /// <summary>Frames that the datapath needs: a segment, and as many again for copies on their way.</summary>
    public const int FrameCount = 2 * SegmentPackets;

    private readonly PacketTrace _trace;
    private readonly NeighbourPort? _neighbour;
    private readonly ulong[] _frames = new ulong[FrameCount];
    private readonly SegmentPlayer _player;
    private int _position;

    /// <summary>Makes a port.</summary>
    /// <param name="umem">Packet memory of the worker, <see cref="FrameCount"/> frames.</param>
    /// <param name="number">OpenFlow port number.</param>
    /// <param name="trace">The packets; owned by the caller, who disposes it after the port.</param>
    /// <param name="neighbour">The port to a neighbour that all packets go to first, or null.</param>
    public ReplayPort(Umem umem, uint number, PacketTrace trace, NeighbourPort? neighbour = null)
        : base(umem, number, "replay", new MacAddress(0x02_00_00_00_00_00UL | number))
    {
        _trace = trace;
        _neighbour = neighbour;
        _player = new SegmentPlayer(SegmentPackets, WriteSegment);
    }

    /// <inheritdoc/>
    public override string ModeText => "trace in memory";

    /// <inheritdoc/>
    public override int PollHandle => _player.PollHandle;

    /// <summary>After <see cref="Play"/>: time per packet of each of its segments in nanoseconds.</summary>
    public IReadOnlyList<double> SegmentNanoseconds => _player.SegmentNanoseconds;

    /// <summary>Any thread but the worker's: has the worker receive packets and waits until all of them have left the switch.</summary>
    /// <param name="packets">How many, 1 or more.</param>
    /// <param name="limit">How long that may take.</param>
    /// <exception cref="TimeoutException">It took longer: the neighbour does not give all of them back. The port can play no more.</exception>
    public PlayFigures Play(long packets, TimeSpan limit)
    {
        _player.Begin(packets);
        return _player.Wait(limit);
    }

    /// <inheritdoc/>
    public override int Receive(FrameDescriptor* batch, int capacity)
    {
        // What has come back from the neighbour in an earlier round has been sent in that round.
        if (_player.IsEmpty && (!_player.IsPlaying || _neighbour is { Outside: > 0 } || !_player.TryTurn()))
        {
            return 0;
        }

        return _neighbour is not null && _neighbour.Room < capacity ? 0 : _player.Take(batch, capacity);
    }

    /// <inheritdoc/>
    public override int Transmit(int queue, FrameDescriptor* batch, int count)
    {
        NullPort.Free(Umem.Frames, batch, count);
        return count;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _player.Dispose();

    private int WriteSegment(long most)
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
            _player.Segment[index] = new FrameDescriptor(address, (uint)_trace.CopyTo(_position, Umem.Memory + address));
            _position = _position + 1 == _trace.Count ? 0 : _position + 1;
        }

        return count;
    }
}
