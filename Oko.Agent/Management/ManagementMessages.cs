using System.Collections.Immutable;
using Google.Protobuf;
using Oko.Agent.Configuration;
using Oko.Agent.Controllers;
using Oko.Agent.Filters;
using Oko.Agent.Management.V1;
using Oko.Bpf.Loading;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Ports;
using Oko.Datapath.Workers;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Text;
using DatapathPort = Oko.Datapath.Ports.Port;
using Port = Oko.Agent.Management.V1.Port;

namespace Oko.Agent.Management;

/// <summary>State of the switch as messages of the management API. Stateless; any thread unless a method says otherwise.</summary>
internal static class ManagementMessages
{
    public static Filter ToMessage(FilterInfo filter) => new()
    {
        FilterId = filter.FilterId,
        Name = filter.Name,
        Generation = filter.Generation,
        Convention = filter.Convention.ToString().ToLowerInvariant(),
        Instructions = (uint)filter.Instructions,
        WorstCaseInstructions = (uint)filter.WorstCaseInstructions,
        CodeBytes = (uint)filter.CodeBytes,
        References = (uint)filter.References,
        Sha256 = ByteString.CopyFrom([.. filter.Sha256]),
        Runs = (ulong)filter.Runs,
        Matches = (ulong)filter.Matches,
        SampledRuns = (ulong)filter.SampledRuns,
        SampledNanoseconds = (ulong)filter.SampledNanoseconds,
        Maps =
        {
            filter.Maps.Select(ToMessage),
        },
    };

    private static FilterMap ToMessage(FilterMapInfo map)
    {
        var message = new FilterMap
        {
            Index = (uint)map.Index,
            Name = map.Spec.Name,
            Type = map.Spec.Type.ToString().ToLowerInvariant(),
            KeySize = map.Spec.KeySize,
            ValueSize = map.Spec.ValueSize,
            MaxEntries = map.Spec.MaxEntries,
        };
        if (map.Entries is { } entries)
        {
            message.Entries = (uint)entries;
        }

        return message;
    }

    public static V1.FilterEventRecord ToMessage(Filters.FilterEventRecord record, bool isJson)
    {
        var message = new V1.FilterEventRecord
        {
            FilterId = record.FilterId,
            Map = record.Map.Name,
            TimeNanoseconds = record.TimeNanoseconds,
            Lost = record.Lost,
        };
        if (isJson)
        {
            message.Json = MapJson.FormatRecord(record);
            return message;
        }

        message.Text = MapText.FormatRecord(record.Map, record.Data);
        message.Record = UnsafeByteOperations.UnsafeWrap(record.Data);
        return message;
    }

    public static MapEntry ToMessage(MapSpec map, byte[] key, byte[] value, bool isJson)
    {
        var message = new MapEntry { RawKey = UnsafeByteOperations.UnsafeWrap(key), RawValue = UnsafeByteOperations.UnsafeWrap(value) };
        if (isJson)
        {
            message.Json = MapJson.FormatEntry(map, key, value);
            return message;
        }

        message.Key = MapText.FormatKey(map, key);
        message.Value = MapText.FormatValue(map, value);
        return message;
    }

    public static V1.MapChange ToMessage(Filters.MapChange change, ulong time, bool isJson)
    {
        var message = new V1.MapChange { Kind = change.Kind, TimeNanoseconds = time };
        if (isJson)
        {
            message.Json = MapJson.FormatChange(change, time);
            return message;
        }

        message.Key = MapText.FormatKey(change.Map, change.Key);
        message.Value = change.Value is null ? string.Empty : MapText.FormatValue(change.Map, change.Value);
        message.OldValue = change.OldValue is null ? string.Empty : MapText.FormatValue(change.Map, change.OldValue);
        return message;
    }

    public static Flow ToMessage(FlowStatsEntry entry) => new()
    {
        Table = entry.Table.Value,
        Priority = entry.Priority,
        Cookie = entry.Cookie.Value,
        FilterId = entry.Match.FilterId ?? 0,
        Packets = entry.PacketCount,
        Bytes = entry.ByteCount,
        DurationSeconds = entry.Duration.TotalSeconds,
        IdleTimeoutSeconds = entry.IdleTimeoutSeconds,
        HardTimeoutSeconds = entry.HardTimeoutSeconds,
        Text = FlowTextFormatter.Format(entry),
        Match = FlowTextFormatter.FormatMatch(entry.Match),
        Actions = FlowTextFormatter.FormatInstructions(entry.Instructions),
    };

    /// <summary>A port with its counters, also those of the kernel. Control thread, which is the one that closes ports.</summary>
    public static Port ToMessage(PortOptions options, DatapathPort? port)
    {
        var message = new Port { Number = options.Number, Name = options.InterfaceName, Link = "absent" };
        if (port is null)
        {
            return message;
        }

        message.Address = port.HardwareAddress.ToString();
        message.Link = (port.StateBits & DatapathPort.StateLinkDown) == 0 ? "up" : "down";
        message.Config.AddRange(DescribeConfig(port.ConfigBits));
        message.Mode = port.ModeText;
        message.SpeedKbps = port.CurrentSpeedKbps;
        var counters = port.Counters;
        message.ReceivedPackets = (ulong)counters.ReceivedPackets;
        message.ReceivedBytes = (ulong)counters.ReceivedBytes;
        message.ReceiveDropped = (ulong)counters.ReceiveDropped;
        message.ReceiveErrors = (ulong)counters.ReceiveErrors;
        message.SentPackets = (ulong)counters.SentPackets;
        message.SentBytes = (ulong)counters.SentBytes;
        message.SendDropped = (ulong)counters.SendDropped;
        message.AfXdp = port is AfXdpPort device ? ToMessage(device) : null;
        return message;
    }

    private static AfXdp ToMessage(AfXdpPort port)
    {
        var kernel = port.ReadStatistics();
        return new AfXdp
        {
            RxDropped = (ulong)kernel.Dropped,
            RxInvalidDescs = (ulong)kernel.ReceiveInvalid,
            TxInvalidDescs = (ulong)kernel.TransmitInvalid,
            RxRingFull = (ulong)kernel.ReceiveRingFull,
            RxFillRingEmptyDescs = (ulong)kernel.FillRingEmpty,
            TxRingEmptyDescs = (ulong)kernel.TransmitRingEmpty,
            TxRingFull = (ulong)port.RingFullPackets,
            LiveFrames = (ulong)port.InjectedPackets,
            LiveFramesRefused = (ulong)port.LostInjections,
            Queues = (uint)port.ReceiveQueueCount,
        };
    }

    /// <summary>The packet balance and the sizes of things. Control thread.</summary>
    public static GetStatisticsReply DescribeStatistics(SwitchParts parts)
    {
        var balance = parts.Datapath.GetBalance();
        var flows = parts.Rules.GetAggregateStats(
            new AggregateStatsRequest(TableId.All, PortNumber.Any, GroupId.Any, default, 0, FlowMatch.Any), ConnectionView.Everything);
        return new GetStatisticsReply
        {
            DatapathId = parts.DatapathId,
            UptimeSeconds = (Oko.Datapath.Workers.Datapath.NowNanoseconds - parts.StartedNanoseconds) / 1e9,
            Received = (ulong)balance.Received,
            Injected = (ulong)balance.Injected,
            Cloned = (ulong)balance.Cloned,
            Sent = (ulong)balance.Sent,
            ToController = (ulong)balance.ToController,
            Consumed = (ulong)balance.Consumed,
            Drops =
            {
                balance.Drops.Select((packets, reason) => new DropCount
                {
                    Reason = DropReasons.Name((DropReason)reason),
                    Description = DropReasons.Describe((DropReason)reason),
                    Packets = (ulong)packets,
                }),
            },
            CompletedChecksums = (ulong)parts.Datapath.CompletedChecksums,
            DroppedPacketOuts = (ulong)parts.Rules.DroppedPacketOuts,
            Flows = flows.FlowCount,
            Filters = (uint)parts.Filters.List().Count,
            MapBytes = (ulong)parts.Filters.MapBytes,
            Connections = (uint)(parts.Controllers?.ConnectionCount ?? 0),
            DroppedPacketIns = (ulong)(parts.Controllers?.DroppedPacketIns ?? 0),
            WorkerGaps = Describe(parts.Datapath.WorkerGaps),
            CollectionPauses = Describe(parts.Collections.Pauses),
            Collections = { CollectionsOf(0), CollectionsOf(1), CollectionsOf(2) },
            CollectionPauseSeconds = GC.GetTotalPauseDuration().TotalSeconds,
        };
    }

    private static Pauses Describe(params ImmutableArray<PauseCounts> pauses) => new()
    {
        Counts = { Enumerable.Range(0, PauseCounts.ClassCount).Select(pauseClass => (ulong)pauses.Sum(each => each[pauseClass])) },
        LongestMilliseconds = pauses.Max(each => each.LongestNanoseconds) / 1e6,
    };

    /// <summary>The runtime counts a collection of a generation as one of the younger ones, too.</summary>
    private static uint CollectionsOf(int generation) =>
        (uint)(GC.CollectionCount(generation) - (generation < GC.MaxGeneration ? GC.CollectionCount(generation + 1) : 0));

    private static IEnumerable<string> DescribeConfig(uint bits)
    {
        (uint Bit, string Name)[] names =
        [
            (DatapathPort.ConfigDown, "down"), (DatapathPort.ConfigNoReceive, "no-receive"),
            (DatapathPort.ConfigNoForward, "no-forward"), (DatapathPort.ConfigNoPacketIn, "no-packet-in"),
        ];
        return names.Where(name => (bits & name.Bit) != 0).Select(name => name.Name);
    }
}
