using System.Collections.Immutable;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;
using Oko.Testing;

namespace Oko.Agent.Tests.WholePath;

/// <summary>From the bytes a controller sends to the frames that leave, and back.</summary>
public class WholePathTests
{
    private SwitchBench _bench = null!;

    [SetUp]
    public async Task SetUp() => _bench = await SwitchBench.StartAsync();

    [TearDown]
    public async Task TearDown() => await _bench.DisposeAsync();

    [Test]
    public async Task FlowMod_ThenBarrier_NextFrameFollowsIt()
    {
        await using var tool = await _bench.ConnectOperatorAsync();
        for (var round = 0; round < 20; round++)
        {
            var port = (uint)(2 + (round % 2));
            await tool.SendAsync(Flow(1, FromPort(1), port));
            await tool.RequestAsync<BarrierReply>(new BarrierRequest());
            _bench.Send(1, SwitchBench.Frame(0x1234));
            _bench.Expect(port);
        }
    }

    [Test]
    public async Task TenThousandFlows_InOneGo_AreAllThereAtTheBarrier()
    {
        const int count = 10_000;
        await using var tool = await _bench.ConnectOperatorAsync();
        var bytes = Enumerable.Range(0, count).SelectMany(index => MessageCodec.Encode(
            Flow(100, new FlowMatch([new OxmEntry(OxmCatalogue.EthDst, 0x020000000000u + (ulong)index)]), 2) with { Xid = 1 })).ToArray();
        await tool.SendRawAsync(bytes);
        await tool.RequestAsync<BarrierReply>(new BarrierRequest());
        (await Flows(tool)).Should().HaveCount(count);
        var aggregate = await tool.RequestAsync<MultipartReply>(new MultipartRequest(
            new AggregateStatsRequest(TableId.All, PortNumber.Any, GroupId.Any, new Cookie(0), 0, FlowMatch.Any)));
        aggregate.Body.Should().Be(new AggregateStatsReply(0, 0, count));
        await tool.SendAsync(new FlowMod { Command = FlowModCommand.Delete, Table = TableId.All });
        await tool.RequestAsync<BarrierReply>(new BarrierRequest());
        (await Flows(tool)).Should().BeEmpty();
    }

    [Test]
    public async Task PacketIn_FromTableMissEntry_AndPacketOutBack()
    {
        await using var controller = await _bench.AcceptControllerAsync();
        await controller.HelloAsync();
        await controller.SendAsync(Flow(0, FlowMatch.Any, PortNumber.Controller.Value) with { Cookie = new Cookie(5) });
        await controller.RequestAsync<BarrierReply>(new BarrierRequest());
        var frame = SwitchBench.Frame(0x1234, length: 100);
        _bench.Send(3, frame);
        var packetIn = await controller.ExpectAsync<PacketIn>();
        (packetIn.Buffer, packetIn.Reason, packetIn.Cookie.Value, packetIn.TotalLength)
            .Should().Be((BufferId.NoBuffer, PacketInReason.NoMatch, 5UL, (ushort)100));
        packetIn.Match.Find(OxmCatalogue.InPort)!.Value.Value.Should().Be(3);
        packetIn.Data.Should().Equal(frame);
        await controller.SendAsync(new PacketOut(
            BufferId.NoBuffer, new PortNumber(3), [new OutputAction(PortNumber.InPort), new OutputAction(PortNumber.Flood)], packetIn.Data));
        for (uint port = 1; port <= 3; port++)
        {
            _bench.Expect(port).Should().Equal(frame);
        }
    }

    [Test]
    public async Task FlowRemoved_ReachesTheControllerBeforeTheBarrierReply()
    {
        await using var controller = await _bench.AcceptControllerAsync();
        await controller.HelloAsync();
        await controller.SendAsync(Flow(7, FromPort(1), 2) with { Flags = FlowModFlags.SendFlowRem, Cookie = new Cookie(0xBEE) });
        await controller.SendAsync(new FlowMod { Command = FlowModCommand.Delete });
        await controller.RequestAsync<BarrierReply>(new BarrierRequest());
        var removed = MessageCodec.Decode(controller.PeekReceived().Single(frame => frame[1] == (byte)MessageType.FlowRemoved))
            .Should().BeOfType<FlowRemoved>().Subject;
        (removed.Reason, removed.Cookie.Value, removed.Priority, removed.Match).Should().Be((FlowRemovedReason.Delete, 0xBEEUL, (ushort)7, FromPort(1)));
    }

    [Test]
    public async Task Filter_UploadedAndNamed_DecidesAndIsHiddenFromWhoDoesNotKnowIt()
    {
        await using var controller = await _bench.AcceptControllerAsync();
        await controller.HelloAsync();
        await using var tool = await _bench.ConnectOperatorAsync();
        await using var oko = await _bench.ConnectOperatorAsync();
        await tool.SendAsync(Flow(1, FromPort(1), 2));
        await tool.RequestAsync<BarrierReply>(new BarrierRequest());

        await Upload(oko, filterId: 7, result: 1);
        var filtered = new FlowMatch([new OxmEntry(OxmCatalogue.InPort, 1), new OxmEntry(OxmCatalogue.Filter, 7)]);
        await oko.SendAsync(Flow(9, filtered, 3) with { Flags = FlowModFlags.SendFlowRem });
        await oko.RequestAsync<BarrierReply>(new BarrierRequest());
        _bench.Send(1, SwitchBench.Frame(0x1234));
        _bench.Expect(3);

        (await Flows(oko)).Should().Contain(entry => entry.Match.FilterId == 7);
        (await Flows(tool)).Select(entry => entry.Match).Should().Equal(FromPort(1), FromPort(1));
        (await Flows(controller)).Should().ContainSingle().Which.Priority.Should().Be(1);

        await controller.SendAsync(new FlowMod { Command = FlowModCommand.Delete });
        await controller.RequestAsync<BarrierReply>(new BarrierRequest());
        (await Flows(oko)).Should().ContainSingle().Which.Match.FilterId.Should().Be(7, "the controller does not touch what it does not see");

        await Upload(oko, filterId: 7, result: 0, FilterUploadFlags.Replace);
        _bench.Send(1, SwitchBench.Frame(0x1234));
        _bench.ExpectNothing(3);

        await oko.SendAsync(new FilterUnload(7, Force: true));
        await oko.RequestAsync<BarrierReply>(new BarrierRequest());
        (await Flows(oko)).Should().BeEmpty();
        oko.PeekReceived().Should().Contain(frame => frame[1] == (byte)MessageType.FlowRemoved);
        controller.PeekReceived().Should().NotContain(frame => frame[1] == (byte)MessageType.FlowRemoved || frame[1] == (byte)MessageType.Experimenter);
    }

    [Test]
    public async Task FlowMod_WithUnknownFilter_ExperimenterErrorAndNoFlow()
    {
        await using var oko = await _bench.ConnectOperatorAsync();
        var xid = await oko.SendAsync(Flow(9, new FlowMatch([new OxmEntry(OxmCatalogue.Filter, 99)]), 3));
        var error = await oko.ExpectAsync<ErrorMessage>(message => message.Xid == xid);
        (error.ErrorType, error.Experimenter, error.Code).Should().Be((ErrorType.Experimenter, OkoExperimenter.Id, (ushort)OkoErrorType.FilterUnknown));
        OkoError.Parse(error.Code, error.Data).Text.Should().Contain("99").And.Contain("oko filter load");
        (await Flows(oko)).Should().BeEmpty();
    }

    [Test]
    public async Task Frames_WhileFlowsChangeAllTheTime_AreAllAccountedFor()
    {
        const int frames = 5000;
        await using var tool = await _bench.ConnectOperatorAsync();
        await tool.SendAsync(Flow(1, FlowMatch.Any, 2));
        await tool.RequestAsync<BarrierReply>(new BarrierRequest());
        var sending = Task.Run(() =>
        {
            for (var index = 0; index < frames; index++)
            {
                _bench.Send(1, SwitchBench.Frame(0x1234));
            }
        });
        for (var round = 0; round < 200; round++)
        {
            await tool.SendAsync(Flow((ushort)(2 + (round % 5)), FromPort(1), 2));
            await tool.SendAsync(new FlowMod { Command = FlowModCommand.DeleteStrict, Priority = (ushort)(2 + ((round + 3) % 5)), Match = FromPort(1) });
            await tool.RequestAsync<BarrierReply>(new BarrierRequest());
        }

        await sending;
        for (var index = 0; index < frames; index++)
        {
            _bench.Expect(2);
        }
    }

    private static FlowMatch FromPort(uint port) => new([new OxmEntry(OxmCatalogue.InPort, port)]);

    private static FlowMod Flow(ushort priority, FlowMatch match, uint port) => new()
    {
        Priority = priority,
        Match = match,
        Instructions = [new ApplyActionsInstruction([new OutputAction(new PortNumber(port))])],
    };

    private static async Task Upload(ControllerSimulator oko, uint filterId, byte result, FilterUploadFlags flags = 0)
    {
        var status = await oko.RequestAsync<FilterStatus>(new FilterUpload
        {
            FilterId = filterId, Flags = flags, TotalLength = 1, Data = [result],
        });
        status.FilterId.Should().Be(filterId);
    }

    private static async Task<ImmutableArray<FlowStatsEntry>> Flows(ControllerSimulator peer)
    {
        var xid = await peer.SendAsync(new MultipartRequest(
            new FlowStatsRequest(TableId.All, PortNumber.Any, GroupId.Any, new Cookie(0), 0, FlowMatch.Any)));
        var flows = ImmutableArray.CreateBuilder<FlowStatsEntry>();
        MultipartReply part;
        do
        {
            part = await peer.ExpectAsync<MultipartReply>(reply => reply.Xid == xid);
            flows.AddRange(((FlowStatsReply)part.Body).Entries);
        }
        while (part.More);

        return flows.ToImmutable();
    }
}
