using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Ports;
using Oko.Datapath.Tables;
using static Oko.Datapath.Pipeline.DatapathAction;

namespace Oko.Datapath.Tests.Pipeline;

public sealed class PipelineTests
{
    private static readonly UInt128 All = UInt128.MaxValue;

    private static FieldMatch Is(FlowField field, UInt128 value) => new(field, value, All);

    [Test]
    public void Output_OneEntry_SendsTheFrameUnchanged()
    {
        using var bench = new Bench();
        var entry = bench.Add(1, [Is(FlowField.InPort, 1)], Bench.Apply(Output(2)));
        var frame = Frames.Udp4();
        bench.Send(1, frame);
        bench.Expect(2).Should().Equal(frame);
        entry.PacketCount.Should().Be(1);
        entry.ByteCount.Should().Be((ulong)frame.Length);
    }

    // A switch of OpenFlow is no bridge of IEEE 802.1: STP, pause frames, LACP and LLDP go through the tables like the rest.
    [TestCase(0x0180C2000000ul, (ushort)0x0026)]
    [TestCase(0x0180C2000001ul, (ushort)0x8808)]
    [TestCase(0x0180C2000002ul, (ushort)0x8809)]
    [TestCase(0x0180C200000Eul, (ushort)0x88CC)]
    public void LinkLocalFrame_OneEntry_GoesThroughTheTables(ulong destination, ushort type)
    {
        using var bench = new Bench();
        bench.Add(1, [Is(FlowField.EthDst, destination)], Bench.Apply(Output(2)));
        var frame = Frames.Ethernet(destination, 0x020000000001, type, new byte[46]);
        bench.Send(1, frame);
        bench.Expect(2).Should().Equal(frame);
    }

    [Test]
    public void Miss_NoEntry_DropsWithReason()
    {
        using var bench = new Bench();
        bench.Send(1, Frames.Udp4());
        bench.Settle();
        bench.Datapath.GetBalance().Drops[(int)DropReason.TableMiss].Should().Be(1);
    }

    [Test]
    public void Output_SeveralPortsWithChangesBetween_EachSeesItsMoment()
    {
        using var bench = new Bench(4);
        bench.Add(1, [], Bench.Apply(Output(2), SetField(FlowField.Ipv4Dst, 0x0B000001), Output(3), SetField(FlowField.UdpDst, 7), Output(4)));
        var frame = Frames.Udp4();
        bench.Send(1, frame);
        bench.Expect(2).Should().Equal(frame);
        var third = bench.Expect(3);
        third.Should().Equal(Frames.Udp4(destination: 0x0B000001));
        bench.Expect(4).Should().Equal(Frames.Udp4(destination: 0x0B000001, to: 7));
        bench.Settle();
        bench.Datapath.GetBalance().Cloned.Should().Be(2);
    }

    [Test]
    public void Output_ToIngressPort_NeedsInPort()
    {
        using var bench = new Bench();
        bench.Add(1, [Is(FlowField.UdpDst, 1)], Bench.Apply(Output(1)));
        bench.Add(1, [Is(FlowField.UdpDst, 2)], Bench.Apply(Output(ReservedPort.InPort)));
        bench.Send(1, Frames.Udp4(to: 1));
        bench.ExpectNothing(1);
        bench.Datapath.GetBalance().Drops[(int)DropReason.OutputToIngress].Should().Be(1);
        bench.Send(1, Frames.Udp4(to: 2));
        bench.Expect(1);
    }

    [TestCase(ReservedPort.Flood)]
    [TestCase(ReservedPort.All)]
    public void FloodOrAll_ThreePorts_SendsToTheOthers(uint port)
    {
        using var bench = new Bench();
        bench.Add(1, [], Bench.Apply(Output(port)));
        bench.Send(2, Frames.Udp4());
        bench.Expect(1);
        bench.Expect(3);
        bench.ExpectNothing(2);
    }

    [Test]
    public void Normal_KnownAddress_GoesToOnePort()
    {
        using var bench = new Bench();
        bench.Add(0, [], Bench.Apply(Output(ReservedPort.Normal)));
        bench.Send(1, Frames.Ethernet(0xFFFFFFFFFFFF, 0x02000000000A, 0x0806, new byte[46]));
        bench.Expect(2);
        bench.Expect(3);
        bench.Send(2, Frames.Ethernet(0x02000000000A, 0x02000000000B, 0x0800, new byte[46]));
        bench.Expect(1);
        bench.ExpectNothing(3);
    }

    [Test]
    public void Goto_Metadata_IsSeenByTheNextTable()
    {
        using var bench = new Bench();
        bench.Add(1, [Is(FlowField.InPort, 1)], new InstructionSet { MetadataValue = 0x15, MetadataMask = 0x1F, GotoTable = 3 });
        bench.Add(1, [new FieldMatch(FlowField.Metadata, 0x05, 0x0F)], Bench.Apply(Output(2)), table: 3);
        bench.Send(1, Frames.Udp4());
        bench.Expect(2);
    }

    [Test]
    public void ActionSet_WrittenInAnyOrder_RunsPopPushSetOutput()
    {
        using var bench = new Bench();
        bench.Add(1, [], new InstructionSet
        {
            Write = [Output(2), SetField(FlowField.VlanVid, 0x1064), PushVlan(0x8100)], GotoTable = 1,
        });
        bench.Add(1, [], new InstructionSet { Write = [Output(3)] }, table: 1);
        var frame = Frames.Udp4();
        bench.Send(1, frame);
        bench.Expect(3).Should().Equal(Frames.Vlan(frame, 0x64));
    }

    [Test]
    public void ActionSet_OfAllTagsAndTtls_RunsInTheOrderOfTheStandard()
    {
        using var bench = new Bench();
        bench.Add(1, [], new InstructionSet
        {
            Write =
            [
                Output(2), SetField(FlowField.MplsLabel, 0x12345), DecMplsTtl(), SetMplsTtl(9), CopyTtlOut(), PushVlan(0x8100), PushMpls(0x8847), DecNwTtl(),
            ],
        });
        var frame = Frames.Udp4();
        bench.Send(1, frame);
        var sent = bench.Expect(2);
        // The label is pushed first, the tag in front of it; the TTL 64 is copied out, decremented, and only then set.
        sent[12..22].Should().Equal(0x81, 0, 0, 0, 0x88, 0x47, 0x12, 0x34, 0x51, 9);
        sent[22..].Should().Equal(frame[14..], "behind a label nothing is known to be IP: dec_nw_ttl has nothing to change");
    }

    [Test]
    public void ActionSet_PopAndDecrement_WorkOnTheInnerPacket()
    {
        using var bench = new Bench();
        bench.Add(1, [Is(FlowField.EthType, 0x8847)], new InstructionSet { Write = [Output(2), DecNwTtl(), PopMpls(0x0800), CopyTtlIn()] });
        var frame = Frames.Udp4();
        byte[] labelled = [.. frame[..12], 0x88, 0x47, 0, 6, 0x41, 31, .. frame[14..]];
        bench.Send(1, labelled);
        var sent = bench.Expect(2);
        sent[22].Should().Be(30, "31 came in from the label, then it was decremented");
        Frames.ChecksumsAreRight(sent).Should().BeTrue();
    }

    [TestCase(1)]
    [TestCase(0)]
    public void DecNwTtl_NothingLeft_GoesToTheControllerOnly(byte ttl)
    {
        using var bench = new Bench();
        bench.Add(3, [], Bench.Apply(SetNwTtl(ttl), DecNwTtl(), Output(2)));
        bench.Send(1, Frames.Udp4());
        bench.ExpectNothing(2);
        var record = Read(bench);
        record.Kind.Should().Be(PacketInKind.InvalidTtl);
        record.Data[22].Should().Be(ttl);
        record.Cookie.Should().Be(3);
    }

    [Test]
    public void TunnelId_Set_IsSeenByTheNextTableAndThePacketIn()
    {
        using var bench = new Bench();
        bench.Add(1, [], Bench.Apply(SetField(FlowField.TunnelId, 77)) with { GotoTable = 1 });
        bench.Add(1, [Is(FlowField.TunnelId, 77)], Bench.Apply(Output(2), Output(ReservedPort.Controller)), table: 1);
        var frame = Frames.Udp4();
        bench.Send(1, frame);
        bench.Expect(2).Should().Equal(frame);
        Read(bench).TunnelId.Should().Be(77);
    }

    [Test]
    public void Vlan_PushAndPop_GiveTheFrameBack()
    {
        using var bench = new Bench();
        bench.Add(1, [Is(FlowField.VlanVid, 0)], Bench.Apply(PushVlan(0x88A8), SetField(FlowField.VlanVid, 0x1005), SetField(FlowField.VlanPcp, 3), Output(2)));
        bench.Add(1, [Is(FlowField.VlanVid, 0x1005)], Bench.Apply(PopVlan(), Output(3)));
        var frame = Frames.Udp4();
        bench.Send(1, frame);
        var tagged = bench.Expect(2);
        tagged.Should().Equal(Frames.Vlan(frame, 0x6005, 0x88A8));
        bench.Send(1, tagged);
        bench.Expect(3).Should().Equal(frame);
    }

    [TestCase(FlowField.Ipv4Src, 0xC0A80001u)]
    [TestCase(FlowField.IpDscp, 46u)]
    [TestCase(FlowField.IpEcn, 2u)]
    [TestCase(FlowField.UdpSrc, 53u)]
    [TestCase(FlowField.EthSrc, 77u)]
    public void SetField_OnUdp_KeepsChecksumsRight(FlowField field, uint value)
    {
        using var bench = new Bench();
        bench.Add(1, [], Bench.Apply(SetField(field, value), Output(2)));
        bench.Add(1, [Is(field, value), Is(FlowField.InPort, 3)], Bench.Apply(Output(1)));
        bench.Send(1, Frames.Udp4());
        var sent = bench.Expect(2);
        Frames.ChecksumsAreRight(sent).Should().BeTrue();
        bench.Add(2, [Is(FlowField.InPort, 3), Is(field, value)], Bench.Apply(Output(1)));
        bench.Send(3, sent);
        bench.Expect(1).Should().Equal(sent, "the extractor must read what the editor wrote");
    }

    [Test]
    public void SetField_Ipv6Address_KeepsTheChecksumRight()
    {
        using var bench = new Bench();
        bench.Add(1, [], Bench.Apply(SetField(FlowField.Ipv6Dst, (UInt128.One << 100) + 5), SetField(FlowField.TcpDst, 9), SetField(FlowField.Ipv6FlowLabel, 0xABCDE), Output(2)));
        bench.Send(1, Frames.Tcp6(1, 2));
        var sent = bench.Expect(2);
        Frames.ChecksumsAreRight(sent).Should().BeTrue();
        sent[14..18].Should().Equal(0x60, 0x0A, 0xBC, 0xDE);
    }

    [Test]
    public void Controller_TableMissEntry_GivesNoMatchAndCutData()
    {
        using var bench = new Bench();
        bench.Add(0, [], Bench.Apply(Output(ReservedPort.Controller, 20)));
        bench.Add(5, [Is(FlowField.InPort, 2)], Bench.Apply(Output(ReservedPort.Controller)));
        var frame = Frames.Udp4();
        bench.Send(1, frame);
        var record = Read(bench);
        record.Kind.Should().Be(PacketInKind.NoMatch);
        record.Data.Should().Equal(frame[..20]);
        record.TotalLength.Should().Be(frame.Length);
        bench.Send(2, frame);
        record = Read(bench);
        record.Kind.Should().Be(PacketInKind.Action);
        record.Cookie.Should().Be(5);
        record.InPort.Should().Be(2);
        record.Data.Should().Equal(frame);
    }

    [Test]
    public void Inject_OutputToTable_RunsThePipeline()
    {
        using var bench = new Bench();
        bench.Add(1, [Is(FlowField.InPort, 2)], Bench.Apply(Output(3)));
        var frame = Frames.Udp4();
        bench.Datapath.TryInject(frame, 2, [Output(ReservedPort.Table), Output(1)]).Should().BeTrue();
        bench.Expect(3).Should().Equal(frame);
        bench.Expect(1).Should().Equal(frame);
    }

    [Test]
    public void PortConfig_NoForwardAndNoReceive_AreHonoured()
    {
        using var bench = new Bench();
        bench.Add(1, [], Bench.Apply(Output(ReservedPort.Flood)));
        bench.Ports[1].ConfigBits = Port.ConfigNoForward;
        bench.Ports[0].ConfigBits = 0;
        bench.Send(1, Frames.Udp4());
        bench.Expect(3);
        bench.ExpectNothing(2);
        bench.Ports[0].ConfigBits = Port.ConfigNoReceive;
        bench.Send(1, Frames.Udp4());
        bench.ExpectNothing(3);
        bench.Datapath.GetBalance().Drops[(int)DropReason.ReceiveDisabled].Should().Be(1);
    }

    [Test]
    public void PartialChecksum_OnVirtualPort_IsCompleted()
    {
        using var bench = new Bench(2, partialChecksums: true);
        bench.Add(1, [], Bench.Apply(Output(2)));
        var right = Frames.Udp4();
        var partial = (byte[])right.Clone();
        // What Linux leaves in the field: the folded pseudo-header sum, not complemented.
        uint sum = 0x0A00 + 0x0001 + 0x0A00 + 0x0002 + 17 + 26;
        partial[40] = (byte)(sum >> 8);
        partial[41] = (byte)sum;
        bench.Send(1, partial);
        bench.Expect(2).Should().Equal(right);
        bench.Send(1, right);
        bench.Expect(2).Should().Equal(right);
        bench.Datapath.CompletedChecksums.Should().Be(1);
    }

    [Test]
    public void Worker_ForwardingManyPackets_AllocatesOnlyInThePorts()
    {
        // The in-memory port itself allocates; what the worker allocates beyond that is counted with packets that are dropped.
        using var bench = new Bench(1);
        bench.Add(1, [Is(FlowField.UdpDst, 2000)], Bench.Apply(SetField(FlowField.Ipv4Dst, 5), PushVlan(0x8100), PopVlan()));
        for (var count = 0; count < 900; count++)
        {
            bench.Send(1, Frames.Udp4());
        }

        bench.Settle();
        SpinWait.SpinUntil(() => bench.Datapath.WorkerAllocatedBytes != 0, 300);
        bench.Datapath.WorkerAllocatedBytes.Should().BeLessThan(20_000, "900 packets must not allocate per packet");
    }

    [Test]
    public void DropReasons_Each_HasASentence() =>
        Enum.GetValues<DropReason>().Select(DropReasons.Describe).Should().OnlyHaveUniqueItems();

    private static PacketInRecord Read(Bench bench)
    {
        PacketInRecord? record;
        while (!bench.Datapath.TryReadPacketIn(out record))
        {
            bench.Datapath.WaitForPacketIn(TimeSpan.FromSeconds(5)).Should().BeTrue("a packet must come");
        }

        return record;
    }
}
