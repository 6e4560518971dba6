using System.Text.Json;
using Oko.Agent.Benchmark;
using Oko.Agent.Cli;

namespace Oko.Agent.Tests.Cli;

/// <summary><c>oko bench pipeline</c>.</summary>
public sealed class PipelineBenchTests
{
    private static readonly string[] Short = ["--packets", "3000", "--rounds", "2", "--format", "json"];

    private string _folder = null!;

    [SetUp]
    public void SetUp() => _folder = Directory.CreateTempSubdirectory("oko-bench-").FullName;

    [TearDown]
    public void TearDown() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task BenchPipeline_MadeRules_EveryPacketIsForwardedWithoutAllocation([Values("acl", "fw", "ipc", "exact", "mixed", "prefix", "routes")] string kind)
    {
        var figures = await Run(["--rules", $"{kind}:700", "--flows", "1000", .. Short]);
        figures.GetProperty("name").GetString().Should().Be($"{kind}:700");
        figures.GetProperty("entries").GetInt32().Should().Be(700);
        figures.GetProperty("packets").GetInt64().Should().Be(6000);
        figures.GetProperty("matched").GetInt64().Should().Be(6000);
        figures.GetProperty("sent").GetInt64().Should().Be(6000);
        figures.GetProperty("allocated_bytes").GetInt64().Should().Be(0);
        var median = figures.GetProperty("median_nanoseconds").GetDouble();
        median.Should().BePositive().And.BeInRange(figures.GetProperty("best_nanoseconds").GetDouble(), figures.GetProperty("worst_nanoseconds").GetDouble());
    }

    [Test]
    public async Task BenchPipeline_EntriesOfAFile_ActsAsTheySay()
    {
        var file = Write("# a comment", "", "priority=2,udp,actions=output:2,output:3", "priority=2,tcp,nw_dst=10.0.0.0/8,actions=push_vlan:0x8100,output:2", "priority=1,in_port=2,actions=drop");
        var figures = await Run(["--entries", file, "--flows", "100", "--packet-size", "200", .. Short]);
        figures.GetProperty("packet_bytes").GetInt32().Should().Be(200);
        figures.GetProperty("sent").GetInt64().Should().BeInRange(6001, 12_000);
        figures.GetProperty("masks").GetInt32().Should().Be(3);
        figures.GetProperty("drops").EnumerateObject().Should().BeEmpty();
    }

    [Test]
    public async Task BenchPipeline_NothingMatchesInTheNextTable_IsCountedAsMiss()
    {
        var figures = await Run(["--entries", Write("actions=goto_table:1"), .. Short]);
        figures.GetProperty("lookups").GetInt64().Should().Be(12_000);
        figures.GetProperty("matched").GetInt64().Should().Be(6000);
        figures.GetProperty("drops").GetProperty("table_miss").GetInt64().Should().Be(6000);
    }

    [Test]
    public async Task BenchPipeline_Bursts_SendFlowsInARow()
    {
        var figures = await Run(["--rules", "exact:10", "--flows", "10", "--bursts", "100", .. Short]);
        figures.GetProperty("sent").GetInt64().Should().Be(6000);
    }

    [Test]
    public async Task BenchPipeline_Replay_PlaysTheCaptureInItsOrderOverAndOver()
    {
        byte[][] packets = [Udp(4), Udp(4), Udp(6), new byte[20], new byte[3000]];
        var entries = Write("priority=1,udp,nw_dst=10.0.0.4,actions=dec_ttl,output:2", "priority=1,udp,nw_dst=10.0.0.6,actions=output:2,output:3");
        var figures = await Run(["--entries", entries, "--replay", CaptureFile.Write(_folder, packets), "--packets", "3001", "--rounds", "2", "--format", "json"]);
        figures.TryGetProperty("flows", out _).Should().BeFalse();
        figures.GetProperty("capture_packets").GetInt32().Should().Be(5);
        figures.GetProperty("packet_bytes").GetDouble().Should().Be((60 + 60 + 60 + 20 + ChainBenchmark.MaxPacketBytes) / 5.0);
        figures.GetProperty("packets").GetInt64().Should().Be(6002);
        // The rounds go on where the one before, or warming up, ended: one packet more than a multiple of five in each.
        figures.GetProperty("sent").GetInt64().Should().BeInRange(4800, 4804);
        figures.GetProperty("matched").GetInt64().Should().BeInRange(3600, 3602);
        figures.GetProperty("drops").GetProperty("table_miss").GetInt64().Should().BeInRange(2400, 2402);
        figures.GetProperty("allocated_bytes").GetInt64().Should().Be(0);
    }

    [Test]
    public async Task BenchPipeline_ReplayWithWhatMakesFlows_IsRefused([Values("--flows", "--packet-size", "--bursts", "--workers")] string option)
    {
        var capture = CaptureFile.Write(_folder, [Udp(4)]);
        (await Fail(ExitCode.Usage, "--rules", "exact:1", "--replay", capture, option, "60")).Should().Contain($"--replay goes without {option}");
    }

    [Test]
    public async Task BenchPipeline_Table_NamesWhatWasMeasured()
    {
        var outcome = await ManagementBench.RunLocalAsync("bench", "pipeline", "--rules", "prefix:16", "--flows", "5", "--packets", "100", "--rounds", "1");
        outcome.Output.Should().Contain("prefix:16: 16 entries, 1 masks").And.Contain("5 flows, 64 bytes, 100 packets in each of 1 rounds, seed 1")
            .And.Contain("lookups: 100, 100.00 % found an entry; sent 100, to controllers 0, dropped: 0").And.Contain("allocated: 0 bytes");
    }

    [Test]
    public async Task BenchPipeline_WrongInput_SaysWhatIsAllowed()
    {
        (await Fail(ExitCode.Usage)).Should().Contain("either --entries FILE or --rules CLASS:N");
        (await Fail(ExitCode.Usage, "--rules", "acl:5", "--entries", "x")).Should().Contain("either --entries FILE or --rules CLASS:N");
        (await Fail(ExitCode.Usage, "--rules", "acl:0")).Should().Contain("1 to 1000000");
        (await Fail(ExitCode.Usage, "--rules", "hash:5")).Should().Contain("acl, fw, ipc");
        (await Fail(ExitCode.Usage, "--rules", "acl:5", "--flows", "0")).Should().Contain("1 to 4000000");
        (await Fail(ExitCode.Usage, "--rules", "acl:5", "--packet-size", "59")).Should().Contain("60 to 1514");
        (await Fail(ExitCode.Usage, "--rules", "acl:5", "--bursts", "-1")).Should().Contain("0 to 10000");
        (await Fail(ExitCode.Usage, "--entries", Path.Combine(_folder, "none"))).Should().Contain("ovs-ofctl add-flows");
        (await Fail(ExitCode.Usage, "--rules", "acl:5", "--replay", Path.Combine(_folder, "none"))).Should().Contain("pcap or pcapng");
        (await Fail(ExitCode.Failure, "--entries", Write("# nothing"))).Should().Contain("no entries");
        (await Fail(ExitCode.Failure, "--entries", Write("tcp,actions=drop", "colour=red,actions=drop"))).Should().Contain("line 2").And.Contain("colour");
        (await Fail(ExitCode.Failure, "--entries", Write("filter=1,actions=drop"))).Should().Contain("filter");
        (await Fail(ExitCode.Failure, "--entries", Write("in_port=2,actions=drop"))).Should().Contain("port 1");
        (await Fail(ExitCode.Failure, "--entries", Write([.. Enumerable.Range(2, 300).Select(port => $"priority={port},ip,actions=output:{port}")]))).Should().Contain("255");
    }

    private static byte[] Udp(byte lastOfDestination)
    {
        var packet = new byte[60];
        packet[12] = 0x08;
        packet[14] = 0x45;
        packet[17] = 46;
        packet[22] = 64;
        packet[23] = 17;
        packet[30] = 10;
        packet[33] = lastOfDestination;
        return packet;
    }

    private static async Task<JsonElement> Run(string[] arguments)
    {
        var outcome = await ManagementBench.RunLocalAsync(["bench", "pipeline", .. arguments]);
        outcome.ExitCode.Should().Be(ExitCode.Success, outcome.Errors);
        return JsonDocument.Parse(outcome.Output).RootElement;
    }

    private static async Task<string> Fail(int exitCode, params string[] arguments)
    {
        var outcome = await ManagementBench.RunLocalAsync(["bench", "pipeline", .. arguments]);
        outcome.ExitCode.Should().Be(exitCode);
        outcome.Errors.Should().NotContain("   at ");
        return outcome.Errors;
    }

    private string Write(params string[] lines)
    {
        var path = Path.Combine(_folder, Path.GetRandomFileName());
        File.WriteAllLines(path, lines);
        return path;
    }
}
