using System.Collections.Immutable;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.Testing;

namespace Oko.Agent.Tests.WholePath;

/// <summary>
/// What real controllers say when they meet a switch, in their order, and what they need to hear: bytes on a loopback socket,
/// sessions, rule manager, datapath, in-memory ports.
/// </summary>
public class ControllerTranscriptTests
{
    private static readonly AsyncMasks NoEvents = new(0, 0, 0, 0, 0, 0);

    private SwitchBench _bench = null!;

    [SetUp]
    public async Task SetUp() => _bench = await SwitchBench.StartAsync();

    [TearDown]
    public async Task TearDown() => await _bench.DisposeAsync();

    [Test]
    public async Task Onos_HandshakeFlowsAndPolls_AreAnswered()
    {
        await using var onos = await _bench.AcceptControllerAsync();
        await onos.ExpectRawAsync(frame => frame[0] == 4 && frame[1] == 0, TimeSpan.FromSeconds(1), "HELLO 0x04, unasked");
        await Say(onos, 0xFFFFFFFF, new Hello(4, ImmutableArray.Create(0x72u)));
        await Say(onos, 0xFFFFFFFE, new FeaturesRequest());
        var features = await Hear<FeaturesReply>(onos, 0xFFFFFFFE);
        (features.BufferCount, features.AuxiliaryId, features.TableCount).Should().Be((0u, (byte)0, (byte)64));
        await Say(onos, 0xFFFFFFFD, Multipart(MultipartType.PortDesc));
        (await HearBody<PortDescriptionReply>(onos, 0xFFFFFFFD)).Ports.Should().HaveCount(3);
        await onos.SendRawAsync(
            [.. MessageCodec.Encode(new BarrierRequest { Xid = 0xFFFFFFFC }), .. MessageCodec.Encode(new GetConfigRequest { Xid = 0xFFFFFFFB })]);
        await Hear<BarrierReply>(onos, 0xFFFFFFFC);
        await Hear<GetConfigReply>(onos, 0xFFFFFFFB);
        await Say(onos, 0xFFFFFFFA, Multipart(MultipartType.MeterFeatures));
        await HearBody<MeterFeaturesReply>(onos, 0xFFFFFFFA);
        await Say(onos, 0xFFFFFFF9, Multipart(MultipartType.Desc));
        var description = await HearBody<DescriptionReply>(onos, 0xFFFFFFF9);
        new[] { description.Manufacturer, description.Hardware, description.Software }.Should().NotContain(string.Empty);
        await Say(onos, 1, new RoleRequest(ControllerRole.Master, 0));
        (await Hear<RoleReply>(onos, 1)).Role.Should().Be(ControllerRole.Master);
        var mods = new ushort[] { 0x88CC, 0x8942, 0x0806 }.Select(OnosFlow).ToArray();
        foreach (var mod in mods)
        {
            await Say(onos, 7, mod);
        }

        await Say(onos, 7, new BarrierRequest());
        await Hear<BarrierReply>(onos, 7);
        foreach (var group in new[] { GroupId.Any, GroupId.All })
        {
            await Say(onos, 8, new MultipartRequest(new FlowStatsRequest(TableId.All, PortNumber.Any, group, new Cookie(0), 0, FlowMatch.Any)));
            var flows = (await HearBody<FlowStatsReply>(onos, 8)).Entries;
            flows.Select(flow => Describe(flow.Cookie, flow.Priority, flow.Flags, flow.Match, flow.Instructions))
                .Should().BeEquivalentTo(mods.Select(mod => Describe(mod.Cookie, mod.Priority, mod.Flags, mod.Match, mod.Instructions)));
        }

        await Say(onos, 9, new MultipartRequest(new PortStatsRequest(PortNumber.Any)));
        (await HearBody<PortStatsReply>(onos, 9)).Entries.Should().HaveCount(3);
        await Say(onos, 10, Multipart(MultipartType.Table));
        (await HearBody<TableStatsReply>(onos, 10)).Entries[0].ActiveCount.Should().Be(3);
        await Say(onos, 20, new MultipartRequest(new GroupStatsRequest(GroupId.All)));
        await Answered(onos, 20);
        await Say(onos, 21, Multipart(MultipartType.GroupDesc));
        await Answered(onos, 21);
        await Say(onos, 2, new RoleRequest(ControllerRole.Equal, 0));
        await Hear<RoleReply>(onos, 2);
        await Say(onos, 3, new RoleRequest(ControllerRole.Master, 0));
        (await Hear<RoleReply>(onos, 3)).Role.Should().Be(ControllerRole.Master);
        NoErrors(onos);
    }

    [Test]
    public async Task Floodlight_HandshakeClearingAndPacketOut_WithoutAnError()
    {
        await using var floodlight = await _bench.AcceptControllerAsync();
        await Say(floodlight, 1, new Hello(6, ImmutableArray.Create(0x7Eu)));
        await floodlight.SendRawAsync(ControllerSimulator.Frame(version: 6, type: 2, xid: 2));
        await floodlight.ExpectRawAsync(frame => frame[1] == 0);
        await Say(floodlight, 3, new FeaturesRequest());
        await Hear<FeaturesReply>(floodlight, 3);
        await Say(floodlight, 4, Multipart(MultipartType.PortDesc));
        await HearBody<PortDescriptionReply>(floodlight, 4);
        await Say(floodlight, 5, new SetConfig(0, 0xFFFF));
        await Say(floodlight, 6, new BarrierRequest());
        await Say(floodlight, 7, new GetConfigRequest());
        await Hear<BarrierReply>(floodlight, 6);
        (await Hear<GetConfigReply>(floodlight, 7)).MissSendLength.Should().Be(0xFFFF);
        await Say(floodlight, 8, Multipart(MultipartType.Desc));
        await HearBody<DescriptionReply>(floodlight, 8);
        await Say(floodlight, 9, new MultipartRequest(new TableFeatures([])));
        var tables = await HearBody<TableFeatures>(floodlight, 9);
        tables.Entries[0].Properties.Single(property => property.Type == TableFeatureType.ApplyActionsMiss).Values
            .Should().Contain(0u, "OFPAT_OUTPUT must be there, or Floodlight installs no table-miss entry");
        await Say(floodlight, 10, new RoleRequest(ControllerRole.Master, 0));
        await Hear<RoleReply>(floodlight, 10);
        await Say(floodlight, 11, new FlowMod { Command = FlowModCommand.Delete, Table = TableId.All });
        foreach (var type in new[] { GroupType.All, GroupType.Ff, GroupType.Indirect, GroupType.Select })
        {
            await Say(floodlight, 12, new GroupMod(GroupModCommand.Delete, type, GroupId.All, []));
        }

        await Say(floodlight, 13, new BarrierRequest());
        await Say(floodlight, 14, new BarrierRequest());
        await Say(floodlight, 15, new FlowMod
        {
            Command = FlowModCommand.DeleteStrict, Table = TableId.All, Priority = 0, OutPort = PortNumber.Controller,
        });
        await Say(floodlight, 16, new FlowMod { Priority = 0, Instructions = ToController(0xFFFF) });
        await Say(floodlight, 17, new BarrierRequest());
        await Hear<BarrierReply>(floodlight, 13);
        await Hear<BarrierReply>(floodlight, 14);
        await Hear<BarrierReply>(floodlight, 17);
        NoErrors(floodlight);
        var lldp = SwitchBench.Frame(etherType: 0x88CC);
        await Say(floodlight, 18, new PacketOut(BufferId.NoBuffer, PortNumber.Controller, [new OutputAction(new PortNumber(1))], lldp));
        _bench.Expect(1).Should().Equal(lldp);
        _bench.Send(2, lldp);
        var packetIn = await floodlight.ExpectAsync<PacketIn>();
        (packetIn.Reason, packetIn.Match.Find(OxmCatalogue.InPort)?.Value).Should().Be((PacketInReason.NoMatch, (UInt128?)2));
        NoErrors(floodlight);
    }

    [Test]
    public async Task Faucet_SendsWithoutWaiting_AndGetsItsPacketInOnly()
    {
        await using var faucet = await _bench.AcceptControllerAsync();
        await faucet.SendRawAsync(ControllerSimulator.Frame(version: 4, type: 0, xid: 1));
        await Say(faucet, 2, new FeaturesRequest());
        await Hear<FeaturesReply>(faucet, 2);
        await Say(faucet, 3, Multipart(MultipartType.PortDesc));
        await Say(faucet, 4, new SetConfig(0, 0));
        await Say(faucet, 5, new SetAsync(NoEvents));
        await Say(faucet, 6, Multipart(MultipartType.Desc));
        await Say(faucet, 7, new FlowMod { Command = FlowModCommand.Delete, Table = TableId.All });
        await Say(faucet, 8, new BarrierRequest());
        await HearBody<PortDescriptionReply>(faucet, 3);
        await HearBody<DescriptionReply>(faucet, 6);
        await Hear<BarrierReply>(faucet, 8);
        await Say(faucet, 9, new SetAsync(new AsyncMasks(6, 6, 7, 7, 0, 0)));
        for (byte table = 0; table <= 8; table++)
        {
            await Say(faucet, 10, new FlowMod { Table = new TableId(table), Priority = 0, OutPort = new PortNumber(0), OutGroup = new GroupId(0) });
        }

        await Say(faucet, 11, new FlowMod { Priority = 9, Instructions = [new GotoTableInstruction(new TableId(1))] });
        await Say(faucet, 11, new FlowMod
        {
            Table = new TableId(1),
            Cookie = new Cookie(0x5ADC15C0),
            Priority = 4096,
            Match = new FlowMatch([new OxmEntry(OxmCatalogue.VlanVid, 0x10C8)]),
            Instructions = [.. ToController(96), new GotoTableInstruction(new TableId(4))],
        });
        await Say(faucet, 12, new FlowMod
        {
            Priority = 10, Match = new FlowMatch([new OxmEntry(OxmCatalogue.InPort, 3)]), Instructions = [new GotoTableInstruction(new TableId(5))],
        });
        await Say(faucet, 13, new FlowMod { Table = new TableId(5), Priority = 0, Instructions = ToController(0xFFFF) });
        await Say(faucet, 14, new BarrierRequest());
        await Hear<BarrierReply>(faucet, 14);
        _bench.Send(3, SwitchBench.Frame(0x0800));
        _bench.Send(1, SwitchBench.Frame(0x0800, length: 300, vlanTag: 200));
        var packetIn = await faucet.ExpectAsync<PacketIn>();
        (packetIn.Reason, packetIn.Table.Value, packetIn.Cookie.Value, packetIn.Data.Length, packetIn.TotalLength)
            .Should().Be((PacketInReason.Action, (byte)1, 0x5ADC15C0UL, 96, (ushort)300));
        NoErrors(faucet);
        faucet.PeekReceived().Should().NotContain(frame => frame[1] == (byte)MessageType.PacketIn, "NO_MATCH is masked");
    }

    [Test]
    public async Task OpenDaylight_RolesAndPollsOfAnEmptySwitch_AreAnswered()
    {
        await using var odl = await _bench.AcceptControllerAsync();
        await Say(odl, 21, new Hello(4, ImmutableArray.Create(0x12u)));
        var hello = await odl.ExpectRawAsync(frame => frame[1] == 0);
        var xid = ControllerSimulator.XidOf(hello) + 1;
        await Say(odl, xid, new FeaturesRequest());
        await Hear<FeaturesReply>(odl, xid);
        await Say(odl, 0, new BarrierRequest());
        await Hear<BarrierReply>(odl, 0);
        await Say(odl, 30, Multipart(MultipartType.Desc));
        await Say(odl, 31, new RoleRequest(ControllerRole.Nochange, 0));
        await HearBody<DescriptionReply>(odl, 30);
        var role = await Hear<RoleReply>(odl, 31);
        (role.Role, role.GenerationId).Should().Be((ControllerRole.Equal, ulong.MaxValue));
        await ExpectRole(odl, 32, ControllerRole.Master, 0, ControllerRole.Master, 0);
        await ExpectRole(odl, 33, ControllerRole.Nochange, 0, ControllerRole.Master, 0);
        await ExpectRole(odl, 34, ControllerRole.Master, 1, ControllerRole.Master, 1);
        await Say(odl, 35, new RoleRequest(ControllerRole.Master, 0));
        var stale = await Hear<ErrorMessage>(odl, 35);
        (stale.ErrorType, stale.Code).Should().Be((ErrorType.RoleRequestFailed, (ushort)RoleRequestFailedCode.Stale));
        MultipartBody[] polls =
        [
            new EmptyRequest(MultipartType.MeterFeatures), new EmptyRequest(MultipartType.GroupFeatures), new EmptyRequest(MultipartType.PortDesc),
            new EmptyRequest(MultipartType.GroupDesc), new GroupStatsRequest(GroupId.All), new MeterRequest(MultipartType.MeterConfig, MeterId.All),
            new MeterRequest(MultipartType.Meter, MeterId.All),
            new FlowStatsRequest(TableId.All, PortNumber.Any, GroupId.Any, new Cookie(0), 0, FlowMatch.Any),
            new EmptyRequest(MultipartType.Table), new PortStatsRequest(PortNumber.Any), new QueueStatsRequest(PortNumber.Any, QueueId.All),
        ];
        for (var index = 0; index < polls.Length; index++)
        {
            await Say(odl, (uint)(50 + index), new MultipartRequest(polls[index]));
            await Answered(odl, (uint)(50 + index));
        }

        await odl.SendRawAsync(ControllerSimulator.Frame(version: 4, type: 2, xid: 0, 1, 2, 3));
        (await odl.ExpectRawAsync(frame => frame[1] == (byte)MessageType.EchoReply, TimeSpan.FromSeconds(2)))[8..].Should().Equal(1, 2, 3);
    }

    [Test]
    public async Task Batch_WithOneBadFlowMod_ErrorBeforeBarrierReplyAndTheRestInForce()
    {
        await using var controller = await _bench.AcceptControllerAsync();
        await controller.HelloAsync();
        var bad = new FlowMod { Xid = 50, Priority = 2, Instructions = [new GotoTableInstruction(new TableId(0))] };
        await controller.SendRawAsync(
        [
            .. MessageCodec.Encode(new FlowMod { Xid = 50, Priority = 1 }), .. MessageCodec.Encode(bad),
            .. MessageCodec.Encode(new FlowMod { Xid = 50, Priority = 3 }), .. MessageCodec.Encode(new BarrierRequest { Xid = 50 }),
        ]);
        var first = await controller.ExpectRawAsync(frame => ControllerSimulator.XidOf(frame) == 50);
        var error = MessageCodec.Decode(first).Should().BeOfType<ErrorMessage>().Subject;
        (error.ErrorType, error.Code).Should().Be((ErrorType.BadInstruction, (ushort)BadInstructionCode.BadTableId));
        error.Data.Should().Equal(MessageCodec.Encode(bad), "the whole flow-mod comes back");
        await Hear<BarrierReply>(controller, 50);
        await Say(controller, 51, new MultipartRequest(
            new FlowStatsRequest(TableId.All, PortNumber.Any, GroupId.Any, new Cookie(0), 0, FlowMatch.Any)));
        (await HearBody<FlowStatsReply>(controller, 51)).Entries.Select(entry => entry.Priority).Should().BeEquivalentTo([1, 3]);
        await controller.SendRawAsync(ControllerSimulator.Frame(4, (byte)MessageType.MultipartRequest, 52, 0, 77, 0, 0, 0, 0, 0, 0));
        var unknown = await Hear<ErrorMessage>(controller, 52);
        (unknown.ErrorType, unknown.Code).Should().Be((ErrorType.BadRequest, (ushort)BadRequestCode.BadMultipart));
        await Say(controller, 53, new ExperimenterMessage(0x00666666, 1, []));
        var experimenter = await Hear<ErrorMessage>(controller, 53);
        (experimenter.ErrorType, experimenter.Code).Should().Be((ErrorType.BadRequest, (ushort)BadRequestCode.BadExperimenter));
    }

    [Test]
    public async Task SecondMaster_MakesTheFirstASlaveThatReadsButDoesNotWrite()
    {
        await using var first = await _bench.AcceptControllerAsync();
        await first.HelloAsync();
        await ExpectRole(first, 1, ControllerRole.Master, 1, ControllerRole.Master, 1);
        await using var second = await _bench.ConnectOperatorAsync();
        await ExpectRole(second, 1, ControllerRole.Master, 2, ControllerRole.Master, 2);
        await Say(first, 2, new FlowMod { Priority = 1 });
        var error = await Hear<ErrorMessage>(first, 2);
        (error.ErrorType, error.Code).Should().Be((ErrorType.BadRequest, (ushort)BadRequestCode.IsSlave));
        await Say(first, 3, Multipart(MultipartType.Desc));
        await HearBody<DescriptionReply>(first, 3);
        await Say(second, 4, new FlowMod { Priority = 1 });
        await Say(second, 5, new BarrierRequest());
        await Hear<BarrierReply>(second, 5);
        NoErrors(second);
    }

    private static FlowMod OnosFlow(ushort etherType) => new()
    {
        Priority = 40000,
        Cookie = new Cookie(0x0001_0000_9465_555A + (ulong)etherType),
        Flags = FlowModFlags.SendFlowRem,
        Match = new FlowMatch([new OxmEntry(OxmCatalogue.EthType, etherType)]),
        Instructions = [new ClearActionsInstruction(), .. ToController(0xFFFF)],
    };

    private static ImmutableArray<Instruction> ToController(ushort maxLength) =>
        [new ApplyActionsInstruction([new OutputAction(PortNumber.Controller, maxLength)])];

    private static MultipartRequest Multipart(MultipartType type) => new(new EmptyRequest(type));

    /// <summary>What must come back word for word, as text; lists of instructions have no equality of their own.</summary>
    private static string Describe(Cookie cookie, ushort priority, FlowModFlags flags, FlowMatch match, ImmutableArray<Instruction> instructions) =>
        Convert.ToHexString(MessageCodec.Encode(new FlowMod
        {
            Cookie = cookie, Priority = priority, Flags = flags, Match = match, Instructions = instructions,
        }));

    private static Task Say(ControllerSimulator controller, uint xid, OpenFlowMessage message) =>
        controller.SendRawAsync(MessageCodec.Encode(message with { Xid = xid }));

    private static Task<T> Hear<T>(ControllerSimulator controller, uint xid)
        where T : OpenFlowMessage => controller.ExpectAsync<T>(message => message.Xid == xid);

    private static async Task<T> HearBody<T>(ControllerSimulator controller, uint xid)
        where T : MultipartBody
    {
        var reply = await controller.ExpectAsync<MultipartReply>(message => message.Xid == xid && !message.More);
        return reply.Body.Should().BeOfType<T>().Subject;
    }

    private static Task Answered(ControllerSimulator controller, uint xid) => controller.ExpectRawAsync(
        frame => ControllerSimulator.XidOf(frame) == xid && frame[1] is (byte)MessageType.MultipartReply or (byte)MessageType.Error);

    private static async Task ExpectRole(
        ControllerSimulator controller, uint xid, ControllerRole role, ulong generation, ControllerRole expected, ulong expectedGeneration)
    {
        await Say(controller, xid, new RoleRequest(role, generation));
        var reply = await Hear<RoleReply>(controller, xid);
        (reply.Role, reply.GenerationId).Should().Be((expected, expectedGeneration));
    }

    private static void NoErrors(ControllerSimulator controller) =>
        controller.PeekReceived().Where(frame => frame[1] == (byte)MessageType.Error).Should().BeEmpty();
}
