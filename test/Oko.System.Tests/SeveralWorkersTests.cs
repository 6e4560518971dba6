using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Oko.System.Tests.Lab;

namespace Oko.System.Tests;

/// <summary>The built switch with several forwarding threads, on devices with one queue and with as many queues as threads.</summary>
public sealed class SeveralWorkersTests
{
    [Test]
    public void FloodPing_TwoWorkers_LosesNone([Values(1, 2)] int queues)
    {
        using var network = new Network("okowork", 3, queues);
        using var oko = SwitchProcess.StartWithListener(network, 3, "--workers", "2");
        network.Ping(1, 2).Should().Be(3);
        Network.In(network.HostSpace(1), 60, "ping", "-q", "-f", "-c", "5000", Network.Address(2)).Should().Contain(" 0% packet loss");
        Network.In(network.HostSpace(3), 60, "ping", "-q", "-f", "-c", "5000", Network.Address(1)).Should().Contain(" 0% packet loss");
        IsBalanced(oko).Should().BeTrue();
        oko.Terminate().Should().Be(0);
    }

    [TestCase(1)]
    [TestCase(2)]
    public void Tcp_TwoWorkers_BothWays(int queues)
    {
        Command.Need("iperf3");
        using var network = new Network("okowork2", 2, queues);
        using var oko = SwitchProcess.StartWithListener(network, 2, "--workers", "2");
        network.Ping(1, 2).Should().Be(3);
        using var report = network.Iperf3("-t", "2", "-P", "4", "--bidir");
        report.RootElement.GetProperty("end").GetProperty("sum_sent").GetProperty("bits_per_second").GetDouble().Should().BeGreaterThan(1e6);
        report.RootElement.GetProperty("end").GetProperty("sum_sent_bidir_reverse").GetProperty("bits_per_second").GetDouble().Should().BeGreaterThan(1e6);
    }

    [Test]
    public void Udp_ManyFlowsOnTwoQueues_BothWorkersForward()
    {
        using var network = new Network("okowork3", 2, queues: 2);
        using var oko = SwitchProcess.StartWithListener(network, 2, "--workers", "2");
        network.Ping(1, 2).Should().Be(3);
        var before = Enumerable.Range(0, 2).Select(worker => Ticks(oko, worker)).ToList();
        var clock = Stopwatch.StartNew();
        Namespace.Run(network.HostSpace(1), () =>
        {
            // Not connected: nobody listens there, and no answer shall stop them. The sending device chooses the queue by a hash of the flow.
            var sockets = Enumerable.Range(0, 64).Select(_ => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp)).ToList();
            var receiver = new IPEndPoint(IPAddress.Parse(Network.Address(2)), 2000);
            while (clock.ElapsedMilliseconds < 1500)
            {
                sockets.ForEach(socket => socket.SendTo([1, 2, 3], receiver));
            }

            sockets.ForEach(socket => socket.Dispose());
        });
        Enumerable.Range(0, 2).Select(worker => Ticks(oko, worker) - before[worker]).Should().OnlyContain(ticks => ticks > 5, "both threads had packets");
        Await.Until(() => IsBalanced(oko), seconds: 5, "each packet is accounted for");
        using var port = JsonDocument.Parse(oko.Oko("port", "show", "p1", "--format", "json"));
        port.RootElement.GetProperty("af_xdp").GetProperty("queues").GetInt32().Should().Be(2);
    }

    [Test]
    public void Run_WithAProcessorForTheWorker_LeavesItToThat()
    {
        if (Environment.ProcessorCount < 2)
        {
            Assert.Ignore("there is one processor, which all threads have to share");
        }

        using var network = new Network("okowork5", 1);
        using var oko = SwitchProcess.StartWithListener(network, 1, "--cpus", "1");
        var threads = Directory.EnumerateDirectories($"/proc/{oko.Id}/task").Select(ReadStatus).Where(lines => lines.Length > 0)
            .Select(lines => (Name: Field(lines, "Name:"), Cpus: Field(lines, "Cpus_allowed_list:"))).ToList();
        threads.Should().ContainSingle(thread => thread.Name == "oko-worker-0").Which.Cpus.Should().Be("1");
        threads.Where(thread => thread.Name != "oko-worker-0").Should().NotBeEmpty().And.OnlyContain(thread => !MayRunOn(thread.Cpus, 1));
    }

    [Test]
    public void Run_CpusThatDoNotFitTheWorkers_AreRefused()
    {
        using var network = new Network("okowork4", 1);
        var result = Network.TryIn(network.SwitchSpace, 20, SwitchProcess.Binary, "run", "--port", "p1", "--workers", "2", "--cpus", "0");
        result.ExitCode.Should().NotBe(0);
        result.Errors.Should().Contain("--cpus 0: 1 processors for 2 workers");
        result = Network.TryIn(network.SwitchSpace, 20, SwitchProcess.Binary, "run", "--port", "p1", "--workers", "17");
        result.Errors.Should().Contain("--workers 17").And.Contain("1 to 16");
    }

    /// <summary>What the kernel says of a thread; nothing if it has ended meanwhile.</summary>
    private static string[] ReadStatus(string thread)
    {
        try
        {
            return File.ReadAllLines(Path.Combine(thread, "status"));
        }
        catch (IOException)
        {
            return [];
        }
    }

    private static string Field(string[] lines, string name) => lines.First(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..].Trim();

    /// <param name="list">As the kernel writes it: 0,2-5.</param>
    /// <param name="cpu">Number of a processor.</param>
    private static bool MayRunOn(string list, int cpu) => list.Split(',').Select(range => range.Split('-').Select(int.Parse).ToList())
        .Any(range => range[0] <= cpu && cpu <= range[^1]);

    private static bool IsBalanced(SwitchProcess oko)
    {
        using var stats = JsonDocument.Parse(oko.Oko("stats", "--format", "json"));
        return stats.RootElement.GetProperty("balanced").GetBoolean();
    }

    /// <summary>User and system time of a worker's thread, in clock ticks of 10 ms.</summary>
    private static long Ticks(SwitchProcess oko, int worker)
    {
        var task = Directory.GetDirectories($"/proc/{oko.Id}/task").Single(path => File.ReadAllText(path + "/comm").Trim() == $"oko-worker-{worker}");
        var fields = File.ReadAllText(task + "/stat").Split(") ")[1].Split(' ');
        return long.Parse(fields[11]) + long.Parse(fields[12]);
    }
}
