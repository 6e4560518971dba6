using Oko.Datapath.Groups;
using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Tables;
using static Oko.Datapath.Pipeline.DatapathAction;

namespace Oko.Datapath.Tests.Pipeline;

/// <summary>Queues of ports (ports of the harness have three), and fragments that are dropped.</summary>
public sealed class QueueTests
{
    private static readonly byte[] _frame = Frames.Udp4();

    [Test]
    public void SetQueue_LaterOutputs_LeaveByIt()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], Bench.Apply(Output(2), SetQueue(2), Output(3), Output(4), SetQueue(0), Output(ReservedPort.InPort)));
        harness.Run(1, _frame, 5).Should().HaveCount(20);
        Sent(harness, 2).Should().Equal(5, 0, 0);
        Sent(harness, 3).Should().Equal(0, 0, 5);
        Sent(harness, 4).Should().Equal(0, 0, 5);
        Sent(harness, 1).Should().Equal(5, 0, 0);
        harness.Port(3).Queues[2].SentBytes.Should().Be(5 * _frame.Length);
        harness.Port(3).Queues[2].Errors.Should().Be(0);
    }

    [Test]
    public void SetQueue_OfAnotherPort_IsQueueZeroHere()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], Bench.Apply(SetQueue(9), Output(2)));
        harness.Run(1, _frame).Should().HaveCount(1);
        Sent(harness, 2).Should().Equal(1, 0, 0);
    }

    [Test]
    public void SetQueue_InActionSet_ComesBeforeTheOutput()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], new InstructionSet { Write = [Output(2), SetQueue(1)] });
        harness.Run(1, _frame);
        Sent(harness, 2).Should().Equal(0, 1, 0);
    }

    [TestCase(false)]
    [TestCase(true)]
    public void SetQueue_InBucket_EndsWithTheBucket(bool changesPacket)
    {
        using var harness = new PipelineHarness();
        DatapathAction[] change = changesPacket ? [SetField(FlowField.UdpDst, 9)] : [];
        var group = new Group(1, new GroupContents(GroupKind.All,
            [new Bucket { Actions = [.. change, SetQueue(1), Output(2)] }, new Bucket { Actions = [.. change, Output(3)] }]));
        harness.Add(1, [], Bench.Apply(SetQueue(2), ToGroup(group), Output(4)));
        harness.Run(1, _frame).Should().HaveCount(3);
        Sent(harness, 2).Should().Equal(0, 1, 0);
        Sent(harness, 3).Should().Equal(0, 0, 1);
        Sent(harness, 4).Should().Equal(0, 0, 1);
    }

    [Test]
    public void SetQueue_NextPacket_StartsAtQueueZero()
    {
        using var harness = new PipelineHarness();
        harness.Add(2, [new FieldMatch(FlowField.InPort, 1, UInt128.MaxValue)], Bench.Apply(SetQueue(1), Output(2)));
        harness.Add(1, [], Bench.Apply(Output(2)));
        harness.Run(1, _frame);
        harness.Run(3, _frame);
        Sent(harness, 2).Should().Equal(1, 1, 0);
    }

    [TestCase(0x2000, false, TestName = "Fragments_First_DroppedWhileConfigured")]
    [TestCase(0x0010, false, TestName = "Fragments_Last_DroppedWhileConfigured")]
    [TestCase(0x4000, true, TestName = "Fragments_WholePacketWithDontFragment_Passes")]
    public void Fragments_Configured(int field, bool passes)
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], Bench.Apply(Output(2)));
        var frame = (byte[])_frame.Clone();
        (frame[20], frame[21]) = ((byte)(field >> 8), (byte)field);
        harness.Run(1, frame).Should().HaveCount(1, "fragments pass unless the switch is told otherwise");
        harness.Pipeline.DropsFragments = true;
        harness.Run(1, frame).Should().HaveCount(passes ? 1 : 0);
        harness.Drops(DropReason.Fragment).Should().Be(passes ? 0 : 1);
        harness.Pipeline.DropsFragments = false;
        harness.Run(1, frame).Should().HaveCount(1);
    }

    private static IEnumerable<long> Sent(PipelineHarness harness, uint port) => harness.Port(port).Queues.Select(queue => queue.SentPackets);
}
