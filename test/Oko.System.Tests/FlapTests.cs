using System.Globalization;
using Oko.System.Tests.Lab;

namespace Oko.System.Tests;

/// <summary>A thousand connections that come, take the role of master and go, while packets are forwarded.</summary>
public sealed class FlapTests
{
    private const int WarmUp = 12_000, Flaps = 1000;

    // With a small heap the collector keeps little in reserve, and what a connection left behind would show.
    private const string HeapLimit = "DOTNET_GCHeapHardLimit", SmallHeap = "0x6000000";

    [SetUp]
    public void LimitHeap() => Environment.SetEnvironmentVariable(HeapLimit, SmallHeap);

    [TearDown]
    public void UnlimitHeap() => Environment.SetEnvironmentVariable(HeapLimit, null);

    [Test]
    public void ThousandConnections_UnderTraffic_LeaveMemoryEntriesAndPacketsAlone()
    {
        using var network = new Network("okoflap", 2);
        // A controller is configured and never comes: fail-secure all the time.
        using var oko = SwitchProcess.StartWithListener(network, 2, "--controller", "tcp:127.0.0.1:6653", "--fail-mode", "secure");
        oko.Ofctl("add-group", "group_id=7,type=all,bucket=output:1,bucket=output:2");
        oko.Ofctl("add-meter", "meter=9,kbps,band=type=drop,rate=1000000");
        oko.Ofctl("add-flow", "priority=10,in_port=1,actions=meter:9,output:2");
        oko.Ofctl("add-flow", "priority=10,in_port=2,actions=output:1");
        oko.Oko([.. (string[])["flow", "add"], .. Enumerable.Range(0, 500).Select(number => $"priority=5,ip,ip_dst=10.1.{number / 250}.{number % 250},actions=group:7")]);

        var before = Entries(oko);
        Flap(network, WarmUp, firstGeneration: 1);
        var memory = ResidentKilobytes(oko.Id);

        using var traffic = Command.Start("ip", ["netns", "exec", network.HostSpace(1), "ping", "-n", "-q", "-i", "0.002", "-c", "1500", "-W", "1", Network.Address(2)]);
        Flap(network, Flaps, firstGeneration: WarmUp + 1);
        var after = ResidentKilobytes(oko.Id);
        traffic.StandardOutput.ReadToEnd().Should().Contain("1500 packets transmitted, 1500 received");
        TestContext.Out.WriteLine($"resident: {memory} kB before, {after} kB after {Flaps} connections");
        ((double)after).Should().BeLessThanOrEqualTo(memory * 1.05, "{0} connections must leave nothing behind", Flaps);
        Entries(oko).Should().Be(before);
        oko.Ofctl("dump-groups").Should().Contain("group_id=7");
        oko.Ofctl("dump-meters").Should().Contain("meter=9");
        oko.Log.Should().NotContain("rror on the connection").And.NotContain("fail:");
    }

    private static void Flap(Network network, int count, int firstGeneration) => Network.In(network.SwitchSpace, 120,
        "/usr/bin/python3", Path.Combine(SwitchProcess.Repository, "test", "Oko.System.Tests", "Scripts", "flap.py"),
        "127.0.0.1", "6654", count.ToString(CultureInfo.InvariantCulture), firstGeneration.ToString(CultureInfo.InvariantCulture));

    /// <summary>The entries without what counts and ages.</summary>
    private static string Entries(SwitchProcess oko) => oko.Ofctl("--no-stats", "dump-flows", oko.Address);

    private static long ResidentKilobytes(int process) => long.Parse(
        File.ReadLines($"/proc/{process}/status").Single(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture);
}
