using System.Collections.Immutable;
using Oko.Datapath.Workers;

namespace Oko.Datapath.Meters;

/// <summary>
/// A meter as the worker sees it: each packet takes tokens from every band; of the bands it finds empty the one with the highest
/// rate is applied. Bands are replaced with one reference store. Source: OpenFlow 1.3.5, 5.7 "Meter Table".
/// </summary>
public sealed class Meter(uint id, ImmutableArray<MeterBand> bands)
{
    private MeterBand[] _bands = [.. bands];
    private readonly WorkerCounters _counters = new();

    /// <summary>Meter number.</summary>
    public uint Id { get; } = id;

    /// <summary>The bands, in the controller's order; new ones have full buckets and count from 0.</summary>
    public ImmutableArray<MeterBand> Bands
    {
        get => [.. Volatile.Read(ref _bands)];
        set => Volatile.Write(ref _bands, [.. value]);
    }

    /// <summary>Packets that came to it.</summary>
    public ulong PacketCount => _counters.Packets;

    /// <summary>Bytes that came to it.</summary>
    public ulong ByteCount => _counters.Bytes;

    /// <summary>Worker: counts a packet; returns the band to apply, or null if it is within all rates.</summary>
    internal MeterBand? Measure(int worker, int bytes, long now)
    {
        _counters.Count(worker, bytes);
        MeterBand? exceeded = null;
        foreach (var band in Volatile.Read(ref _bands))
        {
            if (!band.TryTake(bytes, now) && (exceeded is null || band.Rate > exceeded.Rate))
            {
                exceeded = band;
            }
        }

        exceeded?.Count(worker, bytes);
        return exceeded;
    }
}
