using System.Text.Json;
using Oko.Agent.Cli;

namespace Oko.Agent.Tests.Cli;

/// <summary><c>oko filter run</c>.</summary>
public sealed class FilterRunTests
{
    private const int Start = 1_600_000_000;

    private string _folder = null!;

    [SetUp]
    public void SetUp() => _folder = Directory.CreateTempSubdirectory("oko-run-").FullName;

    [TearDown]
    public void TearDown() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task Capture_OnTheClockOfItsTimes_GetsAVerdictPerPacket()
    {
        // The burst of 20, three more at once, and one when two milliseconds have brought two tokens.
        var capture = Capture([.. Enumerable.Repeat(0, 23), 2000]);
        var outcome = await Run(Fixture("rate-limiter.o"), "--packets", capture);
        outcome.ExitCode.Should().Be(ExitCode.Success, outcome.Errors);
        var lines = outcome.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines[19..25].Should().Equal(
            "20 1600000000.000000 no match", "21 1600000000.000000 match", "22 1600000000.000000 match", "23 1600000000.000000 match",
            "24 1600000000.002000 no match", "rate_limiter: 24 packets, 3 match");
    }

    [Test]
    public async Task Packet_OlderThanTheOneBefore_GetsItsTime()
    {
        var outcome = await Run(Fixture("rate-limiter.o"), "--packets", Capture([5, 0]), "--format", "json");
        using var json = JsonDocument.Parse(outcome.Output);
        json.RootElement.EnumerateArray().Select(one => one.GetProperty("time_nanoseconds").GetUInt64())
            .Should().AllBeEquivalentTo((Start * 1_000_000_000UL) + 5000);
    }

    [Test]
    public async Task Settings_AreInTheMapsBeforeTheFirstPacket()
    {
        var outcome = await Run(Fixture("rate-limiter.o"), "--packets", Capture(Enumerable.Repeat(0, 10)), "--format", "json",
            "--set", ".data", "0", "{packet_cost=1000,burst=2000}", "--set", "buckets", "0.0.0.0", "{full_at=0,refused=7}");
        outcome.ExitCode.Should().Be(ExitCode.Success, outcome.Errors);
        using var json = JsonDocument.Parse(outcome.Output);
        json.RootElement.EnumerateArray().Select(one => one.GetProperty("match").GetBoolean())
            .Should().Equal(Enumerable.Range(0, 10).Select(number => number >= 2));
        json.RootElement[0].GetProperty("packet").GetInt32().Should().Be(1);
        json.RootElement[2].GetProperty("result").GetUInt64().Should().Be(1);
    }

    [Test]
    public async Task Records_OfRingBuffers_StandUnderTheirPacket()
    {
        var outcome = await Run(Fixture("typed.o"), "--packets", Capture([0, 0]));
        outcome.Output.Should().Be(
            "1 1600000000.000000 match\n  reports: {source=0.0.0.0,length=64,what=\"packet\"}\n" +
            "2 1600000000.000000 match\n  reports: {source=0.0.0.0,length=64,what=\"packet\"}\ntyped: 2 packets, 2 match\n");
        outcome = await Run(Fixture("typed.o"), "--packets", Capture([0]), "--format", "json");
        using var json = JsonDocument.Parse(outcome.Output);
        var record = json.RootElement[0].GetProperty("events")[0];
        (record.GetProperty("map").GetString(), record.GetProperty("text").GetString())
            .Should().Be(("reports", "{source=0.0.0.0,length=64,what=\"packet\"}"));
    }

    [Test]
    public async Task WrongInput_SaysWhatIsAllowed()
    {
        var (filter, capture) = (Fixture("rate-limiter.o"), Capture([0]));
        (await Fail(ExitCode.Usage, filter)).Should().Contain("--packets");
        (await Fail(ExitCode.Usage, filter, "--packets", filter)).Should().Contain("Name a pcap or pcapng file");
        (await Fail(ExitCode.Usage, filter, "--packets", Path.Combine(_folder, "none"))).Should().Contain("none");
        (await Fail(ExitCode.Failure, capture, "--packets", capture)).Should().Contain("ELF");
        (await Fail(ExitCode.Failure, filter, "--packets", capture, "--entry", "other")).Should().Contain("rate_limiter");
        (await Fail(ExitCode.Usage, filter, "--packets", capture, "--set", "bucket", "1", "2")).Should().Contain("no such map").And.Contain("buckets");
        (await Fail(ExitCode.Usage, filter, "--packets", capture, "--set", "buckets", "here", "{1,2}")).Should().Contain("--set buckets here: 'here' is no number");
        (await Fail(ExitCode.Usage, filter, "--packets", capture, "--set", "buckets", "1.2.3.4")).Should().Contain("--set");
        (await Fail(ExitCode.Usage, filter, "--packets", capture, "--set", ".data", "1", "{burst=1}")).Should().Contain("does not take this entry");
    }

    private static Task<CliOutcome> Run(params string[] arguments) => ManagementBench.RunLocalAsync(["filter", "run", .. arguments]);

    private static async Task<string> Fail(int exitCode, params string[] arguments)
    {
        var outcome = await Run(arguments);
        outcome.ExitCode.Should().Be(exitCode, outcome.Errors);
        outcome.Errors.Should().NotContain("   at ");
        return outcome.Errors;
    }

    private static string Fixture(string name) => Path.Combine(SourceTree.Root, "test", "TestData", "bpf", name);

    /// <summary>IPv4 packets of 64 bytes from 0.0.0.0, at so many microseconds.</summary>
    private string Capture(IEnumerable<int> times)
    {
        var packet = new byte[64];
        packet[12] = 0x08;
        packet[14] = 0x45;
        return CaptureFile.Write(_folder, times.Select(micros => (Start, micros, packet)));
    }
}
