using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Ports;
using Oko.Datapath.Tables;
using static Oko.Datapath.Pipeline.DatapathAction;
using Oko.Testing;

namespace Oko.Datapath.Tests.Pipeline;

/// <summary>Outputs, instructions and the fate of every packet, on the test's own thread.</summary>
public sealed class ActionTests
{
    [Test]
    public void Push_NoRoomLeft_DropsInsteadOfSendingUntagged()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], Bench.Apply([.. Enumerable.Repeat(PushVlan(0x8100), 64), Output(2)]));
        harness.Add(2, [new FieldMatch(FlowField.InPort, 3, uint.MaxValue)], Bench.Apply([.. Enumerable.Repeat(PushVlan(0x8100), 65), Output(2)]));
        harness.Run(1, Frames.Udp4()).Should().ContainSingle().Which.Frame.Should().HaveCount(Frames.Udp4().Length + 256);
        harness.Run(3, Frames.Udp4()).Should().BeEmpty();
        harness.Drops(DropReason.NoHeadroom).Should().Be(1);
    }

    [Test]
    public void Miss_InLaterTable_DropsTheActionSetButNotWhatWasSent()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], new InstructionSet { Apply = [Output(2)], Write = [Output(3)], GotoTable = 5 });
        harness.Run(1, Frames.Udp4()).Should().ContainSingle().Which.Port.Should().Be(2);
        harness.Drops(DropReason.TableMiss).Should().Be(0, "the packet was sent");
    }

    [Test]
    public void Instructions_ApplyClearWriteInOneEntry_RunInTheOrderOfTheSpecification()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], new InstructionSet { Write = [Output(2), SetField(FlowField.UdpDst, 5)], GotoTable = 1 });
        harness.Add(1, [], new InstructionSet { Apply = [Output(4)], ClearActions = true, Write = [Output(3)] }, table: 1);
        var frame = Frames.Udp4();
        harness.Run(1, frame).Should().BeEquivalentTo([(3u, frame), (4u, frame)]);
    }

    [Test]
    public void Controller_NoPacketIn_DropsWithItsReasonAndSendsTheRest()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], Bench.Apply(Output(ReservedPort.Controller), Output(2)));
        harness.Pipeline.Ports.Find(1)!.Port.ConfigBits = Port.ConfigNoPacketIn;
        harness.Run(1, Frames.Udp4()).Should().ContainSingle();
        harness.Drops(DropReason.PacketInDisabled).Should().Be(1);
        harness.PacketIns.TryRead(out _).Should().BeFalse();
    }

    [Test]
    public void Controller_FullQueue_DropsAndCounts()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], Bench.Apply(Output(ReservedPort.Controller)));
        harness.Run(1, Frames.Udp4(), 64);
        harness.Run(1, Frames.Udp4(), 10);
        harness.Drops(DropReason.ControllerQueueFull).Should().Be(10);
        harness.Pipeline.Balance.ToController.Should().Be(64);
        harness.PacketIns.TryRead(out var record).Should().BeTrue();
        record!.Cookie.Should().Be(1);
        harness.Run(1, Frames.Udp4());
        harness.Pipeline.Balance.ToController.Should().Be(65);
    }

    [TestCase(ReservedPort.Local, DropReason.NoSuchPort)]
    [TestCase(77u, DropReason.NoSuchPort)]
    [TestCase(ReservedPort.Table, DropReason.NoSuchPort)]
    [TestCase(1u, DropReason.OutputToIngress)]
    [TestCase(2u, DropReason.PortDown)]
    [TestCase(ReservedPort.Flood, DropReason.NoFloodPort)]
    [TestCase(ReservedPort.All, DropReason.NoFloodPort)]
    [TestCase(ReservedPort.Normal, DropReason.NoFloodPort)]
    public void Output_ThatCannotBe_DropsWithItsReason(uint port, DropReason reason)
    {
        using var harness = new PipelineHarness(2);
        harness.Pipeline.Ports.Find(2)!.Port.StateBits = Port.StateLinkDown;
        harness.Add(1, [], Bench.Apply(Output(port)));
        harness.Run(1, Frames.Udp4(), 3).Should().BeEmpty();
        harness.Drops(reason).Should().Be(3);
    }

    [Test]
    public void Output_NoFrameForACopy_DropsTheCopyOnly()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], Bench.Apply(Output(2), Output(3)));
        var taken = new List<ulong>();
        while (harness.Umem.Frames.FreeCount > 1 && harness.Umem.Frames.TryAllocate(out var address))
        {
            taken.Add(address);
        }

        harness.Run(1, Frames.Udp4()).Should().ContainSingle().Which.Port.Should().Be(3);
        harness.Drops(DropReason.NoFrame).Should().Be(1);
        taken.ForEach(harness.Umem.Frames.Free);
    }

    [Test]
    public void Received_ShorterThanEthernet_IsMalformed()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], Bench.Apply(Output(2)));
        harness.Run(1, new byte[13]).Should().BeEmpty();
        harness.Inject(1, new byte[5], Output(2)).Should().BeEmpty();
        harness.Inject(1, [], Output(ReservedPort.Table)).Should().BeEmpty();
        harness.Drops(DropReason.Malformed).Should().Be(3);
    }

    [Test]
    public void Inject_ChangesAroundTable_EachOutputSeesItsMoment()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [new FieldMatch(FlowField.UdpDst, 5, ushort.MaxValue)], Bench.Apply(Output(3), Output(ReservedPort.InPort)));
        harness.Inject(4, Frames.Udp4(), SetField(FlowField.UdpDst, 5), Output(ReservedPort.Table), SetField(FlowField.UdpDst, 6), Output(2), Output(4))
            .Should().BeEquivalentTo([(2u, Frames.Udp4(to: 6)), (3u, Frames.Udp4(to: 5)), (4u, Frames.Udp4(to: 5))]);
    }

    [Test]
    public void SetField_ToTheValueThatIsThere_MakesNoCopy()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], Bench.Apply(Output(2), SetField(FlowField.UdpDst, 9)));
        harness.Run(1, Frames.Udp4(to: 9)).Should().ContainSingle();
        harness.Pipeline.Balance.Cloned.Should().Be(0);
    }

    [Test]
    public void Normal_AddressMovesAndPortGoes_FollowsAndForgets()
    {
        using var harness = new PipelineHarness(3);
        harness.Add(0, [], Bench.Apply(Output(ReservedPort.Normal)));
        const ulong one = 0x02000000000A, other = 0x02000000000B;
        byte[] From(ulong source, ulong destination) => Frames.Ethernet(destination, source, 0x88B5, new byte[46]);
        harness.Run(1, From(one, other)).Should().HaveCount(2);
        harness.Run(2, From(one, other)).Should().HaveCount(2);
        harness.Run(3, From(other, one)).Should().ContainSingle().Which.Port.Should().Be(2);
        harness.Run(3, Frames.Vlan(From(other, one), 5)).Should().HaveCount(2, "it was not seen in this VLAN");
        harness.Pipeline.Ports = new Oko.Datapath.Workers.PortSet([.. harness.Pipeline.Ports.All.Where(queue => queue.Port.Number != 2)], harness.Umem);
        harness.Run(3, From(other, one)).Should().ContainSingle().Which.Port.Should().Be(1, "the port is gone, so the packet is flooded");
    }

    [Test]
    public void SetInstructions_BetweenPlainAndOther_IsInForceAtOnce()
    {
        using var harness = new PipelineHarness();
        var entry = harness.Add(1, [], Bench.Apply(Output(2)));
        uint[] Ports() => [.. harness.Run(1, Frames.Udp4()).Select(sent => sent.Port)];
        Ports().Should().Equal(2);
        entry.SetInstructions(Bench.Apply(Output(3)));
        Ports().Should().Equal(3);
        entry.SetInstructions(new InstructionSet { Write = [Output(4)] });
        Ports().Should().Equal(4);
        entry.SetInstructions(Bench.Apply(Output(1)));
        Ports().Should().BeEmpty();
        entry.SetInstructions(Bench.Apply(Output(ReservedPort.InPort)));
        Ports().Should().Equal(1);
        entry.SetInstructions(InstructionSet.Empty);
        Ports().Should().BeEmpty();
        harness.Drops(DropReason.OutputToIngress).Should().Be(1);
        harness.Drops(DropReason.NoOutput).Should().Be(1);
        entry.PacketCount.Should().Be(6);
    }

    [Test]
    public void Pipeline_ManyPackets_AllocatesNothing()
    {
        using var harness = new PipelineHarness { Records = false };
        harness.Add(1, [], new InstructionSet
        {
            Apply = [PushVlan(0x8100), SetField(FlowField.VlanVid, 0x1005), Output(2), PopVlan(), SetField(FlowField.Ipv4Dst, 7), Output(ReservedPort.Flood), Output(ReservedPort.Controller)],
            Write = [SetField(FlowField.EthDst, 5), Output(ReservedPort.Normal)], MetadataValue = 1, MetadataMask = 1, GotoTable = 1,
        });
        harness.Add(9, [], Bench.Apply(Output(2)), table: 1, filter: Filters.Slot(Filters.Periodic(2)));
        harness.Add(1, [], new InstructionSet(), table: 1);
        var frame = Frames.Udp4();
        for (var warm = 0; warm < 100; warm++)
        {
            harness.Run(1, frame, 64);
        }

        Allocations.Of(() =>
        {
            for (var round = 0; round < 100; round++)
            {
                harness.Run(1, frame, 64);
            }
        }).Should().Be(0);
    }
}
