using System.Text.Json;
using Oko.Agent.Cli;
using Oko.OpenFlow.OkoExtension;

namespace Oko.Agent.Tests.Cli;

/// <summary>Objects as clang makes them, from the file to the map's text, through the real verifier and compiler.</summary>
public sealed class ElfFilterTests
{
    private ManagementBench _switch = null!;

    [SetUp]
    public void SetUp() => _switch = ManagementBench.WithElfObjects();

    [TearDown]
    public async Task TearDown() => await _switch.DisposeAsync();

    [Test]
    public async Task Map_KeysAndValues_AreTypedByTheObject()
    {
        await _switch.RunAsync("filter", "load", "1", SourceTree.BpfObject("blocklist-v3.o"));
        await _switch.RunAsync("map", "update", "1", "blocked", "172.16.0.14", "1", "10.0.0.1", "0x10");
        using var dump = JsonDocument.Parse(await _switch.RunAsync("map", "dump", "1", "blocked", "--format", "json"));
        dump.RootElement.EnumerateArray().ToDictionary(entry => entry.GetProperty("key").GetString()!, entry => entry.GetProperty("value").GetInt64())
            .Should().Equal(new Dictionary<string, long> { ["172.16.0.14"] = 1, ["10.0.0.1"] = 16 });
        (await _switch.TryAsync("map", "update", "1", "blocked", "172.16.0.300", "1")).Errors.Should().Contain("filter 1, map blocked, key of 4 bytes");
        await _switch.RunAsync("map", "delete", "1", "blocked", "172.16.0.14");
        (await _switch.RunAsync("map", "dump", "1", "blocked")).Should().NotContain("172.16.0.14").And.Contain("10.0.0.1");
    }

    [Test]
    public async Task Filter_InAFlowEntry_DecidesOnPackets()
    {
        await _switch.RunAsync("filter", "load", "1", SourceTree.BpfObject("blocklist-v3.o"));
        await _switch.RunAsync("flow", "add", "priority=100,filter=1,actions=output:3", "priority=0,actions=output:2");
        _switch.Bench.Forward(1, 2);
        await _switch.RunAsync("map", "update", "1", "blocked", "10.0.0.1", "0");
        _switch.Bench.Forward(1, 3);
        (await _switch.RunAsync("map", "dump", "1", "0")).Should().MatchRegex(@"10\.0\.0\.1 +1\n");
        (await _switch.RunAsync("filter", "load", "1", SourceTree.BpfObject("blocklist-v1.o"), "--replace", "--keep-maps")).Should().Contain("map blocked: content kept");
        _switch.Bench.Forward(1, 3);
        (await _switch.RunAsync("map", "dump", "1", "0")).Should().MatchRegex(@"10\.0\.0\.1 +2\n");
    }

    [TestCase("okomaps.o")]
    [TestCase("socketip.o")]
    [TestCase("synopts.o")]
    public async Task Fixture_OfEachConvention_Loads(string name)
    {
        await _switch.RunAsync("filter", "load", "1", SourceTree.BpfObject(name));
        (await ManagementBench.RunLocalAsync("filter", "check", SourceTree.BpfObject(name))).Should().Match<CliOutcome>(outcome => outcome.ExitCode == 0 && outcome.Output.Contains("accepted"));
    }

    [Test]
    public async Task Check_BrokenObjects_AreRefusedWithExitCodeOne()
    {
        var good = File.ReadAllBytes(SourceTree.BpfObject("blocklist-v3.o"));
        foreach (var (name, bytes) in new (string, byte[])[] { ("cut", good[..(good.Length / 2)]), ("empty", []), ("noise", [.. Enumerable.Range(0, 500).Select(i => (byte)(i * 37))]) })
        {
            var outcome = await ManagementBench.RunLocalAsync("filter", "check", _switch.WriteFile(name, bytes));
            outcome.ExitCode.Should().Be(ExitCode.Failure, name);
            outcome.Errors.Should().StartWith("oko: ").And.NotContain("   at ");
            (await _switch.TryAsync("filter", "load", "3", _switch.WriteFile(name, bytes))).ExitCode.Should().Be(ExitCode.Failure, name);
        }
    }

    [Test]
    public async Task Check_EntryNotInTheObject_ListsThoseThatAre() =>
        (await ManagementBench.RunLocalAsync("filter", "check", SourceTree.BpfObject("blocklist-v3.o"), "--entry", "nosuch")).Errors.Should().Contain("blocklist");

    [Test]
    public async Task Check_Json_IsOneDocumentWhateverTheVerdict()
    {
        using var accepted = JsonDocument.Parse((await ManagementBench.RunLocalAsync("filter", "check", SourceTree.BpfObject("blocklist-v3.o"), "--format", "json")).Output);
        accepted.RootElement.GetProperty("accepted").GetBoolean().Should().BeTrue();
        accepted.RootElement.GetProperty("worst_case_instructions").GetInt32().Should().BePositive();
        using var refused = JsonDocument.Parse((await ManagementBench.RunLocalAsync("filter", "check", _switch.WriteFile("x", [1, 2, 3]), "--format", "json")).Output);
        refused.RootElement.GetProperty("accepted").GetBoolean().Should().BeFalse();
        refused.RootElement.GetProperty("error").GetString().Should().Be("OBJECT_INVALID");
    }

    [Test]
    public void Error_OfALongReport_IsCutForTheWireAndSaysSo()
    {
        var exception = new OkoError(OkoErrorType.ProgramRefused, 1, new string('ä', 3000)).ToException();

        var sent = OkoError.Parse(exception.Code, exception.ExperimenterData);

        System.Text.Encoding.UTF8.GetByteCount(sent.Text).Should().BeLessThanOrEqualTo(4000);
        sent.Text.Should().EndWith("left out]");
    }
}
