using System.Collections.Immutable;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Ports;

namespace Oko.Datapath.Benchmark;

/// <summary>What playing took.</summary>
/// <param name="Packets">Packets that were received.</param>
/// <param name="Nanoseconds">Time from the first received to the last one's end.</param>
/// <param name="AllocatedBytes">Bytes that the worker's thread allocated in that time.</param>
public readonly record struct PlayFigures(long Packets, long Nanoseconds, long AllocatedBytes);

/// <summary>A port that plays packets of many flows into the switch and measures how long its workers take for them.</summary>
public sealed class TracePort : Port
{
    /// <summary>Most packets between two moments at which a worker's clock stands still.</summary>
    public const int SegmentPackets = 65536;

    /// <summary>Frames left for copies of packets.</summary>
    public const int SpareFrames = 4096;

    private readonly ImmutableArray<TraceLane> _lanes;

    /// <summary>Makes a port.</summary>
    /// <param name="umems">Packet memory of each worker that shall play: <see cref="SegmentPackets"/> and <see cref="SpareFrames"/> frames each are
    /// enough.</param>
    /// <param name="number">OpenFlow port number.</param>
    /// <param name="trace">The flows, at least one; owned by the caller, who disposes it after the port.</param>
    /// <param name="seed">Of the order of the packets.</param>
    /// <param name="burstScale">0: each packet is of any flow, all equally likely. Else a flow sends bursts, of a length after the Pareto
    /// distribution with shape 1 and this scale, as in ClassBench's traces.</param>
    public TracePort(ImmutableArray<Umem> umems, uint number, FlowTrace trace, ulong seed, double burstScale = 0)
        : base(number, "trace", new MacAddress(0x02_00_00_00_00_00UL | number))
    {
        _lanes = [.. umems.Select((umem, lane) => new TraceLane(this, umem, trace, seed + (ulong)lane, burstScale))];
        Lanes = ImmutableArray<PortLane>.CastUp(_lanes);
    }

    /// <inheritdoc/>
    public override ImmutableArray<PortLane> Lanes { get; }

    /// <inheritdoc/>
    public override string ModeText => "trace in memory";

    /// <summary>Any thread but a worker's: has the workers receive packets, all at once, and waits until they have dealt with them.</summary>
    /// <param name="packets">How many, 1 or more for each worker; they are shared out evenly.</param>
    /// <returns>Packets and bytes of all, and the time that the slowest took.</returns>
    public PlayFigures Play(long packets)
    {
        foreach (var lane in _lanes)
        {
            lane.Begin(packets / _lanes.Length);
        }

        return _lanes.Select(lane => lane.Wait()).ToList().Aggregate((a, b) =>
            new PlayFigures(a.Packets + b.Packets, Math.Max(a.Nanoseconds, b.Nanoseconds), a.AllocatedBytes + b.AllocatedBytes));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        foreach (var lane in _lanes)
        {
            lane.Dispose();
        }
    }
}
