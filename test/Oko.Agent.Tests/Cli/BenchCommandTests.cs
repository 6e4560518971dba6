using System.Text.Json;
using Oko.Agent.Cli;

namespace Oko.Agent.Tests.Cli;

/// <summary><c>oko bench filter</c>.</summary>
public sealed class BenchCommandTests
{
    private string _folder = null!;

    [SetUp]
    public void SetUp() => _folder = Directory.CreateTempSubdirectory("oko-bench-").FullName;

    [TearDown]
    public void TearDown() => Directory.Delete(_folder, recursive: true);

    [TestCase("il")]
    [TestCase("interpreter")]
    public async Task BenchFilter_Capture_CountsAndAllocatesNothing(string engine)
    {
        // One source over its rate: with a microsecond per packet its burst of 20 is used up by the rounds before the measured ones.
        var capture = Capture(Enumerable.Repeat(Ipv4Packet(), 100));
        var outcome = await ManagementBench.RunLocalAsync(
            "bench", "filter", SourceTree.BpfObject("rate-limiter.o"), "--packets", capture, "--engine", engine, "--rounds", "2", "--format", "json");
        outcome.ExitCode.Should().Be(ExitCode.Success, outcome.Errors);
        using var json = JsonDocument.Parse(outcome.Output);
        json.RootElement.GetProperty("packets").GetInt32().Should().Be(100);
        json.RootElement.GetProperty("accepted").GetInt64().Should().Be(200);
        json.RootElement.GetProperty("allocated_bytes").GetInt64().Should().Be(0);
        json.RootElement.GetProperty("median_nanoseconds").GetDouble().Should().BePositive();
    }

    [Test]
    public async Task BenchFilter_Table_NamesWhatWasMeasured()
    {
        var outcome = await ManagementBench.RunLocalAsync("bench", "filter", SourceTree.BpfObject("blocklist-v3.o"), "--packets", Capture([Ipv4Packet(), new byte[3], []]), "--rounds", "1");
        outcome.Output.Should().Contain("blocklist: ").And.Contain("3 packets, 1 rounds, engine il").And.Contain("accepted: 0 of 3").And.Contain("allocated: 0 bytes");
    }

    [Test]
    public async Task BenchFilter_WrongInput_SaysWhatIsAllowed()
    {
        var capture = Capture([Ipv4Packet()]);
        (await Fail(ExitCode.Usage, SourceTree.BpfObject("blocklist-v3.o"))).Should().Contain("--packets");
        (await Fail(ExitCode.Usage, SourceTree.BpfObject("blocklist-v3.o"), "--packets", SourceTree.BpfObject("blocklist-v3.o"))).Should().Contain("Name a pcap or pcapng file");
        (await Fail(ExitCode.Usage, SourceTree.BpfObject("blocklist-v3.o"), "--packets", capture, "--engine", "jit")).Should().Contain("il and interpreter");
        (await Fail(ExitCode.Usage, SourceTree.BpfObject("blocklist-v3.o"), "--packets", capture, "--rounds", "0")).Should().Contain("1 to 100000");
        (await Fail(ExitCode.Failure, SourceTree.BpfObject("blocklist-v3.o"), "--packets", Capture([]))).Should().Contain("no packets");
        (await Fail(ExitCode.Failure, SourceTree.BpfObject("blocklist-v3.o"), "--packets", Capture([Ipv4Packet()], linkType: 113))).Should().Contain("Ethernet");
        (await Fail(ExitCode.Failure, SourceTree.BpfObject("blocklist-v3.o"), "--packets", Capture([Ipv4Packet(), new byte[65536]]))).Should().Contain("packet 2 has 65536 bytes").And.Contain("65535");
        (await Fail(ExitCode.Failure, capture, "--packets", capture)).Should().Contain("ELF");
    }

    private static async Task<string> Fail(int exitCode, params string[] arguments)
    {
        var outcome = await ManagementBench.RunLocalAsync(["bench", "filter", .. arguments]);
        outcome.ExitCode.Should().Be(exitCode);
        outcome.Errors.Should().NotContain("   at ");
        return outcome.Errors;
    }

    private static byte[] Ipv4Packet()
    {
        var packet = new byte[60];
        packet[12] = 0x08;
        packet[14] = 0x45;
        return packet;
    }

    private string Capture(IEnumerable<byte[]> packets, int linkType = 1) => CaptureFile.Write(_folder, packets, linkType: linkType);
}
