using System.Text.Json;
using Oko.Agent.Cli;
using Oko.Agent.Tests.Filters;
using Oko.Agent.Tests.Rules;

namespace Oko.Agent.Tests.Cli;

/// <summary>The command line against a switch in this process, over the real socket.</summary>
public sealed class CliTests
{
    private ManagementBench _switch = null!;
    private string _object = null!;

    [SetUp]
    public void SetUp()
    {
        _switch = ManagementBench.WithTextObjects();
        _object = _switch.WriteFile("object", TextObject.Bytes("1 hits:hash:16 limits:array:2"));
    }

    [TearDown]
    public async Task TearDown() => await _switch.DisposeAsync();

    [Test]
    public async Task FilterLoad_List_Unload_ShowWhatHappened()
    {
        (await _switch.RunAsync("filter", "load", "7", _object, "--name", "door")).Should().Contain("filter 7 loaded").And.Contain("2 maps");
        var list = (await _switch.RunAsync("filter", "list")).Split('\n');
        list[0].Should().StartWith("ID  NAME  GENERATION");
        list[1].Should().MatchRegex(@"^ 7  door +1  oko .* hits \(hash, 0 of 16\), limits \(array, 2 of 2\)$");
        (await _switch.RunAsync("filter", "unload", "7")).Should().BeEmpty();
        (await _switch.RunAsync("filter", "list")).Should().Be("no filter is loaded\n");
    }

    [Test]
    public async Task FilterLoad_Json_HasTheNumbersProgramsNeed()
    {
        using var loaded = await JsonAsync("filter", "load", "7", _object);
        loaded.RootElement.GetProperty("generation").GetInt32().Should().Be(1);
        loaded.RootElement.GetProperty("instructions").GetInt32().Should().Be(2);
        loaded.RootElement.GetProperty("worst_case_instructions").GetInt32().Should().Be(2);
        using var list = await JsonAsync("filter", "list");
        var filter = list.RootElement[0];
        filter.GetProperty("filter_id").GetInt32().Should().Be(7);
        filter.GetProperty("runs").GetInt64().Should().Be(0);
        filter.GetProperty("maps")[0].GetProperty("name").GetString().Should().Be("hits");
    }

    [Test]
    public async Task FilterLoad_ReplaceKeepingMaps_SaysWhichWereKept()
    {
        await _switch.RunAsync("filter", "load", "7", _object);
        var text = await _switch.RunAsync("filter", "load", "7", _object, "--replace", "--keep-maps");
        text.Should().Contain("generation 2").And.Contain("map hits: content kept");
    }

    [Test]
    public async Task FilterLoad_Refused_IsOneTextAndExitCodeOne()
    {
        var refused = _switch.WriteFile("refused", TextObject.Bytes("refuse reads past the packet"));
        (await _switch.TryAsync("filter", "load", "7", refused)).Should().Be(new CliOutcome(ExitCode.Failure, string.Empty, "oko: reads past the packet\n"));
        await _switch.RunAsync("filter", "load", "7", _object);
        var outcome = await _switch.TryAsync("filter", "load", "7", _object);
        outcome.ExitCode.Should().Be(ExitCode.Failure);
        outcome.Errors.Should().Contain("filter 7 is loaded already");
    }

    [Test]
    public async Task Map_UpdateDumpDelete_ByNameAndIndex()
    {
        await _switch.RunAsync("filter", "load", "7", _object);
        await _switch.RunAsync("map", "update", "7", "hits", "10", "1", "hex:0b000000", "2");
        var dump = await _switch.RunAsync("map", "dump", "7", "0");
        dump.Should().StartWith("KEY").And.Contain("0a000000").And.Contain("0b000000");
        using var json = await JsonAsync("map", "dump", "7", "hits");
        json.RootElement.EnumerateArray().Select(entry => entry.GetProperty("value_hex").GetString())
            .Should().BeEquivalentTo("0100000000000000", "0200000000000000");
        await _switch.RunAsync("map", "delete", "7", "hits", "10");
        await _switch.RunAsync("map", "delete", "7", "hits", "--all");
        (await _switch.RunAsync("map", "dump", "7", "hits")).Should().Be("the map is empty\n");
    }

    [TestCase("map dump 9 hits", ExitCode.Failure, "filter 9 is not loaded")]
    [TestCase("map dump 7 misses", ExitCode.Failure, "no map 'misses'")]
    [TestCase("map update 7 hits 1 2 --existing", ExitCode.Failure, "the key is not there")]
    [TestCase("map update 7 hits nonsense 2", ExitCode.Failure, "nonsense")]
    [TestCase("map update 7 hits 1", ExitCode.Usage, "Required argument|KEY VALUE")]
    [TestCase("map update 7 hits 1 2 3", ExitCode.Usage, "the key '3' has no value")]
    [TestCase("map update 7 hits 1 2 --new --existing", ExitCode.Usage, "exclude each other")]
    [TestCase("map delete 7 hits", ExitCode.Usage, "--all")]
    [TestCase("map delete 7 hits 5", ExitCode.Failure, "is not there")]
    [TestCase("filter unload 9", ExitCode.Failure, "filter 9 is not loaded")]
    [TestCase("filter load 0 x", ExitCode.Usage, "'0' is not a filter id")]
    [TestCase("filter load 8 /nonexistent.o", ExitCode.Usage, "/nonexistent.o")]
    [TestCase("filter frob", ExitCode.Usage, "frob")]
    [TestCase("flow list --format xml", ExitCode.Usage, "allowed are table and json")]
    [TestCase("flow add priority=1,nonsense=3,actions=drop", ExitCode.Failure, "nonsense")]
    [TestCase("flow add priority=1,filter=9,actions=drop", ExitCode.Failure, "filter 9 is not loaded")]
    public async Task Command_Wrong_SaysWhatOnStandardError(string line, int exitCode, string expected)
    {
        await _switch.RunAsync("filter", "load", "7", _object);
        var outcome = await _switch.TryAsync(line.Split(' '));
        outcome.ExitCode.Should().Be(exitCode, outcome.Errors);
        outcome.Output.Should().BeEmpty();
        outcome.Errors.Should().MatchRegex(expected).And.StartWith("oko: ").And.NotContain("   at ");
    }

    [Test]
    public async Task Flow_AddListDelete_InTheSyntaxOfOvsOfctl()
    {
        await _switch.RunAsync("filter", "load", "7", _object);
        await _switch.RunAsync("flow", "add", "cookie=0xb10c,priority=100,ip,filter=7,actions=drop", "table=1,priority=5,actions=output:2");
        var list = await _switch.RunAsync("flow", "list");
        list.Should().Contain("cookie=0xb10c").And.Contain("filter=7").And.Contain("actions=drop").And.Contain("actions=output:2");
        (await _switch.RunAsync("flow", "list", "table=1")).Should().NotContain("filter=7").And.Contain("output:2");
        using var json = await JsonAsync("flow", "list", "filter=7");
        var flow = json.RootElement[0];
        flow.GetProperty("cookie").GetString().Should().Be("0xb10c");
        flow.GetProperty("packets").GetInt64().Should().Be(0);
        flow.GetProperty("filter").GetInt32().Should().Be(7);
        flow.GetProperty("actions").GetString().Should().Be("drop");
        (await _switch.TryAsync("filter", "unload", "7")).Errors.Should().Contain("1 flow entry");
        await _switch.RunAsync("flow", "del", "filter=7");
        await _switch.RunAsync("flow", "mod", "table=1,actions=drop");
        (await _switch.RunAsync("flow", "list")).Should().NotContain("output").And.Contain("table=1");
        await _switch.RunAsync("flow", "del", "--strict", "table=1,priority=5");
        (await _switch.RunAsync("flow", "list")).Should().BeEmpty();
    }

    [Test]
    public async Task FlowAdd_OneOfTwoMistyped_AddsNone()
    {
        (await _switch.TryAsync("flow", "add", "priority=1,actions=drop", "priority=x,actions=drop")).ExitCode.Should().Be(ExitCode.Failure);
        (await _switch.RunAsync("flow", "list")).Should().BeEmpty();
    }

    [Test]
    public async Task FlowList_ManyEntries_ComesInParts()
    {
        for (var first = 0; first < 5000; first += 1000)
        {
            await _switch.RunAsync([
                "flow", "add",
                .. Enumerable.Range(first, 1000).Select(i => $"priority={i + 1},udp,nw_src=10.0.{i / 250}.{i % 250},actions=output:1"),
            ]);
        }

        (await _switch.RunAsync("flow", "list")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().HaveCount(5000);
    }

    [Test]
    public async Task PortList_Ports_AreShownWithCounters()
    {
        var lines = (await _switch.RunAsync("port", "list")).Split('\n');
        lines[0].Should().StartWith("NUMBER  NAME");
        lines[1].Should().MatchRegex(@"^ +11  eth11  up +02:00:00:00:00:0b .* -  +memory$");
        using var json = await JsonAsync("port", "list");
        json.RootElement[1].GetProperty("name").GetString().Should().Be("eth12");
    }

    [TestCase("eth12")]
    [TestCase("12")]
    public async Task PortShow_ByNameOrNumber_ShowsItsCounters(string port)
    {
        (await _switch.RunAsync("port", "show", port)).Should().StartWith("port 12, eth12, ").And.Contain("send_dropped").And.NotContain("rx_ring_full");
        using var json = await JsonAsync("port", "show", port);
        json.RootElement.GetProperty("number").GetInt32().Should().Be(12);
        json.RootElement.TryGetProperty("af_xdp", out _).Should().BeFalse("a port in memory has no AF_XDP sockets");
    }

    [Test]
    public async Task PortShow_NoSuchPort_SaysHowToFindOne()
    {
        var outcome = await ManagementBench.RunLocalAsync("port", "show", "eth13", "--management", _switch.SocketPath);
        outcome.ExitCode.Should().Be(ExitCode.Failure);
        outcome.Errors.Should().Contain("eth13: the switch has no such port; `oko port list`");
    }

    [Test]
    public async Task Stats_AfterTraffic_Balance()
    {
        await _switch.RunAsync("flow", "add", "in_port=1,actions=output:2");
        _switch.Bench.Forward(1, 2, count: 3);
        using var json = await JsonAsync("stats");
        json.RootElement.GetProperty("received").GetInt64().Should().Be(3);
        json.RootElement.GetProperty("sent").GetInt64().Should().Be(3);
        json.RootElement.GetProperty("balanced").GetBoolean().Should().BeTrue();
        json.RootElement.GetProperty("datapath_id").GetString().Should().Be("00000000000000c1");
        json.RootElement.GetProperty("drops").GetProperty("table_miss").GetInt64().Should().Be(0);
        (await _switch.RunAsync("stats")).Should().Contain("balanced: every packet is accounted for").And.Contain("1 flows");
    }

    [Test]
    public async Task AnyCommand_NoSwitchThere_SaysHowToStartOne()
    {
        var outcome = await ManagementBench.RunLocalAsync("port", "list", "--management", _switch.SocketPath + ".no");
        outcome.ExitCode.Should().Be(ExitCode.Failure);
        outcome.Errors.Should().Contain("no switch listens on").And.Contain("oko run");
    }

    private async Task<JsonDocument> JsonAsync(params string[] arguments) =>
        JsonDocument.Parse(await _switch.RunAsync([.. arguments, "--format", "json"]));
}
