using Oko.System.Tests.Lab;

namespace Oko.System.Tests;

/// <summary>The host's own port (OFPP_LOCAL): the host of the switch talks with the hosts behind its ports.</summary>
public sealed class LocalPortTests
{
    [Test]
    public void Local_HostOfTheSwitch_PingsThroughItsPort()
    {
        using var network = new Network("okolocal", 2);
        using var oko = SwitchProcess.StartWithListener(network, 2, "--local", "oko0", "--fail-mode", "secure");
        Network.In(network.SwitchSpace, 10, "ip", "addr", "add", "10.99.0.100/24", "dev", "oko0");
        oko.Ofctl("show").Should().Contain("LOCAL(oko0)");
        oko.Ofctl("add-flow", "priority=1,in_port=LOCAL,actions=output:1");
        oko.Ofctl("add-flow", "priority=1,in_port=1,actions=LOCAL");
        Network.In(network.HostSpace(1), 20, "ping", "-n", "-q", "-c", "20", "-i", "0.01", "10.99.0.100").Should().Contain(" 0% packet loss");
        Network.In(network.SwitchSpace, 20, "ping", "-n", "-q", "-c", "20", "-i", "0.01", Network.Address(1)).Should().Contain(" 0% packet loss");
        Network.In(network.SwitchSpace, 20, "ping", "-n", "-q", "-c", "5", "-i", "0.01", "-s", "1400", Network.Address(1)).Should().Contain(" 0% packet loss");
        oko.Ofctl("dump-ports", "LOCAL").Should().MatchRegex("rx pkts=[1-9][0-9]");

        // NORMAL learns what lies behind the local port as behind any other.
        oko.Ofctl("del-flows");
        oko.Ofctl("add-flow", "priority=1,actions=NORMAL");
        Network.In(network.HostSpace(2), 20, "ping", "-n", "-q", "-c", "5", "-i", "0.01", "10.99.0.100").Should().Contain(" 0% packet loss");
        oko.Terminate().Should().Be(0);
        Network.In(network.SwitchSpace, 10, "ip", "-o", "link").Should().NotContain("oko0", "the device goes with the switch");
    }

    [Test]
    public void Local_DeviceRemoved_IsMadeAgain()
    {
        using var network = new Network("okolocal2", 1);
        using var oko = SwitchProcess.StartWithListener(network, 1, "--local", "oko0");
        Network.In(network.SwitchSpace, 10, "ip", "link", "del", "oko0");
        Await.Until(() => oko.Log.Contains("is back", StringComparison.Ordinal) || oko.Log.Contains("again", StringComparison.Ordinal), 10, "the local port comes back", () => oko.Log);
        Network.In(network.SwitchSpace, 10, "ip", "addr", "add", "10.99.0.100/24", "dev", "oko0");
        Network.In(network.HostSpace(1), 20, "ping", "-n", "-q", "-c", "3", "-i", "0.1", "10.99.0.100").Should().Contain(" 0% packet loss");
    }

    [TestCase("p1", "already")]
    [TestCase("much-too-long-name", "15")]
    [TestCase("a/b", "allowed")]
    public void Local_NameThatCannotBe_IsRefused(string name, string reason)
    {
        using var network = new Network("okolocal3", 1);
        var result = Network.TryIn(network.SwitchSpace, 20, SwitchProcess.Binary, "run", "--local", name);
        result.ExitCode.Should().NotBe(0);
        result.Errors.Should().Contain("--local " + name).And.Contain(reason);
    }

    [Test]
    public void SetQueue_PortWithTwoQueues_SendsByTheSecond()
    {
        using var network = new Network("okoqueue", 1, queues: 2);
        using var oko = SwitchProcess.StartWithListener(network, 1, "--local", "oko0", "--fail-mode", "secure");
        Network.In(network.SwitchSpace, 10, "ip", "addr", "add", "10.99.0.100/24", "dev", "oko0");
        oko.Ofctl("add-flow", "in_port=1,actions=LOCAL");
        oko.Ofctl("add-flow", "in_port=LOCAL,actions=set_queue:1,output:1");
        Network.In(network.HostSpace(1), 20, "ping", "-n", "-q", "-c", "20", "-i", "0.01", "10.99.0.100").Should().Contain(" 0% packet loss");
        oko.Ofctl("queue-get-config", "1").Should().Contain("queue 0").And.Contain("queue 1");
        oko.Ofctl("queue-stats", "1", "1").Should().MatchRegex("pkts=2[0-9]").And.Contain("errors=0");
        oko.TryOfctl("add-flow", "in_port=2,actions=set_queue:7,output:1").Errors.Should().Contain("OFPBAC_BAD_QUEUE");
    }
}
