using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Tests.Messages;

internal static partial class ExpectedMessages
{
    private static FlowMatch Ipv4 => new([new(OxmCatalogue.EthType, 0x0800)]);

    private static IEnumerable<(string Name, OpenFlowMessage Message)> Multiparts()
    {
        foreach (var (name, request, reply) in Bodies())
        {
            yield return ($"multipart-{name}-request", new MultipartRequest(request) { Xid = 30 });
            yield return ($"multipart-{name}-reply", new MultipartReply(reply, More: name == "flow") { Xid = 30 });
        }

        var foreign = new ExperimenterMultipart(0x666666, 1, [0xCA, 0xFE]);
        yield return ("multipart-experimenter-request", new MultipartRequest(foreign) { Xid = 31 });
        yield return ("multipart-experimenter-reply", new MultipartReply(foreign) { Xid = 31 });
    }

    private static IEnumerable<(string Name, MultipartBody Request, MultipartBody Reply)> Bodies()
    {
        yield return ("desc", new EmptyRequest(MultipartType.Desc),
            new DescriptionReply("OkoSwitch", "OkoSwitch software switch", "0.1.0", "none", "test bench"));
        yield return ("flow", new FlowStatsRequest(TableId.All, PortNumber.Any, GroupId.Any, new Cookie(0x10), 0xFF, Ipv4),
            new FlowStatsReply([FirstFlow(), SecondFlow()]));
        yield return ("aggregate", new AggregateStatsRequest(TableId.All, PortNumber.Any, GroupId.Any, new Cookie(0x10), 0xFF, Ipv4),
            new AggregateStatsReply(5, 500, 2));
        yield return ("table", new EmptyRequest(MultipartType.Table),
            new TableStatsReply([new(new TableId(0), 2, 100, 90), new(new TableId(1), 0, 0, 0)]));
        yield return ("port-stats", new PortStatsRequest(PortNumber.Any), new PortStatsReply([PortStatistics()]));
        yield return ("queue", new QueueStatsRequest(PortNumber.Any, QueueId.All), new QueueStatsReply([]));
        yield return ("group", new GroupStatsRequest(GroupId.All), new GroupStatsReply([]));
        yield return ("group-desc", new EmptyRequest(MultipartType.GroupDesc), new GroupDescriptionReply([]));
        yield return ("group-features", new EmptyRequest(MultipartType.GroupFeatures),
            new GroupFeaturesReply(15, GroupCapabilities.SelectLiveness, [10, 20, 30, 40], [0x6D801, 0x6D801, 0x6D801, 0x6D801]));
        yield return ("meter", new MeterRequest(MultipartType.Meter, MeterId.All), new MeterStatsReply([]));
        yield return ("meter-config", new MeterRequest(MultipartType.MeterConfig, MeterId.All), new MeterConfigurationReply([]));
        yield return ("meter-features", new EmptyRequest(MultipartType.MeterFeatures), new MeterFeaturesReply(0, 2, MeterFlags.Kbps | MeterFlags.Pktps | MeterFlags.Burst | MeterFlags.Stats, 1, 0));
        yield return ("table-features", new TableFeatures([]), new TableFeatures([Features()]));
        yield return ("port-desc", new EmptyRequest(MultipartType.PortDesc), new PortDescriptionReply(
        [
            Port(1, "veth-h1", PortConfig.None, PortState.Live), Port(0xFFFFFFFE, "local", PortConfig.PortDown, PortState.LinkDown),
        ]));
    }

    private static FlowStatsEntry FirstFlow() => new()
    {
        Duration = TimeSpan.FromMilliseconds(12345),
        Priority = 100,
        Flags = FlowModFlags.SendFlowRem,
        Cookie = new Cookie(0x10),
        PacketCount = 5,
        ByteCount = 500,
        Match = new FlowMatch([new(OxmCatalogue.InPort, 1), new(OxmCatalogue.EthDst, 0x001122334455)]),
        Instructions = [new ApplyActionsInstruction([new OutputAction(new PortNumber(2), 0)]), new GotoTableInstruction(new TableId(1))],
    };

    private static FlowStatsEntry SecondFlow() => new()
    {
        Table = new TableId(1),
        Duration = TimeSpan.FromSeconds(12),
        IdleTimeoutSeconds = 5,
        HardTimeoutSeconds = 6,
    };

    private static PortStatsEntry PortStatistics() => new()
    {
        Port = new PortNumber(1),
        ReceivedPackets = 1,
        SentPackets = 2,
        ReceivedBytes = 3,
        SentBytes = 4,
        ReceiveDropped = 5,
        SendDropped = 6,
        ReceiveErrors = 7,
        SendErrors = 8,
        Duration = TimeSpan.FromSeconds(100) + TimeSpan.FromMicroseconds(1),
    };

    private static TableFeaturesEntry Features()
    {
        uint[] fields = [OxmCatalogue.InPort.Header, OxmCatalogue.EthType.Header, OxmCatalogue.EthDst.Header];
        return new TableFeaturesEntry(new TableId(0), "classifier", ulong.MaxValue, ulong.MaxValue, 3, 1_000_000,
        [
            new(TableFeatureType.Instructions, [1, 2, 3, 4]), new(TableFeatureType.NextTables, [1, 2]), new(TableFeatureType.WriteActions, [0, 25]),
            new(TableFeatureType.ApplyActions, [0]), new(TableFeatureType.ApplyActionsMiss, [0]), new(TableFeatureType.Match, [.. fields]),
            new(TableFeatureType.Wildcards, [.. fields]), new(TableFeatureType.WriteSetfield, [OxmCatalogue.EthDst.Header]),
            new(TableFeatureType.ApplySetfield, [OxmCatalogue.EthDst.Header]), new(TableFeatureType.ApplySetfieldMiss, []),
        ]);
    }
}
