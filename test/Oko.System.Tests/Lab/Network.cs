using System.Text.Json;

namespace Oko.System.Tests.Lab;

/// <summary>
/// A namespace for the switch and one per host, linked by veth pairs: port <c>p1</c> of the switch leads to
/// <c>eth0</c> of host 1 with address 10.99.0.1, and so on. Removed on dispose, and before it is made when a
/// killed run left it.
/// </summary>
public sealed class Network : IDisposable
{
    private readonly string _name;
    private readonly int _hosts;
    private readonly string _queues;
    private readonly WireCapture? _capture;

    /// <summary>Makes the namespaces, and links with so many queues in each direction; skips the test when not root.</summary>
    public Network(string name, int hosts, int queues = 1)
    {
        if (Environment.UserName != "root")
        {
            Assert.Ignore("needs root: it makes network namespaces");
        }

        Command.Need("ip");
        _name = name;
        _hosts = hosts;
        _queues = queues.ToString();
        Remove();
        Ip("netns", "add", SwitchSpace);
        DisableIpv6(SwitchSpace);
        Ip("-n", SwitchSpace, "link", "set", "lo", "up");
        for (var host = 1; host <= hosts; host++)
        {
            Ip("netns", "add", HostSpace(host));
            DisableIpv6(HostSpace(host));
            AddLink(host);
        }

        _capture = WireCapture.Start(SwitchSpace);
    }

    /// <summary>The switch's namespace.</summary>
    public string SwitchSpace => _name;

    /// <summary>The namespace of a host, numbered from 1.</summary>
    public string HostSpace(int host) => $"{_name}-h{host}";

    /// <summary>The IPv4 address of a host.</summary>
    public static string Address(int host) => $"10.99.0.{host}";

    /// <summary>The Ethernet address of a host.</summary>
    public static string Mac(int host) => $"02:00:00:00:00:{host:x2}";

    /// <summary>Makes (again) the veth pair of a host.</summary>
    public void AddLink(int host)
    {
        var port = $"p{host}";
        Ip("-n", SwitchSpace, "link", "add", port, "numtxqueues", _queues, "numrxqueues", _queues, "type", "veth",
            "peer", "name", "eth0", "numtxqueues", _queues, "numrxqueues", _queues, "netns", HostSpace(host));
        Ip("-n", HostSpace(host), "link", "set", "eth0", "address", Mac(host));
        Ip("-n", HostSpace(host), "addr", "add", $"{Address(host)}/24", "dev", "eth0");
        Ip("-n", HostSpace(host), "link", "set", "eth0", "up");
        Ip("-n", SwitchSpace, "link", "set", port, "up");
    }

    /// <summary>Removes the veth pair of a host, as unplugging the card would.</summary>
    public void RemoveLink(int host) => Ip("-n", SwitchSpace, "link", "del", $"p{host}");

    /// <summary>Runs a program in a namespace; fails the test unless it exits with 0.</summary>
    public static string In(string space, int seconds, params string[] command) =>
        Command.Check(seconds, "ip", ["netns", "exec", space, .. command]);

    /// <summary>Runs a program in a namespace, whatever its exit code.</summary>
    public static CommandResult TryIn(string space, int seconds, params string[] command) =>
        Command.Run(seconds, "ip", ["netns", "exec", space, .. command]);

    /// <summary>Sets the MTU of both ends of a host's link.</summary>
    public void SetMtu(int host, int mtu)
    {
        Ip("-n", SwitchSpace, "link", "set", $"p{host}", "mtu", mtu.ToString());
        Ip("-n", HostSpace(host), "link", "set", "eth0", "mtu", mtu.ToString());
    }

    /// <summary>Pings with so many bytes that may not be cut into fragments; the number of answers.</summary>
    public int PingWhole(int from, int to, int bytes, int count) => Answers(TryIn(HostSpace(from), 30, "ping", "-n", "-q", "-c", count.ToString(),
        "-i", "0.01", "-W", "1", "-M", "do", "-s", bytes.ToString(), Address(to)));

    /// <summary>Runs iperf3 from host 1 to host 2; its report.</summary>
    public JsonDocument Iperf3(params string[] options)
    {
        using var server = Command.Start("ip", ["netns", "exec", HostSpace(2), "iperf3", "-s", "-1", "--forceflush"]);
        server.StandardOutput.ReadLine();
        server.StandardOutput.ReadLine().Should().Contain("Server listening");
        var report = In(HostSpace(1), 30, ["iperf3", "-c", Address(2), "-J", .. options]);
        server.WaitForExit(10_000).Should().BeTrue();
        return JsonDocument.Parse(report);
    }

    /// <summary>TCP for three seconds, forward or in reverse: it must not stall in any half of a second.</summary>
    public JsonDocument TcpWithoutStall(bool reverse)
    {
        string[] direction = reverse ? ["-R"] : [];
        var report = Iperf3(["-t", "3", "-i", "0.5", .. direction]);
        var rates = report.RootElement.GetProperty("intervals").EnumerateArray()
            .Select(interval => interval.GetProperty("sum").GetProperty("bits_per_second").GetDouble()).ToList();
        TestContext.Out.WriteLine($"Mbit/s per half second: {string.Join(' ', rates.Select(rate => (rate / 1e6).ToString("0")))}");
        rates.Should().OnlyContain(rate => rate > 1e6, "TCP must not stall in any half second");
        return report;
    }

    /// <summary>Pings from host to host; the number of answers.</summary>
    public int Ping(int from, int to, int count = 3, double interval = 0.1)
    {
        var result = TryIn(HostSpace(from), 30 + (int)(count * interval), "ping", "-n", "-q", "-c", count.ToString(),
            "-i", interval.ToString("0.###"), "-W", "1", Address(to));
        return Answers(result);
    }

    private static int Answers(CommandResult ping)
    {
        var line = ping.Output.Split('\n').Single(text => text.Contains("packets transmitted", StringComparison.Ordinal));
        return int.Parse(line.Split(", ")[1].Split(' ')[0]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _capture?.Dispose();
        Remove();
    }

    private static void Ip(params string[] arguments) => Command.Check(10, "ip", arguments);

    private static void DisableIpv6(string space)
    {
        // Router solicitations and duplicate address detection would be packets that no test asked for.
        foreach (var scope in new[] { "all", "default" })
        {
            In(space, 10, "sh", "-c", $"echo 1 > /proc/sys/net/ipv6/conf/{scope}/disable_ipv6");
        }
    }

    private void Remove()
    {
        for (var host = 1; host <= _hosts; host++)
        {
            Command.Run(10, "ip", "netns", "del", HostSpace(host));
        }

        Command.Run(10, "ip", "netns", "del", SwitchSpace);
    }
}
