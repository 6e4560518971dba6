using System.Collections.Immutable;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Messages;

/// <summary>Packet and byte counters of buckets and bands (ofp_bucket_counter, ofp_meter_band_stats).</summary>
internal static class TrafficCounts
{
    internal static TrafficCount Read(ref WireReader reader) => new(reader.U64(), reader.U64());

    internal static ImmutableArray<TrafficCount> ReadAll(ref WireReader reader)
    {
        var counts = ImmutableArray.CreateBuilder<TrafficCount>();
        while (reader.Remaining > 0)
        {
            counts.Add(Read(ref reader));
        }

        return counts.ToImmutable();
    }

    internal static void Write(WireWriter writer, TrafficCount count)
    {
        writer.U64(count.Packets);
        writer.U64(count.Bytes);
    }
}
