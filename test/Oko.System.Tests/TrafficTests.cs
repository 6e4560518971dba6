using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Oko.System.Tests.Lab;

namespace Oko.System.Tests;

/// <summary>Two hosts across the built switch on veth pairs.</summary>
public sealed class TrafficTests
{
    [Test]
    public void Standalone_TwoHosts_LearnAndPingWithoutLoss()
    {
        using var network = new Network("okolearn", 2);
        using var oko = SwitchProcess.StartWithListener(network, 2);
        network.Ping(1, 2, count: 20, interval: 0.01).Should().Be(20);
        oko.Terminate().Should().Be(0);
    }

    [Test]
    public void FloodPing_TenThousand_LosesNone()
    {
        using var network = new Network("okoping", 2);
        using var oko = SwitchProcess.StartWithListener(network, 2);
        network.Ping(1, 2).Should().Be(3);
        Network.In(network.HostSpace(1), 60, "ping", "-q", "-f", "-c", "10000", Network.Address(2)).Should().Contain(" 0% packet loss");
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Iperf3_WithChecksumOffload_DoesNotStall(bool reverse)
    {
        Command.Need("iperf3");
        using var network = new Network("okotcp", 2);
        using var oko = SwitchProcess.StartWithListener(network, 2);
        network.Ping(1, 2).Should().Be(3);
        using var report = network.TcpWithoutStall(reverse);
    }

    [Test]
    public void KillNine_UnderTraffic_StartsAgainAtOnce()
    {
        using var network = new Network("okokill", 2);
        using (var first = SwitchProcess.StartWithListener(network, 2))
        {
            network.Ping(1, 2).Should().Be(3);
            using var flood = Command.Start("ip", ["netns", "exec", network.HostSpace(1), "ping", "-q", "-i", "0.002", Network.Address(2)]);
            first.Kill();
            using var second = SwitchProcess.StartWithListener(network, 2);
            network.Ping(1, 2).Should().Be(3);
            flood.Kill();
            flood.WaitForExit();
        }
    }

    [Test]
    public void Ports_UnpluggedAndBack_ForwardAgain()
    {
        using var network = new Network("okoplug", 2);
        using var oko = SwitchProcess.StartWithListener(network, 2);
        network.Ping(1, 2).Should().Be(3);
        network.RemoveLink(2);
        network.Ping(1, 2, count: 2).Should().Be(0);
        network.AddLink(2);
        Await.Until(() => network.Ping(1, 2, count: 1) == 1, seconds: 10, "the port forwards again");
        oko.HasExited.Should().BeFalse();
    }

    [Test]
    public void PortShow_SwitchStoppedUnderLoad_CountsWhatTheKernelLost()
    {
        using var network = new Network("okolost", 2);
        using var oko = SwitchProcess.StartWithListener(network, 2);
        network.Ping(1, 2).Should().Be(3);
        Lost().Should().Be(0);

        // More packets than the rings hold, while nobody takes them.
        Command.Check(5, "kill", "-STOP", oko.Id.ToString());
        Namespace.Run(network.HostSpace(1), () =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Connect(new IPEndPoint(IPAddress.Parse(Network.Address(2)), 2000));
            for (var number = 0; number < 10_000; number++)
            {
                socket.Send([1]);
            }
        });
        Command.Check(5, "kill", "-CONT", oko.Id.ToString());

        Lost().Should().BeInRange(1, 10_000);
        oko.Oko("port", "show", "p1").Should().Contain("AF_XDP native copy").And.Contain("rx_fill_ring_empty_descs").And.Contain("tx_ring_full");

        long Lost()
        {
            using var report = JsonDocument.Parse(oko.Oko("port", "show", "1", "--format", "json"));
            var counters = report.RootElement.GetProperty("af_xdp");
            return counters.GetProperty("rx_dropped").GetInt64() + counters.GetProperty("rx_ring_full").GetInt64();
        }
    }

    [Test]
    public void Balance_AfterTraffic_AddsUp()
    {
        using var network = new Network("okosum", 3);
        using var oko = SwitchProcess.StartWithListener(network, 3);
        network.Ping(1, 2).Should().Be(3);
        network.Ping(3, 2).Should().Be(3);
        using var report = JsonDocument.Parse(oko.Oko("stats", "--format", "json"));
        var root = report.RootElement;
        long Number(string name) => root.GetProperty(name).GetInt64();
        var drops = root.GetProperty("drops").EnumerateObject().Sum(reason => reason.Value.GetInt64());
        (Number("received") + Number("injected") + Number("cloned")).Should()
            .Be(Number("sent") + Number("to_controller") + Number("consumed") + drops);
    }
}
