using Oko.Datapath.Groups;
using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Ports;
using static Oko.Datapath.Pipeline.DatapathAction;
using Oko.Testing;

namespace Oko.Datapath.Tests.Pipeline;

/// <summary>What groups do with packets, on the test's own thread.</summary>
public sealed class GroupTests
{
    private readonly byte[] _frame = Frames.Udp4();

    [Test]
    public void All_BucketsThatChangeThePacket_EachWorkOnACopyOfTheOriginal()
    {
        using var harness = new PipelineHarness();
        var group = Make(GroupKind.All, [SetField(FlowField.UdpDst, 7), Output(2)], [Output(3)], [PushVlan(0x8100), Output(4)]);
        harness.Add(1, [], Bench.Apply(ToGroup(group), SetField(FlowField.UdpDst, 9), Output(2)));
        harness.Run(1, _frame).Should().BeEquivalentTo(
            [(2u, Frames.Udp4(to: 7)), (3u, _frame), (4u, Frames.Vlan(_frame, 0)), (2u, Frames.Udp4(to: 9))]);
        group.PacketCount.Should().Be(1);
        group.ByteCount.Should().Be((ulong)_frame.Length);
        group.Contents.Buckets.Should().AllSatisfy(bucket => bucket.PacketCount.Should().Be(1));
    }

    [Test]
    public void All_BucketToTheIngressPort_SendsNothingThere()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], Bench.Apply(ToGroup(Make(GroupKind.All, [Output(1)], [Output(2)], [Output(ReservedPort.InPort)]))));
        harness.Run(1, _frame).Should().BeEquivalentTo([(1u, _frame), (2u, _frame)]);
    }

    [Test]
    public void Bucket_ActionsInAnyOrder_RunInTheOrderOfActionSets()
    {
        using var harness = new PipelineHarness();
        var group = Make(GroupKind.Indirect, [Output(2), SetField(FlowField.VlanVid, 0x1005), PushVlan(0x8100), Output(3)]);
        harness.Add(1, [], Bench.Apply(ToGroup(group)));
        harness.Run(1, _frame).Should().BeEquivalentTo([(3u, Frames.Vlan(_frame, 5))], "a set holds one output, the last");
    }

    [Test]
    public void ActionSet_GroupAndOutput_GroupWins()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], new InstructionSet { Write = [ToGroup(Make(GroupKind.Indirect, [Output(3)])), Output(2)] });
        harness.Run(1, _frame).Should().BeEquivalentTo([(3u, _frame)]);
    }

    [Test]
    public void Chain_GroupBehindGroup_IsFollowed()
    {
        using var harness = new PipelineHarness();
        var inner = Make(GroupKind.All, [Output(2)], [SetField(FlowField.UdpDst, 8), Output(3)]);
        harness.Add(1, [], Bench.Apply(ToGroup(Make(GroupKind.Indirect, [SetField(FlowField.UdpSrc, 5), ToGroup(inner)]))));
        harness.Run(1, _frame).Should().BeEquivalentTo([(2u, Frames.Udp4(from: 5)), (3u, Frames.Udp4(from: 5, to: 8))]);
    }

    [Test]
    public void Empty_GroupOrBucket_DropsOnce()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], Bench.Apply(ToGroup(Make(GroupKind.All))));
        harness.Run(1, _frame).Should().BeEmpty();
        harness.Drops(DropReason.NoOutput).Should().Be(1);
    }

    [Test]
    public void CopyThatFails_DropsAloneWithItsReason()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], Bench.Apply([.. Enumerable.Repeat(PushVlan(0x8100), 64), ToGroup(Make(GroupKind.All, [PushVlan(0x8100), Output(2)], [Output(3)]))]));
        harness.Run(1, _frame).Should().ContainSingle().Which.Port.Should().Be(3);
        harness.Drops(DropReason.NoHeadroom).Should().Be(1);
    }

    [Test]
    public void Select_ManyFlows_ShareByWeightAndEachKeepsItsBucket()
    {
        using var harness = new PipelineHarness();
        var group = new Group(7, new GroupContents(GroupKind.Select,
            [new Bucket { Weight = 1, Actions = [Output(2)] }, new Bucket { Weight = 0, Actions = [Output(4)] }, new Bucket { Weight = 3, Actions = [Output(3)] }]));
        harness.Add(1, [], Bench.Apply(ToGroup(group)));
        var toSecond = 0;
        for (uint flow = 0; flow < 4000; flow++)
        {
            var frame = Frames.Udp4(source: 0x0A000000 + flow);
            var port = harness.Run(1, frame).Single().Port;
            harness.Run(1, frame).Single().Port.Should().Be(port);
            toSecond += port == 2 ? 1 : 0;
            port.Should().NotBe(4);
        }

        toSecond.Should().BeInRange(900, 1100);
    }

    [TestCase("ethernet")]
    [TestCase("arp")]
    [TestCase("ports")]
    public void Select_FlowsThatDifferInOneKindOfField_AreSpread(string field)
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], Bench.Apply(ToGroup(Make(GroupKind.Select, [Output(2)], [Output(3)]))));
        var toSecond = 0;
        for (ushort flow = 0; flow < 1000; flow++)
        {
            var frame = field switch
            {
                "ethernet" => Frames.Ethernet(0x020000000000UL + flow, 0x020000000001, 0x88B5, new byte[46]),
                "arp" => Frames.Ethernet(0x020000000002, 0x020000000001, 0x0806,
                    [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, (byte)(flow >> 8), (byte)flow, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1]),
                _ => Frames.Udp4(from: flow),
            };
            toSecond += harness.Run(1, frame).Single().Port == 2 ? 1 : 0;
        }

        toSecond.Should().BeInRange(430, 570);
    }

    [Test]
    public void Select_BucketThatIsNotLive_LosesItsFlowsAndTheOthersKeepTheirs()
    {
        using var harness = new PipelineHarness();
        var group = new Group(1, new GroupContents(GroupKind.Select, [.. new uint[] { 2, 3, 4 }.Select(port => new Bucket { Weight = 1, WatchPort = port, Actions = [Output(port)] })]));
        harness.Add(1, [], Bench.Apply(ToGroup(group)));
        var before = Enumerable.Range(0, 300).Select(flow => harness.Run(1, Frames.Udp4(from: (ushort)flow)).Single().Port).ToArray();
        harness.Pipeline.Ports.Find(3)!.Port.StateBits = Port.StateLinkDown;
        var after = Enumerable.Range(0, 300).Select(flow => harness.Run(1, Frames.Udp4(from: (ushort)flow)).Single().Port).ToArray();
        after.Should().NotContain(3u).And.Contain([2u, 4u]);
        for (var flow = 0; flow < before.Length; flow++)
        {
            (before[flow] == 3 || before[flow] == after[flow]).Should().BeTrue();
        }

        foreach (var port in new uint[] { 2, 4 })
        {
            harness.Pipeline.Ports.Find(port)!.Port.StateBits = Port.StateLinkDown;
        }

        harness.Run(1, _frame).Should().BeEmpty();
        harness.Drops(DropReason.NoLiveBucket).Should().Be(1);
    }

    [Test]
    public void FastFailover_PortGoesDownAndComesBack_PacketsFollow()
    {
        using var harness = new PipelineHarness();
        var watched = new Group(2, new GroupContents(GroupKind.FastFailover, [new Bucket { WatchPort = 3, Actions = [Output(3)] }]));
        var group = new Group(1, new GroupContents(GroupKind.FastFailover,
            [new Bucket { WatchPort = 2, Actions = [Output(2)] }, new Bucket { WatchGroup = watched, Actions = [ToGroup(watched)] }]));
        harness.Add(1, [], Bench.Apply(ToGroup(group)));
        harness.Run(1, _frame).Single().Port.Should().Be(2);
        harness.Pipeline.Ports.Find(2)!.Port.ConfigBits = Port.ConfigDown;
        harness.Run(1, _frame).Single().Port.Should().Be(3);
        harness.Pipeline.Ports.Find(3)!.Port.StateBits = Port.StateLinkDown;
        harness.Run(1, _frame).Should().BeEmpty();
        harness.Drops(DropReason.NoLiveBucket).Should().Be(1);
        harness.Pipeline.Ports.Find(2)!.Port.ConfigBits = 0;
        harness.Run(1, _frame).Single().Port.Should().Be(2);
        group.Contents.Buckets[0].PacketCount.Should().Be(2);
    }

    [Test]
    public void Contents_Replaced_NextPacketMeetsTheNewOnes()
    {
        using var harness = new PipelineHarness();
        var group = Make(GroupKind.Indirect, [Output(2)]);
        harness.Add(1, [], Bench.Apply(ToGroup(group)));
        harness.Run(1, _frame).Single().Port.Should().Be(2);
        group.Contents = new GroupContents(GroupKind.All, [new Bucket { Actions = [Output(3)] }]);
        harness.Run(1, _frame).Single().Port.Should().Be(3);
        group.PacketCount.Should().Be(2, "the counters of the group go on");
    }

    [Test]
    public void Groups_NoBytesAllocatedPerPacket()
    {
        using var harness = new PipelineHarness { Records = false };
        var select = new Group(1, new GroupContents(GroupKind.Select, [new Bucket { Weight = 1, WatchPort = 2, Actions = [SetField(FlowField.UdpDst, 7), Output(2)] }, new Bucket { Weight = 1, Actions = [Output(3)] }]));
        harness.Add(1, [], Bench.Apply(ToGroup(Make(GroupKind.All, [ToGroup(select)], [PushVlan(0x8100), Output(4)]))));
        harness.Run(1, _frame, 64);
        Allocations.Of(() =>
        {
            for (var round = 0; round < 100; round++)
            {
                harness.Run(1, _frame, 64);
            }
        }).Should().Be(0);
    }

    private static Group Make(GroupKind kind, params DatapathAction[][] buckets) =>
        new(1, new GroupContents(kind, [.. buckets.Select(actions => new Bucket { Weight = 1, Actions = [.. actions] })]));
}
