using System.Text.Json;
using Oko.Agent.Cli;

namespace Oko.Agent.Tests.Cli;

/// <summary><c>oko bench chain</c>, with its neighbouring processes.</summary>
public sealed class ChainBenchTests
{
    private string _folder = null!;

    [SetUp]
    public void SetUp() => _folder = Directory.CreateTempSubdirectory("oko-bench-").FullName;

    [TearDown]
    public void TearDown() => Directory.Delete(_folder, recursive: true);

    [TestCase("match", 200)]
    [TestCase("no-match", 800)]
    public async Task BenchChain_Filter_PassesTheSamePacketsInEachSetup(string pass, int expected)
    {
        // Every fifth packet is a SYN of the inside; nothing else opens a connection.
        var capture = Capture(Enumerable.Range(0, 100).Select(number => Tcp(number, number % 5 == 0)));
        var figures = await Run(Fixture("stateful-firewall.o"), "--pass", pass, "--packets", capture, "--count", "1000", "--rounds", "1", "--warm-up", "20");
        figures.GetProperty("trace_packets").GetInt32().Should().Be(100);
        var setups = figures.GetProperty("setups").EnumerateArray().ToList();
        setups.Select(setup => setup.GetProperty("name").GetString()).Should().Equal("switch", "process", "copies");
        setups.Select(setup => setup.GetProperty("passed").GetInt64()).Should().AllBeEquivalentTo(expected);
        setups.Select(setup => setup.GetProperty("packets").GetInt64()).Should().AllBeEquivalentTo(1000);
        setups.Select(setup => setup.GetProperty("refused").GetInt64()).Should().AllBeEquivalentTo(0);
        setups.Select(setup => setup.GetProperty("allocated_bytes").GetInt64()).Should().AllBeEquivalentTo(0);
        setups.Select(setup => setup.GetProperty("packets_per_second").GetDouble()).Should().OnlyContain(rate => rate > 0);
        setups.Skip(1).Select(setup => setup.GetProperty("neighbour_nanoseconds").GetDouble()).Should().OnlyContain(time => time > 0);
    }

    [Test]
    public async Task BenchChain_Data_SetsTheVariablesOfBothFilters()
    {
        // One source with a burst of 300 packets, which are not given back before the test is over; the rounds before the measured one use it up.
        var capture = Capture(Enumerable.Range(0, 10).Select(_ => Tcp(1, isSyn: true)));
        var figures = await Run(
            Fixture("rate-limiter.o"), "--pass", "no-match", "--data", "{packet_cost=1000000000000,burst=300000000000000}", "--packets", capture, "--count", "100", "--rounds", "1", "--warm-up", "300");
        figures.GetProperty("setups").EnumerateArray().Select(setup => setup.GetProperty("passed").GetInt64()).Should().AllBeEquivalentTo(0);
    }

    [Test]
    public async Task BenchChain_NoFilterAndCutPackets_ForwardsPacketsOfTheirLengthOnTheWire()
    {
        var capture = Capture(Enumerable.Range(0, 7).Select(number => Tcp(number, isSyn: false)), wireBytes: 1000);
        var outcome = await ManagementBench.RunLocalAsync("bench", "chain", "--packets", capture, "--count", "500", "--rounds", "2", "--ring", "128", "--warm-up", "0");
        outcome.ExitCode.Should().Be(ExitCode.Success, outcome.Errors);
        outcome.Output.Should().Contain("no filter: 7 packets in the trace, 1000 bytes on average").And.Contain("500 packets in each of 2 rounds, rings of 128 entries")
            .And.Contain("passed 1000 of 1000, refused 0, allocated 0 bytes");
    }

    [Test]
    public async Task BenchChain_WrongInput_SaysWhatIsAllowed()
    {
        var capture = Capture([Tcp(1, isSyn: true)]);
        (await Fail(ExitCode.Usage)).Should().Contain("--packets");
        (await Fail(ExitCode.Usage, "--packets", capture, "--ring", "64")).Should().Contain("128 to 8192");
        (await Fail(ExitCode.Usage, "--packets", capture, "--ring", "300")).Should().Contain("powers of two");
        (await Fail(ExitCode.Usage, "--packets", capture, "--pass", "all")).Should().Contain("match and no-match");
        (await Fail(ExitCode.Usage, "--packets", capture, "--warm-up", "-1")).Should().Contain("0 to 60000");
        (await Fail(ExitCode.Usage, "--packets", capture, "--rounds", "0")).Should().Contain("1 to 10000");
        (await Fail(ExitCode.Usage, Path.Combine(_folder, "none.o"), "--packets", capture)).Should().Contain("none.o");
        (await Fail(ExitCode.Failure, capture, "--packets", capture)).Should().Contain("ELF");
        (await Fail(ExitCode.Failure, "--packets", capture, "--veth")).Should().Contain("interface switch-out does not exist");
        (await Fail(ExitCode.Failure, Fixture("rate-limiter.o"), "--packets", capture, "--data", "{colour=1}")).Should().Contain("colour");
        (await Fail(ExitCode.Failure, Fixture("blocklist-v3.o"), "--packets", capture, "--data", "{a=1}")).Should().Contain("no global variables");
    }

    [Test]
    public async Task BenchNeighbour_NotStartedByASwitch_SaysWhatItNeeds()
    {
        var none = await ManagementBench.RunLocalAsync("bench", "neighbour", "--memory", Path.Combine(_folder, "none"));
        none.ExitCode.Should().Be(ExitCode.Failure);
        none.Errors.Should().Contain("none").And.NotContain("   at ");
        var wrong = await ManagementBench.RunLocalAsync("bench", "neighbour", "--memory", Capture([Tcp(1, isSyn: true)]));
        wrong.ExitCode.Should().Be(ExitCode.Failure);
        wrong.Errors.Should().Contain("2 MiB");
    }

    private static async Task<JsonElement> Run(params string[] arguments)
    {
        var outcome = await ManagementBench.RunLocalAsync(["bench", "chain", .. arguments, "--format", "json"]);
        outcome.ExitCode.Should().Be(ExitCode.Success, outcome.Errors);
        return JsonDocument.Parse(outcome.Output).RootElement;
    }

    private static async Task<string> Fail(int exitCode, params string[] arguments)
    {
        var outcome = await ManagementBench.RunLocalAsync(["bench", "chain", .. arguments]);
        outcome.ExitCode.Should().Be(exitCode, outcome.Output);
        outcome.Errors.Should().NotContain("   at ");
        return outcome.Errors;
    }

    private static string Fixture(string name) => Path.Combine(SourceTree.Root, "test", "TestData", "bpf", name);

    private static byte[] Tcp(int flow, bool isSyn)
    {
        var frame = new byte[60];
        frame[12] = 0x08;
        frame[14] = 0x45;
        frame[17] = 46;
        frame[23] = 6;
        frame[26] = 10;
        frame[30] = 192;
        frame[35] = (byte)flow;
        frame[46] = 0x50;
        frame[47] = (byte)(isSyn ? 2 : 16);
        return frame;
    }

    private string Capture(IEnumerable<byte[]> packets, int? wireBytes = null) => CaptureFile.Write(_folder, packets, wireBytes);
}
