using System.Collections.Immutable;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Bundles;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.Testing;

namespace Oko.Agent.Tests.Controllers;

/// <summary>Bundles (EXT-230) over a connection.</summary>
public sealed class BundleTests
{
    private const BundleFlags Both = BundleFlags.Atomic | BundleFlags.Ordered;

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
    public async Task Commit_OpenedBundle_DoesAllInOrder()
    {
        await ControlAsync(1, BundleControlType.OpenRequest);
        await AddAsync(1, Flow(1), Flow(2), new GroupMod(GroupModCommand.Add, GroupType.Indirect, new GroupId(5), [Bucket()]),
            Flow(3) with { Instructions = [new ApplyActionsInstruction([new GroupAction(new GroupId(5))])] },
            Flow(1) with { Command = FlowModCommand.DeleteStrict }, new MeterMod(MeterModCommand.Add, MeterFlags.Kbps, new MeterId(4), [new DropBand(1000, 0)]));
        (await PrioritiesAsync()).Should().BeEmpty("nothing happens before the commit");
        await ControlAsync(1, BundleControlType.CloseRequest);
        await ControlAsync(1, BundleControlType.CommitRequest);
        (await PrioritiesAsync()).Should().BeEquivalentTo([2, 3]);
        await RefusedAsync(new BundleControl(1, BundleControlType.CommitRequest, Both), BundleFailedCode.BadId);
    }

    [Test]
    public async Task Commit_OneMessageFails_NothingHasChanged()
    {
        await _controller.DoAsync(
            new GroupMod(GroupModCommand.Add, GroupType.Indirect, new GroupId(5), [Bucket()]),
            new GroupMod(GroupModCommand.Add, GroupType.Indirect, new GroupId(6), [Bucket()]),
            new MeterMod(MeterModCommand.Add, MeterFlags.Kbps, new MeterId(4), [new DropBand(1000, 0)]),
            Flow(1) with { Flags = FlowModFlags.SendFlowRem, Cookie = new Cookie(11), IdleTimeoutSeconds = 100 },
            Flow(2) with { Instructions = [new ApplyActionsInstruction([new GroupAction(new GroupId(5))]), new MeterInstruction(new MeterId(4))], Flags = FlowModFlags.SendFlowRem },
            Flow(3));
        _bench.Port(1).Push(new byte[60]);
        _bench.Port(2).Take(TimeSpan.FromSeconds(5)).Should().NotBeNull("priority 3 sends it there");
        var before = await StateAsync();

        await ControlAsync(9, BundleControlType.OpenRequest);
        var hardware = _bench.Ports.Find(2)!.HardwareAddress.Value;
        var failing = Flow(8) with { Instructions = [new ApplyActionsInstruction([new GroupAction(new GroupId(77))])] };
        await AddAsync(9,
            Flow(1) with { Cookie = new Cookie(12), HardTimeoutSeconds = 7, Flags = FlowModFlags.ResetCounts },
            Flow(3) with { Flags = FlowModFlags.ResetCounts, Instructions = [] },
            Flow(4),
            Flow(1) with { Command = FlowModCommand.DeleteStrict },
            new GroupMod(GroupModCommand.Modify, GroupType.All, new GroupId(6), [Bucket(), Bucket()]),
            new GroupMod(GroupModCommand.Delete, GroupType.All, new GroupId(5), []),
            new GroupMod(GroupModCommand.Add, GroupType.All, new GroupId(7), []),
            new MeterMod(MeterModCommand.Modify, MeterFlags.Pktps, new MeterId(4), []),
            new MeterMod(MeterModCommand.Delete, 0, MeterId.All, []),
            new MeterMod(MeterModCommand.Add, MeterFlags.Kbps, MeterId.Controller, [new DropBand(1, 0)]),
            new FlowMod { Command = FlowModCommand.Modify, Instructions = [] },
            new FlowMod { Command = FlowModCommand.Delete, Table = TableId.All },
            new PortMod(new PortNumber(2), hardware, PortConfig.PortDown, PortConfig.PortDown, PortFeatures.None),
            new PacketOut(BufferId.NoBuffer, PortNumber.Controller, [new OutputAction(new PortNumber(3), 0)], new byte[60]));
        var failedXid = await AddAsync(9, failing);
        await AddAsync(9, Flow(9));
        var commit = await _controller.SendAsync(new BundleControl(9, BundleControlType.CommitRequest, Both));
        var cause = await _controller.ExpectAsync<ErrorMessage>();
        (cause.Xid, cause.ErrorType, cause.Code).Should().Be((failedXid, ErrorType.BadAction, (ushort)BadActionCode.BadOutGroup));
        cause.Data.Should().Equal(MessageCodec.Encode(failing with { Xid = failedXid }));
        var refusal = await _controller.ExpectAsync<ErrorMessage>();
        (refusal.Xid, refusal.Experimenter, refusal.Code).Should().Be((commit, BundleCodec.Experimenter, (ushort)BundleFailedCode.MsgFailed));

        await _controller.BarrierAsync();
        (await StateAsync()).Should().BeEquivalentTo(before, options => options.RespectingRuntimeTypes().Excluding(member => member.Name == "Duration"));
        _bench.Datapath.ControllerMeter.Should().BeNull();
        _bench.Ports.Find(2)!.ConfigBits.Should().Be(0);
        _bench.Port(3).Take(TimeSpan.FromMilliseconds(50)).Should().BeNull("the packet-out belongs to what failed");
        _controller.PeekReceived().Should().BeEmpty("neither flow-removed nor port-status may tell of what did not happen");
        _bench.Port(1).Push(new byte[60]);
        _bench.Port(2).Take(TimeSpan.FromSeconds(5)).Should().NotBeNull("the entries are in force as before");
    }

    [Test]
    public async Task Commit_Succeeds_WhatCannotBeUndoneHappensBehindIt()
    {
        await _controller.DoAsync(Flow(1) with { Flags = FlowModFlags.SendFlowRem });
        await AddAsync(2, Flow(1) with { Command = FlowModCommand.DeleteStrict },
            new PacketOut(BufferId.NoBuffer, PortNumber.Controller, [new OutputAction(new PortNumber(3), 0)], new byte[60]));
        await ControlAsync(2, BundleControlType.CommitRequest);
        await _controller.ExpectAsync<FlowRemoved>();
        _bench.Port(3).Take(TimeSpan.FromSeconds(5)).Should().NotBeNull();
    }

    [Test]
    public async Task Discard_Bundle_ForgetsIt()
    {
        await ControlAsync(1, BundleControlType.OpenRequest);
        await AddAsync(1, Flow(1));
        await ControlAsync(1, BundleControlType.DiscardRequest);
        await RefusedAsync(new BundleControl(1, BundleControlType.CommitRequest, Both), BundleFailedCode.BadId);
        (await PrioritiesAsync()).Should().BeEmpty();
    }

    [Test]
    public async Task Rules_Broken_AreAnsweredByTheirErrors()
    {
        await RefusedAsync(new BundleControl(1, BundleControlType.OpenRequest, (BundleFlags)4), BundleFailedCode.BadFlags);
        await RefusedAsync(new BundleControl(1, BundleControlType.OpenReply, Both), BundleFailedCode.BadType);
        await RefusedAsync(new BundleControl(1, (BundleControlType)99, Both), BundleFailedCode.BadType);
        await RefusedAsync(new BundleControl(1, BundleControlType.CloseRequest, Both), BundleFailedCode.BadId);
        await RefusedAsync(new BundleControl(1, BundleControlType.DiscardRequest, Both), BundleFailedCode.BadId);
        await ControlAsync(1, BundleControlType.OpenRequest);
        await RefusedAsync(new BundleControl(1, BundleControlType.OpenRequest, Both), BundleFailedCode.BundleExist);
        await ControlAsync(1, BundleControlType.OpenRequest);
        await RefusedAsync(new BundleControl(1, BundleControlType.CommitRequest, BundleFlags.Ordered), BundleFailedCode.BadFlags);
        await ControlAsync(1, BundleControlType.OpenRequest);
        await ControlAsync(1, BundleControlType.CloseRequest);
        await RefusedAsync(new BundleControl(1, BundleControlType.CloseRequest, Both), BundleFailedCode.BundleClosed);
        await ControlAsync(1, BundleControlType.OpenRequest);
        await ControlAsync(1, BundleControlType.CloseRequest);
        await RefusedAsync(Wrap(1, Flow(1)), BundleFailedCode.BundleClosed);
        await RefusedAsync(Wrap(1, new EchoRequest([])), BundleFailedCode.MsgUnsup);
        await RefusedAsync(new BundleAdd(1, Both, Flow(1) with { Xid = 1 }), BundleFailedCode.MsgBadXid);
        await RefusedAsync(new BundleAdd(1, Both, new BundleControl(1, BundleControlType.OpenRequest, Both)), BundleFailedCode.MsgUnsup);
        for (uint id = 0; id < 16; id++)
        {
            await ControlAsync(100 + id, BundleControlType.OpenRequest);
        }

        await RefusedAsync(new BundleControl(99, BundleControlType.OpenRequest, Both), BundleFailedCode.OutOfBundles);
    }

    [Test]
    public async Task Add_LengthOfInnerMessageWrong_IsRefused()
    {
        foreach (var length in new byte[] { 0, 7, 9 })
        {
            await _controller.SendRawAsync(Convert.FromHexString($"0404002000000029{BundleCodec.Experimenter:x8}000008fd000000070000000304140000{0x29:x8}".Replace("04140000", $"0414{length:x4}")));
            var error = await _controller.ExpectAsync<ErrorMessage>();
            (error.Experimenter, error.Code).Should().Be((BundleCodec.Experimenter, (ushort)BundleFailedCode.MsgBadLen));
        }
    }

    [Test]
    public async Task Connection_Ends_ItsBundlesDo()
    {
        await ControlAsync(1, BundleControlType.OpenRequest);
        await AddAsync(1, Flow(1));
        await _controller.DisposeAsync();
        _controller = await _bench.ConnectAsync();
        await RefusedAsync(new BundleControl(1, BundleControlType.CommitRequest, Both), BundleFailedCode.BadId);
    }

    [Test]
    public async Task Slave_Bundles_AreDenied()
    {
        await _controller.RequestAsync<RoleReply>(new RoleRequest(ControllerRole.Slave, 1));
        await _controller.RefusedAsync(new BundleControl(1, BundleControlType.OpenRequest, Both), ErrorType.BadRequest, BadRequestCode.IsSlave);
        await _controller.RefusedAsync(Wrap(1, Flow(1)), ErrorType.BadRequest, BadRequestCode.IsSlave);
    }

    private static FlowMod Flow(ushort priority) => new()
    {
        Priority = priority, Instructions = [new ApplyActionsInstruction([new OutputAction(new PortNumber(2), 0)])],
    };

    private static GroupBucket Bucket() => new(0, PortNumber.Any, GroupId.Any, [new OutputAction(new PortNumber(2), 0)]);

    private BundleAdd Wrap(uint bundle, OpenFlowMessage message)
    {
        var xid = _controller.NextXid();
        return new BundleAdd(bundle, Both, message with { Xid = xid }) { Xid = xid };
    }

    /// <summary>Adds messages, expecting no error; the xid of the last.</summary>
    private async Task<uint> AddAsync(uint bundle, params OpenFlowMessage[] messages)
    {
        var wrapped = messages.Select(message => Wrap(bundle, message)).ToArray();
        await _controller.DoAsync(wrapped);
        return wrapped[^1].Xid;
    }

    private async Task ControlAsync(uint bundle, BundleControlType request)
    {
        var reply = await _controller.RequestAsync<BundleControl>(new BundleControl(bundle, request, Both));
        (reply.BundleId, reply.Control, reply.Flags).Should().Be((bundle, request + 1, Both));
    }

    private async Task RefusedAsync(OpenFlowMessage message, BundleFailedCode code)
    {
        var error = await _controller.RefusedAsync(message, ErrorType.Experimenter, code);
        error.Experimenter.Should().Be(BundleCodec.Experimenter);
        error.Data.Should().StartWith([4, (byte)MessageType.Experimenter]);
    }

    private async Task<IEnumerable<int>> PrioritiesAsync() => (await _controller.FlowsAsync()).Entries.Select(flow => (int)flow.Priority);

    private async Task<ImmutableArray<object>> StateAsync() =>
    [
        (await _controller.FlowsAsync()).Entries.OrderBy(flow => flow.Priority).ToArray(),
        await _controller.AskAsync<GroupStatsReply>(new MultipartRequest(new GroupStatsRequest(GroupId.All))),
        await _controller.AskAsync<GroupDescriptionReply>(new MultipartRequest(new EmptyRequest(MultipartType.GroupDesc))),
        await _controller.AskAsync<MeterStatsReply>(new MultipartRequest(new MeterRequest(MultipartType.Meter, MeterId.All))),
        await _controller.AskAsync<MeterConfigurationReply>(new MultipartRequest(new MeterRequest(MultipartType.MeterConfig, MeterId.All))),
    ];
}
