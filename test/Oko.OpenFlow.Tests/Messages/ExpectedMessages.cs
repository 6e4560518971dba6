using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Bundles;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using System.Collections.Immutable;

namespace Oko.OpenFlow.Tests.Messages;

/// <summary>What each fixture means.</summary>
internal static partial class ExpectedMessages
{
    private static AsyncMasks Masks => new(7, 0, 7, 7, 15, 0);

    private static byte[] ArpFrame => Convert.FromHexString(
        "ffffffffffff00112233445508060001080006040001" + "0011223344550a0000010000000000000a000002");

    public static IReadOnlyDictionary<string, OpenFlowMessage> ByFixture { get; } =
        Standard().Concat(Multiparts()).Concat(Extension()).ToDictionary(pair => pair.Name, pair => pair.Message);

    private static IEnumerable<(string Name, OpenFlowMessage Message)> Standard()
    {
        yield return ("hello", Hello.OpenFlow13 with { Xid = 1 });
        yield return ("hello-plain", new Hello(6, null) { Xid = 2 });
        yield return ("echo-request", new EchoRequest([1, 2, 3, 4, 5]) { Xid = 3 });
        yield return ("echo-reply", new EchoReply([1, 2, 3, 4, 5]) { Xid = 3 });
        yield return ("error", new ErrorMessage(ErrorType.BadRequest, (ushort)BadRequestCode.BadType, Convert.FromHexString("0463000800000004")) { Xid = 4 });
        yield return ("experimenter", new ExperimenterMessage(0x00666666, 9, [0xDE, 0xAD, 0xBE, 0xEF]) { Xid = 6 });
        yield return ("bundle-control", new BundleControl(7, BundleControlType.CommitRequest, BundleFlags.Atomic | BundleFlags.Ordered) { Xid = 40 });
        yield return ("bundle-add", new BundleAdd(7, BundleFlags.Atomic | BundleFlags.Ordered, new GroupMod(GroupModCommand.Delete, GroupType.All, GroupId.All, []) { Xid = 41 }) { Xid = 41 });
        yield return ("features-request", new FeaturesRequest { Xid = 7 });
        yield return ("features-reply", new FeaturesReply(0x4F2, 0, 64, 0, Capabilities.FlowStats | Capabilities.TableStats | Capabilities.PortStats) { Xid = 7 });
        yield return ("get-config-request", new GetConfigRequest { Xid = 8 });
        yield return ("get-config-reply", new GetConfigReply(ConfigFlags.FragNormal, 0xFFFF) { Xid = 8 });
        yield return ("set-config", new SetConfig(ConfigFlags.FragDrop, 128) { Xid = 9 });
        yield return ("flow-mod", StandardFlowMod());
        yield return ("flow-mod-ipv6", Ipv6FlowMod());
        yield return ("flow-mod-filter", new FlowMod
        {
            Xid = 12,
            Priority = 200,
            Match = new FlowMatch([new(OxmCatalogue.EthType, 0x0800), new(OxmCatalogue.IpProto, 17), new(OxmCatalogue.Filter, 7)]),
        });
        yield return ("group-mod", new GroupMod(GroupModCommand.Add, GroupType.Ff, new GroupId(50),
        [
            new GroupBucket(0, new PortNumber(1), GroupId.Any, [new OutputAction(new PortNumber(1), 0)]),
            new GroupBucket(0, new PortNumber(2), GroupId.Any, [new PopVlanAction(), new OutputAction(new PortNumber(2), 0)]),
        ]) { Xid = 13 });
        yield return ("meter-mod", new MeterMod(MeterModCommand.Add, MeterFlags.Kbps, new MeterId(5), [new DropBand(1000, 100)]) { Xid = 14 });
        yield return ("port-mod", new PortMod(
            new PortNumber(2), 0x001122334455, PortConfig.PortDown, PortConfig.PortDown | PortConfig.NoFwd | PortConfig.NoPacketIn, PortFeatures.Speed10GbFd) { Xid = 15 });
        yield return ("table-mod", new TableMod(TableId.All, 3) { Xid = 16 });
        yield return ("packet-out", new PacketOut(BufferId.NoBuffer, PortNumber.Controller, [new OutputAction(PortNumber.Flood, 0xFFFF)], ArpFrame) { Xid = 17 });
        yield return ("barrier-request", new BarrierRequest { Xid = 18 });
        yield return ("barrier-reply", new BarrierReply { Xid = 18 });
        yield return ("role-request", new RoleRequest(ControllerRole.Master, 5) { Xid = 19 });
        yield return ("role-reply", new RoleReply(ControllerRole.Equal, ulong.MaxValue) { Xid = 19 });
        yield return ("get-async-request", new GetAsyncRequest { Xid = 20 });
        yield return ("get-async-reply", new GetAsyncReply(Masks) { Xid = 20 });
        yield return ("set-async", new SetAsync(Masks) { Xid = 21 });
        yield return ("queue-get-config-request", new QueueGetConfigRequest(new PortNumber(1)) { Xid = 22 });
        yield return ("queue-get-config-reply", new QueueGetConfigReply(new PortNumber(1), []) { Xid = 22 });
        yield return ("packet-in", new PacketIn(
            BufferId.NoBuffer, 42, PacketInReason.Action, new TableId(2), new Cookie(0x5ADC15C0),
            new FlowMatch([new(OxmCatalogue.InPort, 1), new(OxmCatalogue.Metadata, 5)]), ArpFrame[..20]));
        yield return ("flow-removed", new FlowRemoved
        {
            Cookie = new Cookie(0x1234),
            Priority = 100,
            Reason = FlowRemovedReason.IdleTimeout,
            Table = new TableId(3),
            Duration = TimeSpan.FromSeconds(61.5),
            IdleTimeoutSeconds = 60,
            PacketCount = 1000,
            ByteCount = 64000,
            Match = new FlowMatch([new(OxmCatalogue.EthSrc, 0x001122334455)]),
        });
        yield return ("port-status", new PortStatus(PortReason.Modify, Port(1, "veth-h1", PortConfig.None, PortState.LinkDown)));
    }

    private static FlowMod StandardFlowMod() => new()
    {
        Xid = 10,
        Cookie = new Cookie(0x1122334455667788),
        Table = new TableId(3),
        Command = FlowModCommand.Add,
        IdleTimeoutSeconds = 10,
        HardTimeoutSeconds = 20,
        Priority = 100,
        Flags = FlowModFlags.SendFlowRem | FlowModFlags.CheckOverlap,
        Match = new FlowMatch(
        [
            new(OxmCatalogue.InPort, 3), new(OxmCatalogue.EthType, 0x0800), new(OxmCatalogue.IpProto, 6),
            new(OxmCatalogue.Ipv4Src, 0x0A000000), new(OxmCatalogue.TcpDst, 80),
        ]),
        Instructions =
        [
            new MeterInstruction(new MeterId(9)),
            new ApplyActionsInstruction(
            [
                new PushVlanAction(0x8100), new SetFieldAction(new(OxmCatalogue.VlanVid, 0x1005)), new DecNwTtlAction(),
                new SetQueueAction(new QueueId(4)), new GroupAction(new GroupId(7)), new OutputAction(new PortNumber(2), 0),
                new OutputAction(PortNumber.Controller, 128),
            ]),
            new ClearActionsInstruction(),
            new WriteActionsInstruction(
                [new PopVlanAction(), new SetFieldAction(new(OxmCatalogue.EthSrc, 1)), new OutputAction(PortNumber.Normal, 0xFFFF)]),
            new WriteMetadataInstruction(0x10, 0xFF),
            new GotoTableInstruction(new TableId(5)),
        ],
    };

    private static FlowMod Ipv6FlowMod() => new()
    {
        Xid = 11,
        Match = new FlowMatch(
        [
            new(OxmCatalogue.Metadata, 5, 15), new(OxmCatalogue.EthType, 0x86DD), new(OxmCatalogue.VlanVid, 0x1000, 0x1000), new(OxmCatalogue.IpProto, 58),
            new(OxmCatalogue.Ipv6Src, (UInt128)0x20010DB8 << 96, (UInt128)0xFFFFFFFF << 96), new(OxmCatalogue.Icmpv6Type, 135),
            new(OxmCatalogue.Ipv6NdTarget, ((UInt128)0xFE80 << 112) | 1), new(OxmCatalogue.Ipv6NdSll, 0x001122334455),
        ]),
        Instructions =
        [
            new ApplyActionsInstruction(
            [
                new CopyTtlOutAction(), new CopyTtlInAction(), new SetMplsTtlAction(64), new DecMplsTtlAction(), new PushMplsAction(0x8847),
                new PopMplsAction(0x0800), new SetNwTtlAction(63), new PushPbbAction(0x88E7), new PopPbbAction(),
                new SetFieldAction(new(OxmCatalogue.Ipv6Dst, 1)),
            ]),
        ],
    };

    private static PortDescription Port(uint number, string name, PortConfig config, PortState state) => new()
    {
        Number = new PortNumber(number),
        HardwareAddress = 0x001122334455,
        Name = name,
        Config = config,
        State = state,
        Current = PortFeatures.Speed10GbFd | PortFeatures.Copper,
        Advertised = PortFeatures.Speed10GbFd,
        Supported = PortFeatures.Speed10GbFd | PortFeatures.Speed1GbFd,
        Peer = PortFeatures.Speed1GbFd,
        CurrentSpeedKbps = 10_000_000,
        MaxSpeedKbps = 40_000_000,
    };
}
