using Oko.Datapath.AfXdp;
using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Ports;
using Oko.Datapath.Tables;
using static Oko.Datapath.Pipeline.DatapathAction;

namespace Oko.Datapath.Tests.Pipeline;

/// <summary>Packets that do not fit a chunk, on the test's own thread.</summary>
public sealed class JumboPacketTests
{
    private const int Payload = 8900, UdpHeaders = 42;

    [Test]
    public void Output_SeveralPortsAndChanges_EachGetsItsBytes()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], Bench.Apply(Output(2), PushVlan(0x8100), Output(3), PopVlan(), SetField(FlowField.UdpDst, 7), Output(4)));
        var frame = Frames.Udp4(payload: Payload);
        var sent = harness.Run(1, frame).ToDictionary(each => each.Port, each => each.Frame);
        sent[2].Should().Equal(frame);
        sent[3].Should().Equal(Frames.Vlan(frame, 0));
        sent[4].Should().Equal(Frames.Udp4(to: 7, payload: Payload));
        Frames.ChecksumsAreRight(sent[4]).Should().BeTrue();
    }

    [Test]
    public void Filter_ByteAtTheEnd_IsSeen()
    {
        using var harness = new PipelineHarness();
        var frame = Frames.Udp4(payload: Payload);
        frame[^1] = 0xAB;
        harness.Add(9, [], Bench.Apply(Output(2)), filter: Filters.Slot(Filters.ByteIs(frame.Length - 1, 0xAB)));
        harness.Add(8, [], Bench.Apply(Output(3)), filter: Filters.Slot(Filters.LengthIs(frame.Length), 2));
        harness.Run(1, frame).Should().ContainSingle().Which.Port.Should().Be(2);
        frame[^1] = 0;
        harness.Run(1, frame).Should().ContainSingle().Which.Port.Should().Be(3);
    }

    [Test]
    public void Push_UntilTheHeadroomEnds_DropsAsForOtherPackets()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], Bench.Apply([.. Enumerable.Repeat(PushVlan(0x8100), 64), Output(2)]));
        harness.Add(2, [new FieldMatch(FlowField.InPort, 3, uint.MaxValue)], Bench.Apply([.. Enumerable.Repeat(PushVlan(0x8100), 65), Output(2)]));
        harness.Run(1, Frames.Udp4(payload: Payload)).Should().ContainSingle().Which.Frame.Should().HaveCount(UdpHeaders + Payload + 256);
        harness.Run(3, Frames.Udp4(payload: Payload)).Should().BeEmpty();
        harness.Drops(DropReason.NoHeadroom).Should().Be(1);
    }

    [Test]
    public void Output_PortOfASmallerMtu_DropsAndCounts()
    {
        using var harness = new PipelineHarness();
        harness.Limit(2, 2048);
        harness.Add(1, [], Bench.Apply(Output(2), Output(3)));
        harness.Run(1, Frames.Udp4(payload: Payload)).Should().ContainSingle().Which.Port.Should().Be(3);
        harness.Run(1, Frames.Udp4()).Should().HaveCount(2);
        harness.Drops(DropReason.TooLong).Should().Be(1);
        harness.Port(2).Counters.SendDropped.Should().Be(1);
    }

    [Test]
    public void Output_NoBufferForACopy_DropsTheCopyOnly()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], Bench.Apply(Output(2), Output(3)));
        var taken = new List<ulong>();
        while (harness.Umem.Frames.FreeJumboCount > 1 && harness.Umem.Frames.TryAllocateJumbo(out var address))
        {
            taken.Add(address);
        }

        harness.Run(1, Frames.Udp4(payload: Payload)).Should().ContainSingle().Which.Port.Should().Be(3);
        harness.Drops(DropReason.NoFrame).Should().Be(1);
        taken.ForEach(harness.Umem.Frames.Free);
    }

    [Test]
    public void Controller_WholePacket_ArrivesWhole()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], Bench.Apply(Output(ReservedPort.Controller)));
        var frame = new byte[Umem.MaxJumboPacketSize];
        Frames.Udp4(payload: Payload).CopyTo(frame, 0);
        harness.Run(1, frame);
        harness.PacketIns.TryRead(out var record).Should().BeTrue();
        record!.Data.Should().Equal(frame);
    }

    [Test]
    public void Injected_ToTheTablesAndOut_KeepsItsBytes()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], Bench.Apply(Output(2)));
        var frame = Frames.Udp4(payload: Payload);
        harness.Inject(1, frame, Output(ReservedPort.Table), Output(3)).Should().BeEquivalentTo([(2u, frame), (3u, frame)]);
    }
}
