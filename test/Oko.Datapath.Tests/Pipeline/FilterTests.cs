using Oko.Datapath.Meters;
using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Tables;
using static Oko.Datapath.Pipeline.DatapathAction;

namespace Oko.Datapath.Tests.Pipeline;

/// <summary>The meaning of filters, by the letters of the design: F1 to F6.</summary>
public sealed class FilterTests
{
    private const uint Source = 0x0A000001, Destination = 0x0A000002;

    private static readonly FieldMatch FromOne = new(FlowField.InPort, 1, uint.MaxValue);

    [Test]
    public void F1_HigherEntryWithoutFilter_KeepsTheFilterFromRunning()
    {
        using var harness = new PipelineHarness();
        var slot = Filters.Slot(Filters.Constant(true));
        harness.Add(10, [FromOne], Bench.Apply(Output(2)));
        harness.Add(5, [], Bench.Apply(Output(3)), filter: slot);
        harness.Run(1, Frames.Udp4()).Should().ContainSingle().Which.Port.Should().Be(2);
        slot.Runs.Should().Be(0);
    }

    [Test]
    public void F1_OtherFieldsDiffer_FilterDoesNotRun()
    {
        using var harness = new PipelineHarness();
        var slot = Filters.Slot(Filters.Constant(true));
        harness.Add(5, [new FieldMatch(FlowField.UdpDst, 9, ushort.MaxValue)], Bench.Apply(Output(3)), filter: slot);
        harness.Run(1, Frames.Udp4(to: 8)).Should().BeEmpty();
        harness.Run(1, Frames.Udp4(to: 9)).Should().ContainSingle();
        slot.Runs.Should().Be(1);
        slot.Matches.Should().Be(1);
    }

    [Test]
    public void F1_EqualPriority_FilterFirstThenOlder()
    {
        using var harness = new PipelineHarness();
        var declines = Filters.Slot(Filters.Constant(false), 1);
        var matches = Filters.Slot(Filters.Constant(true), 2);
        harness.Add(5, [], Bench.Apply(Output(2)));
        harness.Add(5, [], Bench.Apply(Output(3)), filter: declines);
        var hit = harness.Add(5, [FromOne], Bench.Apply(Output(4)), filter: matches);
        harness.Run(1, Frames.Udp4()).Should().ContainSingle().Which.Port.Should().Be(4);
        declines.Runs.Should().Be(1, "it is older");
        hit.PacketCount.Should().Be(1);
    }

    [Test]
    public void F1_FilterDeclines_TheNextLowerEntryIsTaken()
    {
        using var harness = new PipelineHarness();
        var declined = harness.Add(9, [], Bench.Apply(Output(2)), filter: Filters.Slot(Filters.Constant(false)));
        harness.Add(8, [FromOne], Bench.Apply(Output(3)));
        harness.Run(1, Frames.Udp4()).Should().ContainSingle().Which.Port.Should().Be(3);
        declined.PacketCount.Should().Be(0);
        harness.Run(2, Frames.Udp4()).Should().BeEmpty();
        harness.Drops(DropReason.TableMiss).Should().Be(1);
    }

    [Test]
    public void F3_ChangedPacket_IsWhatTheFilterSees()
    {
        using var harness = new PipelineHarness();
        var frame = Frames.Udp4(Source, Destination);
        // Behind a pushed tag the last byte of the destination stands at 37.
        harness.Add(1, [], new InstructionSet { Apply = [SetField(FlowField.Ipv4Dst, 0x0A000063), PushVlan(0x8100)], GotoTable = 1 });
        harness.Add(2, [], new InstructionSet { GotoTable = 2 }, table: 1, filter: Filters.Slot(Filters.ByteIs(37, 0x63)));
        harness.Add(2, [], Bench.Apply(Output(3)), table: 2, filter: Filters.Slot(Filters.LengthIs(frame.Length + 4)));
        harness.Run(1, frame).Should().ContainSingle().Which.Port.Should().Be(3);
    }

    [Test]
    public void F4_TwoEntriesOneFilter_RunsOncePerPacket()
    {
        using var harness = new PipelineHarness();
        var slot = Filters.Slot(Filters.Constant(false));
        harness.Add(9, [], Bench.Apply(Output(2)), filter: slot);
        harness.Add(8, [FromOne], Bench.Apply(Output(2)), filter: slot);
        harness.Add(1, [], new InstructionSet { Apply = [Output(2)], GotoTable = 1 });
        harness.Add(8, [], Bench.Apply(Output(2)), table: 1, filter: slot);
        harness.Run(1, Frames.Udp4(), count: 5).Should().HaveCount(5);
        slot.Runs.Should().Be(5);
    }

    [Test]
    public void F4_SetFieldBetweenTables_AsksAgainOnlyIfBytesChange()
    {
        using var harness = new PipelineHarness();
        var slot = Filters.Slot(Filters.Periodic(2));
        harness.Add(9, [], new InstructionSet { Apply = [SetField(FlowField.Ipv4Src, Source)], GotoTable = 1 }, filter: slot);
        harness.Add(9, [], new InstructionSet { Apply = [SetField(FlowField.Ipv4Src, 1)], GotoTable = 2 }, table: 1, filter: slot);
        harness.Add(9, [], Bench.Apply(Output(2)), table: 2, filter: slot);
        harness.Add(0, [], Bench.Apply(Output(3)), table: 2);
        harness.Run(1, Frames.Udp4(Source)).Should().ContainSingle().Which.Port.Should().Be(3, "the second run says no");
        slot.Runs.Should().Be(2);
    }

    [Test]
    public void F5_PacketOutToTable_RunsFilters()
    {
        using var harness = new PipelineHarness();
        var slot = Filters.Slot(Filters.Constant(true));
        harness.Add(9, [], Bench.Apply(Output(2)), filter: slot);
        harness.Inject(4, Frames.Udp4(), Output(ReservedPort.Table)).Should().ContainSingle().Which.Port.Should().Be(2);
        harness.Inject(4, Frames.Udp4(), Output(3)).Should().ContainSingle().Which.Port.Should().Be(3);
        slot.Runs.Should().Be(1);
    }

    [Test]
    public void F6_ReplacedFilter_AnswersFromTheNextBatchForAllEntries()
    {
        using var harness = new PipelineHarness();
        var slot = Filters.Slot(Filters.Constant(true));
        harness.Add(9, [FromOne], Bench.Apply(Output(2)), filter: slot);
        harness.Add(8, [], Bench.Apply(Output(3)), filter: slot);
        harness.Run(1, Frames.Udp4()).Should().HaveCount(1);
        using var old = slot.Replace(Filters.Constant(false));
        harness.Run(1, Frames.Udp4()).Should().BeEmpty();
        harness.Run(2, Frames.Udp4()).Should().BeEmpty();
        slot.Runs.Should().Be(3);
        slot.Matches.Should().Be(1);
    }

    [Test]
    public void Context_ReceiveQueue_IsThePacketsOwn()
    {
        using var harness = new PipelineHarness();
        harness.Add(9, [], Bench.Apply(Output(4)), filter: Filters.Slot(Filters.QueueIs(3)));
        harness.Add(8, [], Bench.Apply(Output(3)));
        harness.ReceiveBy(1, 3);
        harness.Run(1, Frames.Udp4()).Should().ContainSingle().Which.Port.Should().Be(4);
        harness.Run(2, Frames.Udp4()).Should().ContainSingle().Which.Port.Should().Be(3, "it came by queue 0");
        harness.Run(1, Frames.Udp4()).Should().ContainSingle().Which.Port.Should().Be(4);
        harness.Inject(1, Frames.Udp4(), Output(ReservedPort.Table)).Should().ContainSingle().Which.Port.Should().Be(3, "it came by none");
    }

    [Test]
    public void Drops_AndNextLowerEntries_CountLikeTheOthers()
    {
        using var harness = new PipelineHarness();
        var slot = Filters.Slot(Filters.Periodic(3));
        var declined = harness.Add(9, [FromOne], Bench.Apply(), filter: slot);
        var meter = new Meter(1, [new MeterBand(MeterBandKind.Drop, 1, 4, countsPackets: true)]);
        var below = harness.Add(8, [], new InstructionSet { Meter = meter, Apply = [Output(2), Output(3)] });
        harness.Run(1, Frames.Udp4(), count: 12).Should().HaveCount(8, "four of those that go on fit into the meter, and each leaves twice");
        declined.PacketCount.Should().Be(4);
        below.PacketCount.Should().Be(8);
        slot.Runs.Should().Be(12);
        harness.Tables[0].Statistics.Should().Be(new TableStatistics(2, 12, 12));
    }

    [Test]
    public void DecliningAndMatchingFilters_ManyPackets_AllocateNothing()
    {
        using var harness = new PipelineHarness { Records = false };
        harness.Add(9, [], Bench.Apply(Output(2)), filter: Filters.Slot(Filters.Periodic(2), 1));
        harness.Add(8, [FromOne], Bench.Apply(Output(3)), filter: Filters.Slot(Filters.Periodic(3), 2));
        harness.Add(1, [], Bench.Apply(Output(4)));
        var frame = Frames.Udp4();
        harness.Run(1, frame, 64);
        var before = GC.GetAllocatedBytesForCurrentThread();
        harness.Run(1, frame, 64);
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
    }
}
