using Oko.Datapath.AfXdp;
using Oko.Datapath.Ports;

namespace Oko.Datapath.Benchmark;

// SAFETY: batches hold as many descriptors as the worker says; their frames are the port's until they are handed out, and again when they are sent.

/// <summary>A port that has its worker receive the packets of a trace, in order and over and over, and measures how long the worker takes for
/// them; the clock stands while the next piece of the trace is made ready. Loses nothing: with a neighbour behind the switch it gives out
/// packets only as fast as that takes them.</summary>
public abstract unsafe class PlayingPort : SingleLanePort
{
    /// <summary>Most packets between two moments at which the clock stands still.</summary>
    public const int SegmentPackets = 4096;

    private readonly NeighbourPort? _neighbour;

    /// <summary>Makes a port.</summary>
    /// <param name="umem">Packet memory of the worker.</param>
    /// <param name="number">OpenFlow port number.</param>
    /// <param name="neighbour">The port to a neighbour that all packets go to first, or null.</param>
    protected PlayingPort(Umem umem, uint number, NeighbourPort? neighbour)
        : base(umem, number, "replay", new MacAddress(0x02_00_00_00_00_00UL | number))
    {
        _neighbour = neighbour;
        Player = new SegmentPlayer(SegmentPackets, WriteSegment);
    }

    /// <inheritdoc/>
    public sealed override int PollHandle => Player.PollHandle;

    /// <summary>After <see cref="Play"/>: time per packet of each of its segments in nanoseconds.</summary>
    public IReadOnlyList<double> SegmentNanoseconds => Player.SegmentNanoseconds;

    private protected SegmentPlayer Player { get; }

    /// <summary>Worker: whether packets are still on their way out of the switch.</summary>
    private protected virtual bool IsSending => false;

    /// <summary>Any thread but the worker's: has the worker receive packets and waits until all of them have left the switch.</summary>
    /// <param name="packets">How many, 1 or more.</param>
    /// <param name="limit">How long that may take.</param>
    /// <exception cref="TimeoutException">It took longer: the neighbour does not give all of them back. The port can play no more.</exception>
    public PlayFigures Play(long packets, TimeSpan limit)
    {
        Player.Begin(packets);
        return Player.Wait(limit);
    }

    /// <inheritdoc/>
    public sealed override int Receive(FrameDescriptor* batch, int capacity)
    {
        // What has come back from the neighbour in an earlier round has been handed to its port in that round.
        if (Player.IsEmpty && (!Player.IsPlaying || _neighbour is { Outside: > 0 } || IsSending || !Player.TryTurn()))
        {
            return 0;
        }

        return _neighbour is not null && _neighbour.Room < capacity ? 0 : Take(batch, capacity);
    }

    /// <inheritdoc/>
    public sealed override int Transmit(int queue, FrameDescriptor* batch, int count)
    {
        NullPort.Free(Umem.Frames, batch, count);
        return count;
    }

    /// <summary>Worker, while the clock stands: makes up to so many packets ready; returns how many.</summary>
    private protected abstract int WriteSegment(long most);

    /// <summary>Worker: fills the batch with packets that are ready; returns how many.</summary>
    private protected abstract int Take(FrameDescriptor* batch, int capacity);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => Player.Dispose();
}
