using Oko.OpenFlow.Channel;

namespace Oko.OpenFlow.Tests.Channel;

public class ReconnectPolicyTests
{
    [Test]
    public void NextDelay_ControllerStaysAway_GrowsToTheLimit()
    {
        for (var seed = 0; seed < 100; seed++)
        {
            var policy = new ReconnectPolicy(new ChannelSettings(), new Random(seed));
            var delays = Enumerable.Range(0, 40).Select(_ => policy.NextDelay(TimeSpan.Zero)).ToList();
            delays[0].Should().BeLessThanOrEqualTo(TimeSpan.FromSeconds(1.5));
            delays[1].Should().BeGreaterThan(delays[0]);
            delays[2].Should().BeGreaterThan(delays[1]);
            delays.Should().OnlyContain(delay => delay >= TimeSpan.FromSeconds(1) && delay <= TimeSpan.FromSeconds(8), "ONOS and OpenDaylight refuse who comes back at once");
            delays.Skip(6).Should().OnlyContain(delay => delay >= TimeSpan.FromSeconds(5.5));
        }
    }

    [Test]
    public void NextDelay_AfterAStableConnection_StartsAgainFromTheFirst()
    {
        var policy = new ReconnectPolicy(new ChannelSettings(), new Random(1));
        for (var i = 0; i < 10; i++)
        {
            policy.NextDelay(TimeSpan.FromMilliseconds(100));
        }

        policy.NextDelay(TimeSpan.FromSeconds(10)).Should().BeLessThanOrEqualTo(TimeSpan.FromSeconds(1.5));
    }

    [Test]
    public void NextDelay_TwoSwitches_DoNotComeInStep()
    {
        var one = new ReconnectPolicy(new ChannelSettings(), new Random(1));
        var other = new ReconnectPolicy(new ChannelSettings(), new Random(2));
        one.NextDelay(TimeSpan.Zero).Should().NotBe(other.NextDelay(TimeSpan.Zero));
    }
}
