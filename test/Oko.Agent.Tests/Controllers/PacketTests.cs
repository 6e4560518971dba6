using System.Collections.Immutable;
using Oko.Agent.Tests.Rules;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.Testing;

namespace Oko.Agent.Tests.Controllers;

/// <summary>Packet-in, packet-out and the masks that choose among asynchronous messages.</summary>
public class PacketTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private SwitchBench _bench = null!;
    private ControllerSimulator _controller = null!;

    [SetUp]
    public async Task SetUp()
    {
        _bench = await SwitchBench.StartAsync();
        _controller = await _bench.ConnectAsync();
    }

    [TearDown]
    public async Task TearDown()
    {
        await _controller.DisposeAsync();
        await _bench.DisposeAsync();
    }

    [Test]
    public async Task PacketOut_ToPorts_LeavesThere()
    {
        var frame = RuleBench.Udp();
        await _controller.DoAsync(Out(PortNumber.Controller, frame, 1, 3));
        _bench.Port(1).Take(Patience).Should().Equal(frame);
        _bench.Port(3).Take(Patience).Should().Equal(frame);
    }

    [Test]
    public async Task PacketOut_ToTheTable_RunsOnEarlierFlowMods()
    {
        await _controller.DoAsync(Add(5, FlowMatch.Any, new OutputAction(new PortNumber(2), 0)), Out(new PortNumber(1), RuleBench.Udp(), PortNumber.Table.Value));
        _bench.Port(2).Take(Patience).Should().NotBeNull();
    }

    [Test]
    public async Task PacketOut_ThatCannotBe_IsRefused()
    {
        var good = Out(PortNumber.Controller, RuleBench.Udp(), 1);
        await _controller.RefusedAsync(good with { Buffer = new BufferId(7) }, ErrorType.BadRequest, BadRequestCode.BufferUnknown);
        await _controller.RefusedAsync(good with { InPort = PortNumber.Flood }, ErrorType.BadRequest, BadRequestCode.BadPort);
        await _controller.RefusedAsync(good with { Actions = [new GroupAction(new GroupId(1))] }, ErrorType.BadAction, BadActionCode.BadOutGroup);
        await _controller.RefusedAsync(good with { Actions = [new OutputAction(PortNumber.Any, 0)] }, ErrorType.BadAction, BadActionCode.BadOutPort);
    }

    [Test]
    public async Task PacketIn_OfAnEntry_HoldsCookieLengthAndPort()
    {
        var frame = new byte[300];
        RuleBench.Udp().CopyTo(frame, 0);
        var mod = Add(9, FlowMatch.Any, new OutputAction(PortNumber.Controller, 96)) with { Cookie = new Cookie(0x5ADC15C0), Table = new TableId(1) };
        await _controller.DoAsync(mod, new FlowMod { Priority = 1, Instructions = [new WriteMetadataInstruction(0xAB, 0xFF), new GotoTableInstruction(new TableId(1))] });
        _bench.Port(2).Push(frame);
        var packet = await _controller.ExpectAsync<PacketIn>();
        packet.Buffer.Should().Be(BufferId.NoBuffer);
        packet.Cookie.Value.Should().Be(0x5ADC15C0);
        packet.Reason.Should().Be(PacketInReason.Action);
        packet.Table.Value.Should().Be(1);
        packet.TotalLength.Should().Be(300);
        packet.Data.Should().Equal(frame[..96]);
        packet.Match.Find(OxmCatalogue.InPort)!.Value.Value.Should().Be((UInt128)2);
        packet.Match.Find(OxmCatalogue.Metadata)!.Value.Value.Should().Be((UInt128)0xAB);
    }

    [Test]
    public async Task PacketIn_WithTheReasonMasked_GoesToOthersOnly()
    {
        await using var other = await _bench.ConnectAsync();
        await other.SendAsync(new SetAsync(new AsyncMasks(6, 0, 7, 7, 0, 0)));
        (await other.RequestAsync<GetAsyncReply>(new GetAsyncRequest())).Masks.Should().Be(new AsyncMasks(6, 0, 7, 7, 0, 0));
        (await _controller.RequestAsync<GetAsyncReply>(new GetAsyncRequest())).Masks.Should().Be(new AsyncMasks(7, 0, 7, 7, 15, 0));

        await _controller.DoAsync(
            Add(0, FlowMatch.Any, new OutputAction(PortNumber.Controller, 0xFFFF)),
            Add(5, RuleBench.Match((OxmCatalogue.InPort, 2)), new OutputAction(PortNumber.Controller, 0xFFFF)));
        _bench.Port(1).Push(RuleBench.Udp());
        _bench.Port(2).Push(RuleBench.Udp());
        (await _controller.ExpectAsync<PacketIn>()).Reason.Should().Be(PacketInReason.NoMatch);
        (await _controller.ExpectAsync<PacketIn>()).Reason.Should().Be(PacketInReason.Action);
        (await other.ExpectAsync<PacketIn>()).Reason.Should().Be(PacketInReason.Action);
        await other.BarrierAsync();
        other.PeekReceived().Should().NotContain(frame => frame[1] == (byte)MessageType.PacketIn);
    }

    [Test]
    public async Task FlowRemoved_WithTheReasonMasked_GoesToOthersOnly()
    {
        await using var other = await _bench.ConnectAsync();
        await other.SendAsync(new SetAsync(new AsyncMasks(0, 0, 0, 0, 1u << (int)FlowRemovedReason.HardTimeout, 0)));
        await other.BarrierAsync();
        await _controller.DoAsync(
            Add(7, FlowMatch.Any) with { Flags = FlowModFlags.SendFlowRem, Cookie = new Cookie(77) },
            Add(8, FlowMatch.Any) with { Flags = FlowModFlags.SendFlowRem, HardTimeoutSeconds = 1 },
            new FlowMod { Command = FlowModCommand.Delete, Cookie = new Cookie(77), CookieMask = ulong.MaxValue });
        (await _controller.ExpectAsync<FlowRemoved>()).Reason.Should().Be(FlowRemovedReason.Delete);
        (await other.ExpectAsync<FlowRemoved>()).Priority.Should().Be(8);
    }

    [Test]
    public async Task PortStatus_OfAPortThatGoesAndComes_TellsWhat()
    {
        _bench.ChangeLink(Oko.Datapath.Interop.LinkEventKind.Removed, "m2", isRunning: false);
        var status = await _controller.ExpectAsync<PortStatus>();
        (status.Reason, status.Port.Number.Value).Should().Be((PortReason.Delete, 2u));
        (await _controller.AskAsync<PortDescriptionReply>(new MultipartRequest(new EmptyRequest(MultipartType.PortDesc)))).Ports.Should().HaveCount(2);
    }

    [Test]
    public async Task PortMod_OfKnownBits_ChangesThePortAndIsTold()
    {
        var mod = new PortMod(new PortNumber(2), 0x020000000002, PortConfig.NoRecv | PortConfig.NoFwd, PortConfig.NoRecv, PortFeatures.None);
        await _controller.DoAsync(mod);
        var status = await _controller.ExpectAsync<PortStatus>();
        (status.Reason, status.Port.Config).Should().Be((PortReason.Modify, PortConfig.NoRecv));
        _bench.Port(2).ConfigBits.Should().Be((uint)PortConfig.NoRecv);
        await _controller.DoAsync(mod);
        _controller.PeekReceived().Should().NotContain(frame => frame[1] == (byte)MessageType.PortStatus, "nothing changed");

        await _controller.RefusedAsync(mod with { Port = new PortNumber(9) }, ErrorType.PortModFailed, PortModFailedCode.BadPort);
        await _controller.RefusedAsync(mod with { HardwareAddress = 5 }, ErrorType.PortModFailed, PortModFailedCode.BadHwAddr);
        await _controller.RefusedAsync(mod with { Mask = (PortConfig)2 }, ErrorType.PortModFailed, PortModFailedCode.BadConfig);
        await _controller.RefusedAsync(mod with { Advertise = PortFeatures.Speed10GbFd }, ErrorType.PortModFailed, PortModFailedCode.BadAdvertise);
    }

    [Test]
    public async Task PortStats_AfterPackets_CountThem()
    {
        await _controller.DoAsync(Add(1, FlowMatch.Any, new OutputAction(new PortNumber(2), 0)));
        _bench.Port(1).Push(RuleBench.Udp());
        _bench.Port(2).Take(Patience).Should().NotBeNull();
        var all = await _controller.AskAsync<PortStatsReply>(new MultipartRequest(new PortStatsRequest(PortNumber.Any)));
        all.Entries.Should().HaveCount(3);
        var one = await _controller.AskAsync<PortStatsReply>(new MultipartRequest(new PortStatsRequest(new PortNumber(1))));
        (one.Entries.Single().ReceivedPackets, one.Entries.Single().ReceivedBytes).Should().Be((1UL, 60UL));
        one.Entries.Single().Duration.Should().BePositive();
        await _controller.RefusedAsync(new MultipartRequest(new PortStatsRequest(new PortNumber(9))), ErrorType.BadRequest, BadRequestCode.BadPort);
    }

    [Test]
    public async Task TableAndAggregateStats_AfterPackets_CountThem()
    {
        await _controller.DoAsync(Add(1, FlowMatch.Any, new OutputAction(new PortNumber(2), 0)));
        _bench.Port(1).Push(RuleBench.Udp());
        _bench.Port(2).Take(Patience).Should().NotBeNull();
        var tables = await _controller.AskAsync<TableStatsReply>(new MultipartRequest(new EmptyRequest(MultipartType.Table)));
        tables.Entries.Should().HaveCount(64);
        tables.Entries[0].Should().Be(new TableStatsEntry(new TableId(0), 1, 1, 1));
        var sum = await _controller.AskAsync<AggregateStatsReply>(
            new MultipartRequest(new AggregateStatsRequest(TableId.All, PortNumber.Any, GroupId.Any, new Cookie(0), 0, FlowMatch.Any)));
        sum.Should().Be(new AggregateStatsReply(1, 60, 1));
    }

    [Test]
    public async Task FlowStats_OfManyEntries_ComeInPartsBeforeTheBarrier()
    {
        const int Count = 5000;
        for (ushort priority = 1; priority <= Count; priority++)
        {
            await _controller.SendAsync(Add(priority, RuleBench.Match((OxmCatalogue.InPort, 1)), new OutputAction(new PortNumber(2), 0)));
        }

        var xid = await _controller.SendAsync(SwitchBench.AllFlows());
        await _controller.BarrierAsync();
        var parts = _controller.PeekReceived().Where(frame => ControllerSimulator.XidOf(frame) == xid)
            .Select(frame => (MultipartReply)MessageCodec.Decode(frame)).ToList();
        parts.Should().HaveCountGreaterThan(5);
        parts.Take(parts.Count - 1).Should().OnlyContain(part => part.More);
        parts[^1].More.Should().BeFalse();
        parts.SelectMany(part => ((FlowStatsReply)part.Body).Entries).Select(entry => entry.Priority).Should().OnlyHaveUniqueItems().And.HaveCount(Count);
    }

    private static PacketOut Out(PortNumber inPort, byte[] frame, params uint[] ports) =>
        new(BufferId.NoBuffer, inPort, [.. ports.Select(port => (OfAction)new OutputAction(new PortNumber(port), 0))], frame);

    private static FlowMod Add(ushort priority, FlowMatch match, params OfAction[] actions) => new()
    {
        Priority = priority, Match = match, Instructions = [new ApplyActionsInstruction(ImmutableArray.Create(actions))],
    };
}
