using System.Text.Json;
using Oko.System.Tests.Lab;

namespace Oko.System.Tests;

/// <summary>Packets longer than a frame across the built switch: ports with a large MTU (Linux 6.6).</summary>
public sealed class JumboTests
{
    private const int Mtu = 9000, LongestPing = Mtu - 28;

    [TestCase(1, 1)]
    [TestCase(2, 1)]
    [TestCase(2, 2)]
    public void Ping_LargePackets_LosesNone(int workers, int queues)
    {
        using var network = Jumbo("okojumbo", 2, queues);
        using var oko = SwitchProcess.StartWithListener(network, 2, "--workers", workers.ToString());
        network.Ping(1, 2).Should().Be(3);
        network.PingWhole(1, 2, 8000, 50).Should().Be(50);
        network.PingWhole(2, 1, LongestPing, 50).Should().Be(50);
        Network.In(network.HostSpace(1), 60, "ping", "-q", "-f", "-c", "2000", "-s", "8000", "-M", "do", Network.Address(2)).Should().Contain(" 0% packet loss");
        IsBalanced(oko).Should().BeTrue();
        oko.Terminate().Should().Be(0);
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Iperf3_LargeSegments_DoesNotStall(bool reverse)
    {
        Command.Need("iperf3");
        using var network = Jumbo("okojumbo2", 2);
        using var oko = SwitchProcess.StartWithListener(network, 2);
        network.Ping(1, 2).Should().Be(3);
        using var report = network.TcpWithoutStall(reverse);
        report.RootElement.GetProperty("start").GetProperty("tcp_mss_default").GetInt32().Should().BeGreaterThan(8000);
    }

    [Test]
    public void SetFieldAndFilter_LargePackets_SeeAndChangeThem()
    {
        Command.Need("ovs-ofctl");
        using var network = Jumbo("okojumbo3", 2);
        using var oko = SwitchProcess.StartWithListener(network, 2, "--fail-mode", "secure");
        // ping fills its packets with the numbers of their bytes: 8041 is the last of 8000, of which the first stands at 42.
        oko.Oko("filter", "load", "1", Filters.CompileText("jumbo-end", """
            #include <linux/bpf.h>
            __attribute__((section("xdp"))) int last(struct xdp_md *ctx)
            {
                unsigned char *data = (unsigned char *)(long)ctx->data, *end = (unsigned char *)(long)ctx->data_end;
                if (data + 8042 > end) return 0;
                return data[8041] == (unsigned char)7999;
            }
            char _license[] __attribute__((section("license"))) = "GPL";
            """));
        oko.Ofctl("add-flow", "priority=1,actions=NORMAL");
        oko.Oko("flow", "add", "priority=9,icmp,in_port=1,filter=1,actions=set_field:7->ip_dscp,output:2");
        network.Ping(1, 2).Should().Be(3);
        network.PingWhole(1, 2, 8000, 20).Should().Be(20, "the receiver checks what was changed");
        network.PingWhole(1, 2, 4000, 20).Should().Be(20);
        oko.Ofctl("dump-flows").Should().MatchRegex("n_packets=20,.*priority=9");
    }

    [Test]
    public void Ping_PortWithSmallerMtu_IsDroppedAndCounted()
    {
        using var network = new Network("okojumbo4", 2);
        network.SetMtu(1, Mtu);
        using var oko = SwitchProcess.StartWithListener(network, 2);
        network.Ping(1, 2).Should().Be(3);
        network.PingWhole(1, 2, 1472, 20).Should().Be(20);
        network.PingWhole(1, 2, 8000, 20).Should().Be(0);
        using var stats = JsonDocument.Parse(oko.Oko("stats", "--format", "json"));
        stats.RootElement.GetProperty("drops").GetProperty("too_long").GetInt64().Should().Be(20);
        IsBalanced(oko).Should().BeTrue();
        network.PingWhole(1, 2, 1472, 20).Should().Be(20);
    }

    [Test]
    public void Local_LargeMtu_PingsThroughItsPort()
    {
        using var network = Jumbo("okojumbo5", 1);
        using var oko = SwitchProcess.StartWithListener(network, 1, "--local", "oko0");
        Network.In(network.SwitchSpace, 10, "ip", "link", "set", "oko0", "mtu", Mtu.ToString());
        Network.In(network.SwitchSpace, 10, "ip", "addr", "add", "10.99.0.100/24", "dev", "oko0");
        Await.Until(() => Network.TryIn(network.SwitchSpace, 20, "ping", "-n", "-q", "-c", "1", "-W", "1", "-s", "8000", "-M", "do", Network.Address(1)).ExitCode == 0,
            10, "the switch follows the MTU");
        Network.In(network.SwitchSpace, 20, "ping", "-n", "-q", "-c", "20", "-i", "0.01", "-s", "8000", "-M", "do", Network.Address(1)).Should().Contain(" 0% packet loss");
        Network.In(network.HostSpace(1), 20, "ping", "-n", "-q", "-c", "20", "-i", "0.01", "-s", "8000", "-M", "do", "10.99.0.100").Should().Contain(" 0% packet loss");
    }

    private static Network Jumbo(string name, int hosts, int queues = 1)
    {
        var network = new Network(name, hosts, queues);
        for (var host = 1; host <= hosts; host++)
        {
            network.SetMtu(host, Mtu);
        }

        return network;
    }

    private static bool IsBalanced(SwitchProcess oko)
    {
        using var stats = JsonDocument.Parse(oko.Oko("stats", "--format", "json"));
        return stats.RootElement.GetProperty("balanced").GetBoolean();
    }
}
