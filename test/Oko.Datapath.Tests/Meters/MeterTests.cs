using Oko.Datapath.Meters;
using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Tests.Pipeline;
using static Oko.Datapath.Pipeline.DatapathAction;

namespace Oko.Datapath.Tests.Meters;

public sealed class MeterTests
{
    private const long Second = 1_000_000_000;

    [TestCase(false, 1000u, 0u, 1250, 100, TestName = "kilobits: the rate of a second, then exactly the rate")]
    [TestCase(true, 100u, 0u, 60, 100, TestName = "packets: the rate of a second, then exactly the rate")]
    [TestCase(true, 100u, 10u, 60, 10, TestName = "packets with a burst")]
    [TestCase(false, 1000u, 200u, 1250, 20, TestName = "kilobits with a burst")]
    public void Drop_TrafficOverTheRate_PassesTheBurstAndThenExactlyTheRate(bool packets, uint rate, uint burst, int bytes, int expectedBurst)
    {
        // 100 packets a second are the rate in all cases: 1,250 bytes are 10 kilobits.
        var meter = new Meter(1, [new MeterBand(MeterBandKind.Drop, rate, burst, packets)]);
        var passedAtOnce = Enumerable.Range(0, 500).Count(_ => meter.Measure(0, bytes, 5 * Second) is null);
        passedAtOnce.Should().Be(expectedBurst);
        var passedLater = Enumerable.Range(1, 30_000).Count(at => meter.Measure(0, bytes, 5 * Second + at * (Second / 1000)) is null);
        passedLater.Should().Be(3000, "30 seconds at the rate");
        meter.PacketCount.Should().Be(30_500);
        meter.Bands[0].PacketCount.Should().Be((ulong)(30_500 - passedAtOnce - passedLater));
        meter.Bands[0].ByteCount.Should().Be(meter.Bands[0].PacketCount * (ulong)bytes);
    }

    [Test]
    public void Bands_Several_TheHighestRateThatIsExceededIsApplied()
    {
        var remark = new MeterBand(MeterBandKind.DscpRemark, 100, 10, countsPackets: true, precedenceLevel: 1);
        var drop = new MeterBand(MeterBandKind.Drop, 200, 30, countsPackets: true);
        var meter = new Meter(1, [drop, remark]);
        var bands = Enumerable.Range(0, 100).Select(_ => meter.Measure(0, 60, Second)).ToArray();
        bands.Count(band => band is null).Should().Be(10);
        bands.Count(band => band == remark).Should().Be(20);
        bands.Count(band => band == drop).Should().Be(70);
    }

    [Test]
    public void Extremes_LargestRateAndBurst_DoNotOverflow()
    {
        foreach (var packets in new[] { false, true })
        {
            var meter = new Meter(1, [new MeterBand(MeterBandKind.Drop, uint.MaxValue, uint.MaxValue, packets)]);
            meter.Measure(0, 4096, long.MaxValue / 4).Should().BeNull();
            meter.Measure(0, 4096, long.MaxValue / 2).Should().BeNull();
        }
    }

    [Test]
    public void Drop_PacketLargerThanTheBucket_PassesAtTheRate()
    {
        // 1,000 bytes a second.
        var meter = new Meter(1, [new MeterBand(MeterBandKind.Drop, 8, 1, countsPackets: false)]);
        for (var second = 100L; second < 200; second += 9)
        {
            meter.Measure(0, 9000, second * Second).Should().BeNull();
            meter.Measure(0, 60, second * Second + Second).Should().NotBeNull("the large one has taken what flows in for 4.9 s");
            meter.Measure(0, 9000, (second + 9) * Second - 1000).Should().NotBeNull();
        }
    }

    [TestCase(18, 1, 20)]
    [TestCase(10, 1, 12)]
    [TestCase(10, 2, 14)]
    [TestCase(12, 2, 14, TestName = "never beyond the highest precedence")]
    [TestCase(38, 200, 38)]
    [TestCase(0, 1, 0, TestName = "best effort has no precedences")]
    [TestCase(46, 1, 46, TestName = "nor has expedited forwarding")]
    [TestCase(8, 1, 8, TestName = "nor has a class selector")]
    public void Remark_PacketOverTheRate_RaisesTheDropPrecedence(int dscp, int levels, int expected)
    {
        using var harness = new PipelineHarness();
        var meter = new Meter(1, [new MeterBand(MeterBandKind.DscpRemark, 1, 1, countsPackets: true, (byte)levels)]);
        harness.Add(1, [], new InstructionSet { Meter = meter, Apply = [Output(2)] });
        var frame = WithDscp(dscp);
        harness.Run(1, frame).Single().Frame.Should().Equal(frame, "it is within the rate");
        var sent = harness.Run(1, frame).Single().Frame;
        sent.Should().Equal(WithDscp(expected));
        Frames.ChecksumsAreRight(sent).Should().BeTrue();
    }

    [Test]
    public void Remark_Arp_PassesUnchanged()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], new InstructionSet { Meter = new Meter(1, [new MeterBand(MeterBandKind.DscpRemark, 1, 1, countsPackets: true, 1)]), Apply = [Output(2)] });
        var arp = Frames.Ethernet(0x020000000002, 0x020000000001, 0x0806, [0, 1, 8, 0, 6, 4, 0, 1, .. new byte[20]]);
        harness.Run(1, arp, 5).Should().HaveCount(5).And.AllSatisfy(sent => sent.Frame.Should().Equal(arp));
    }

    [Test]
    public void Meter_InstructionBeforeAllOthers_DropsWithItsReasonAndTheEntryCounts()
    {
        using var harness = new PipelineHarness();
        var entry = harness.Add(1, [], new InstructionSet { Meter = new Meter(1, [new MeterBand(MeterBandKind.Drop, 1, 3, countsPackets: true)]), Apply = [Output(2)], GotoTable = 1 });
        harness.Run(1, Frames.Udp4(), 10).Should().HaveCount(3);
        harness.Drops(DropReason.Metered).Should().Be(7);
        entry.PacketCount.Should().Be(10);
    }

    [Test]
    public void ControllerMeter_PacketsToTheController_AreLimited()
    {
        using var harness = new PipelineHarness();
        harness.Pipeline.ControllerMeter = new Meter(0xFFFFFFFE, [new MeterBand(MeterBandKind.Drop, 1, 4, countsPackets: true)]);
        harness.Add(1, [], Bench.Apply(Output(ReservedPort.Controller), Output(2)));
        harness.Run(1, Frames.Udp4(), 10).Should().HaveCount(10);
        harness.Drops(DropReason.Metered).Should().Be(6);
    }

    private static byte[] WithDscp(int dscp)
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], Bench.Apply(SetField(FlowField.IpDscp, (UInt128)dscp), Output(2)));
        return harness.Run(1, Frames.Udp4()).Single().Frame;
    }
}
