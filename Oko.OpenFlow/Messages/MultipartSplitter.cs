using System.Collections.Immutable;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Messages;

/// <summary>
/// Cuts a reply that does not fit one message into parts, on the borders of entries; all but the last have OFPMPF_REPLY_MORE.
/// Source: OpenFlow 1.3.5, 7.3.5.
/// </summary>
public static class MultipartSplitter
{
    // Less than a message could hold, so that nothing depends on its last bytes, but the ports of a large switch in one: Floodlight reads no
    // second part of them.
    private const int MaxBodyBytes = 1023 * 64;

    /// <summary>The messages to send, in order; at least one.</summary>
    /// <exception cref="ArgumentException">A single entry is larger than a message.</exception>
    public static IEnumerable<MultipartReply> Split(MultipartBody body, uint xid)
    {
        IEnumerable<MultipartBody> parts = body switch
        {
            FlowStatsReply flows => Parts(flows.Entries, MultipartCodec.WriteFlow, part => new FlowStatsReply(part)),
            TableStatsReply tables => Parts(tables.Entries, 24, part => new TableStatsReply(part)),
            PortStatsReply ports => Parts(ports.Entries, 112, part => new PortStatsReply(part)),
            PortDescriptionReply ports => Parts(ports.Ports, 64, part => new PortDescriptionReply(part)),
            GroupStatsReply groups => Parts(groups.Entries, GroupCodec.WriteStats, part => new GroupStatsReply(part)),
            GroupDescriptionReply groups => Parts(groups.Groups, GroupCodec.WriteDescription, part => new GroupDescriptionReply(part)),
            QueueStatsReply queues => Parts(queues.Queues, QueueCodec.WriteStats, part => new QueueStatsReply(part)),
            MeterStatsReply meters => Parts(meters.Entries, MeterCodec.WriteStats, part => new MeterStatsReply(part)),
            MeterConfigurationReply meters => Parts(meters.Meters, MeterCodec.WriteConfiguration, part => new MeterConfigurationReply(part)),
            TableFeatures tables => Parts(tables.Entries, TableFeaturesCodec.WriteEntry, part => new TableFeatures(part)),
            FilterDescriptionReply filters => Parts(
                filters.Entries, filter => OkoMultipartCodec.FilterFixedBytes + (OkoMultipartCodec.MapBytes * filter.Maps.Length), part => new FilterDescriptionReply(part)),
            FilterStatsReply filters => Parts(filters.Entries, 56, part => new FilterStatsReply(part)),
            MapDumpReply dump => Parts(dump.Entries, checked((int)(dump.KeySize + dump.ValueSize)), part => dump with { Entries = part }),
            _ => [body],
        };
        MultipartBody? waiting = null;
        foreach (var part in parts)
        {
            if (waiting is not null)
            {
                yield return new MultipartReply(waiting, More: true) { Xid = xid };
            }

            waiting = part;
        }

        yield return new MultipartReply(waiting!) { Xid = xid };
    }

    private static IEnumerable<MultipartBody> Parts<T>(ImmutableArray<T> entries, Action<WireWriter, T> write, Func<ImmutableArray<T>, MultipartBody> make)
    {
        return Parts(entries, entry =>
        {
            var writer = new WireWriter();
            write(writer, entry);
            return writer.Length;
        }, make);
    }

    private static IEnumerable<MultipartBody> Parts<T>(ImmutableArray<T> entries, int size, Func<ImmutableArray<T>, MultipartBody> make) =>
        Parts(entries, _ => size, make);

    private static IEnumerable<MultipartBody> Parts<T>(ImmutableArray<T> entries, Func<T, int> sizeOf, Func<ImmutableArray<T>, MultipartBody> make)
    {
        var start = 0;
        var bytes = 0;
        for (var index = 0; index < entries.Length; index++)
        {
            var size = sizeOf(entries[index]);
            if (size > MaxBodyBytes)
            {
                throw new ArgumentException($"entry {index} has {size} bytes; a multipart message holds at most {MaxBodyBytes}", nameof(entries));
            }

            if (bytes + size > MaxBodyBytes)
            {
                yield return make(entries[start..index]);
                start = index;
                bytes = 0;
            }

            bytes += size;
        }

        yield return make(entries[start..]);
    }
}
