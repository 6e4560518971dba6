using System.Text.Json;
using Oko.Agent.Cli;

namespace Oko.Agent.Tests.Cli;

/// <summary>Filter expressions of tcpdump, from the command line to the packet.</summary>
public sealed class PcapFilterTests
{
    private ManagementBench _switch = null!;

    [SetUp]
    public void SetUp() => _switch = ManagementBench.WithElfObjects();

    [TearDown]
    public async Task TearDown() => await _switch.DisposeAsync();

    [Test]
    public async Task Load_Expression_DecidesOnPacketsUnderItsName()
    {
        (await _switch.RunAsync("filter", "load", "1", "--pcap", "ip src 10.0.0.1 and len >= 20")).Should().Contain("filter 1 loaded");
        (await _switch.RunAsync("filter", "load", "2", "--pcap", "tcp[tcpflags] & tcp-syn != 0", "--name", "syn")).Should().Contain("filter 2 loaded");
        (await _switch.RunAsync("filter", "list")).Should().Contain("ip src 10.0.0.1 and len >= 20").And.Contain("socket").And.MatchRegex(@"2  syn +1 ");
        await _switch.RunAsync("flow", "add", "priority=100,filter=1,actions=output:3", "priority=0,actions=output:2");
        _switch.Bench.Forward(1, 3);
        await _switch.RunAsync("filter", "load", "1", "--pcap", "ip src 10.0.0.9", "--replace");
        _switch.Bench.Forward(1, 2);
    }

    [Test]
    public async Task Check_Expression_ShowsWhatWouldBeLoaded()
    {
        var outcome = await ManagementBench.RunLocalAsync("filter", "check", "--pcap", "tcp port 80");
        outcome.ExitCode.Should().Be(ExitCode.Success);
        outcome.Output.Should().StartWith("--pcap 'tcp port 80': accepted: pcap (socket), ");
        using var json = JsonDocument.Parse((await ManagementBench.RunLocalAsync("filter", "check", "--pcap", "", "--format", "json")).Output);
        json.RootElement.GetProperty("convention").GetString().Should().Be("socket");
    }

    [TestCase("tcp prt 80", "*--pcap 'tcp prt 80'*syntax error*")]
    [TestCase("ip broadcast", "*netmask*")]
    [TestCase("inbound", "*inbound*")]
    [TestCase("ip protochain 6", "*protochain*not supported*")]
    public async Task Check_ExpressionThatCannotBe_SaysWhy(string expression, string message)
    {
        var outcome = await ManagementBench.RunLocalAsync("filter", "check", "--pcap", expression);
        outcome.ExitCode.Should().NotBe(ExitCode.Success);
        outcome.Errors.Should().Match(message).And.NotContain("   at ");
    }

    [Test]
    public async Task Check_FileAndExpressionOrNeither_IsWrongUsage()
    {
        foreach (var arguments in new string[][] { ["filter", "check"], ["filter", "check", "x.o", "--pcap", "tcp"], ["filter", "load", "1"] })
        {
            var outcome = await ManagementBench.RunLocalAsync(arguments);
            outcome.ExitCode.Should().Be(ExitCode.Usage);
            outcome.Errors.Should().Contain("either an object FILE or an expression (--pcap 'EXPRESSION')");
        }
    }
}
