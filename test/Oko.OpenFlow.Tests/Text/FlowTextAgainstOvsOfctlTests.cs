using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Text;

namespace Oko.OpenFlow.Tests.Text;

/// <summary>The same flow text gives the same message as with ovs-ofctl, and the same entry is printed alike.</summary>
public sealed class FlowTextAgainstOvsOfctlTests
{
    private static IEnumerable<OvsOfctlFlow> Requests() => OvsOfctlFlow.All();

    private static IEnumerable<OvsOfctlFlow> Printed() => OvsOfctlFlow.All().Where(flow => flow.Prints is not null);

    [TestCaseSource(nameof(Requests))]
    public void Parser_FlowOfOvsOfctl_GivesTheSameMessage(OvsOfctlFlow flow)
    {
        var expected = InOurOrder(MessageCodec.Decode(flow.Bytes));

        var parsed = Parse(flow);

        MessageCodec.Encode(parsed with { Xid = expected.Xid }).Should().Equal(MessageCodec.Encode(expected));
    }

    [TestCaseSource(nameof(Printed))]
    public void Formatter_EntryOfOvsOfctl_IsPrintedAlike(OvsOfctlFlow flow) =>
        FlowTextFormatter.Format(EntryOf((FlowMod)MessageCodec.Decode(flow.Bytes))).Should().Be(flow.Prints);

    [TestCaseSource(nameof(Printed))]
    public void Parser_PrintedFlow_GivesTheSameFlowAgain(OvsOfctlFlow flow)
    {
        var sent = (FlowMod)InOurOrder(MessageCodec.Decode(flow.Bytes));

        var again = FlowTextParser.ParseFlow(flow.Prints!, FlowModCommand.Add);

        MessageCodec.Encode(again with { Xid = sent.Xid }).Should().Equal(MessageCodec.Encode(sent));
    }

    private static OpenFlowMessage Parse(OvsOfctlFlow flow) => (flow.Command, flow.Strict) switch
    {
        ("add-flow", _) => FlowTextParser.ParseFlow(flow.Flow, FlowModCommand.Add),
        ("mod-flows", false) => FlowTextParser.ParseFlow(flow.Flow, FlowModCommand.Modify),
        ("mod-flows", true) => FlowTextParser.ParseFlow(flow.Flow, FlowModCommand.ModifyStrict),
        ("del-flows", false) => FlowTextParser.ParseFlow(flow.Flow, FlowModCommand.Delete),
        ("del-flows", true) => FlowTextParser.ParseFlow(flow.Flow, FlowModCommand.DeleteStrict),
        ("dump-flows", _) => new MultipartRequest(FlowTextParser.ParseStatsRequest(flow.Flow)),
        ("dump-aggregate", _) => new MultipartRequest(Aggregate(FlowTextParser.ParseStatsRequest(flow.Flow))),
        _ => throw new InvalidDataException($"unknown command {flow.Command}"),
    };

    /// <summary>Open vSwitch sends fields in an order of its own; the order has no meaning.</summary>
    private static OpenFlowMessage InOurOrder(OpenFlowMessage message) => message switch
    {
        FlowMod flow => flow with { Match = InOurOrder(flow.Match) },
        MultipartRequest { Body: FlowStatsRequest request } whole => whole with { Body = request with { Match = InOurOrder(request.Match) } },
        MultipartRequest { Body: AggregateStatsRequest request } whole =>
            whole with { Body = request with { Match = InOurOrder(request.Match) } },
        _ => message,
    };

    private static FlowMatch InOurOrder(FlowMatch match) => new([.. match.Entries.OrderBy(entry => entry.Field.Number)]);

    private static AggregateStatsRequest Aggregate(FlowStatsRequest request) =>
        new(request.Table, request.OutPort, request.OutGroup, request.Cookie, request.CookieMask, request.Match);

    private static FlowStatsEntry EntryOf(FlowMod flow) => new()
    {
        Table = flow.Table,
        Duration = TimeSpan.FromMilliseconds(12345),
        Priority = flow.Priority,
        IdleTimeoutSeconds = flow.IdleTimeoutSeconds,
        HardTimeoutSeconds = flow.HardTimeoutSeconds,
        Flags = flow.Flags,
        Cookie = flow.Cookie,
        PacketCount = 5,
        ByteCount = 500,
        Match = flow.Match,
        Instructions = flow.Instructions,
    };
}
