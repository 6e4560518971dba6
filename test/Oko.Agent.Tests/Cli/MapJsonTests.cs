using System.Text.Json;
using Oko.Agent.Cli;

namespace Oko.Agent.Tests.Cli;

/// <summary>Maps read out as JSON and loaded from JSON, typed by the object (typed.c, mapkinds.c).</summary>
public sealed class MapJsonTests
{
    private const string Entry = """{"key":{"address":"10.0.0.1","port":80,"protocol":6},"value":{"name":"eth0","limits":[9007199254740993,2]}}""";

    private ManagementBench _switch = null!;

    [SetUp]
    public async Task SetUp()
    {
        _switch = ManagementBench.WithElfObjects();
        await _switch.RunAsync("filter", "load", "1", SourceTree.BpfObject("typed.o"));
        await _switch.RunAsync("filter", "load", "2", SourceTree.BpfObject("mapkinds.o"), "--entry", "percpu");
    }

    [TearDown]
    public async Task TearDown() => await _switch.DisposeAsync();

    [Test]
    public async Task Dump_OfStructs_HasObjectsWithNumbers()
    {
        await UpdateAsync("1", "table", $"[{Entry}]");
        using var dump = JsonDocument.Parse(await DumpAsync("1", "table"));
        var (key, value) = (dump.RootElement[0].GetProperty("key"), dump.RootElement[0].GetProperty("value"));
        key.GetProperty("address").GetString().Should().Be("10.0.0.1");
        key.GetProperty("port").GetInt32().Should().Be(80);
        value.GetProperty("name").GetString().Should().Be("eth0");
        value.GetProperty("blocked").GetBoolean().Should().BeFalse();
        value.GetProperty("limits")[0].GetInt64().Should().Be(9007199254740993);
        dump.RootElement[0].GetProperty("key_hex").GetString().Should().Be("0a00000100500600");
        (await _switch.RunAsync("map", "dump", "1", "table")).Should().Contain("{address=10.0.0.1,port=80,protocol=6}").And.Contain("limits=[9007199254740993,2]");
    }

    [TestCase("1", "table", Entry)]
    [TestCase("1", "table", """{"key_hex":"0a00000100500663","value":{"balance":-1}}""")]
    [TestCase("1", "counts", """{"key":1,"value":18446744073709551615}""")]
    [TestCase("1", "bare", """{"key":"hex:00010203","value":[1,2,3]}""")]
    [TestCase("2", "lpm", """{"key":{"length":8,"address":10},"value":3}""")]
    [TestCase("2", "queue", """{"value":7},{"value":8}""")]
    [TestCase("2", "perhash", """{"key":1,"value":5},{"key":2,"values":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]}""")]
    public async Task Dump_LoadedAgain_IsTheSame(string filter, string map, string entries)
    {
        await UpdateAsync(filter, map, $"[{entries}]");
        var dump = await DumpAsync(filter, map);
        await _switch.RunAsync("map", "delete", filter, map, "--all");
        (await DumpAsync(filter, map)).Should().NotBe(dump);
        await UpdateAsync(filter, map, dump);
        (await DumpAsync(filter, map)).Should().Be(dump);

        // The typed form alone says everything but padding, and the bytes alone say everything.
        foreach (var left in new[] { "hex", "typed" })
        {
            using var document = JsonDocument.Parse(dump);
            var some = document.RootElement.EnumerateArray().Select(entry => "{" + string.Join(",", entry.EnumerateObject()
                .Where(member => member.Name.EndsWith("_hex") == (left == "hex"))
                .Select(member => $"\"{member.Name}\":{member.Value.GetRawText()}")) + "}").ToList();
            await _switch.RunAsync("map", "delete", filter, map, "--all");
            await UpdateAsync(filter, map, $"[{string.Join(",", some)}]");
            (await DumpAsync(filter, map)).Should().Be(left == "hex" ? dump : dump.Replace("0663", "0600"));
        }
    }

    [Test]
    public async Task Dump_OfAnEmptyMap_IsAnEmptyArray()
    {
        (await DumpAsync("1", "table")).Should().Be("[]\n");
        await UpdateAsync("1", "table", "[]");
    }

    [Test]
    public async Task Update_FromAFileOfManyEntries_SetsThemAll()
    {
        var file = _switch.WriteFile("entries.json", JsonSerializer.SerializeToUtf8Bytes(
            Enumerable.Range(0, 1000).Select(index => new { key = new { port = index }, value = new { vlan = index } })));
        await _switch.RunAsync("map", "update", "1", "table", "--json", file, "--new");
        using var dump = JsonDocument.Parse(await DumpAsync("1", "table"));
        dump.RootElement.EnumerateArray().Should().HaveCount(1000).And.OnlyContain(entry =>
            entry.GetProperty("key").GetProperty("port").GetInt32() == entry.GetProperty("value").GetProperty("vlan").GetInt32());
        (await _switch.TryAsync("map", "update", "1", "table", "--json", file, "--new")).Errors.Should().Contain("entry 0: the key is there");
    }

    [TestCase("table", """[{"key":{"port":1},"value":{}},{"key":{"port":70000},"value":{}}]""", "filter 1, map table: entry 1: key.port: 70000 does not fit 2 bytes: 0 to 65535; nothing was changed.")]
    [TestCase("table", """[{"key":{"prot":1},"value":{}}]""", "entry 0: key.prot: there is no such member; an object {address, port, protocol} is needed")]
    [TestCase("table", """[{"key":{},"valeu":{}}]""", "entry 0: there is no member 'valeu'; an entry has key, value")]
    [TestCase("table", """[{"value":{}}]""", "entry 0: the key is missing")]
    [TestCase("table", """[{"key":{}}]""", "entry 0: the value is missing")]
    [TestCase("table", """[7]""", "entry 0: an object is needed")]
    [TestCase("table", """{"key":{},"value":{}}""", "the document: an array of entries is needed")]
    [TestCase("table", """[{"key":{},"key":{},"value":{}}]""", "the document is not JSON: Duplicate property 'key'")]
    [TestCase("table", """[{"key":{},""", "the document is not JSON: .*LineNumber: 0")]
    [TestCase("table", "", "the document is not JSON")]
    [TestCase("table", """[{"key_hex":"0a","value":{}}]""", "entry 0: key_hex: a text of 16 hex digits is needed, for 8 bytes")]
    [TestCase("counts", """[{"key":0,"value":1,"value_hex":"0200000000000000"}]""", "entry 0: value and value_hex say different things; leave one of them out")]
    [TestCase("counts", """[{"key":0,"values":[1,2]}]""", "entry 0: values: an array of 1 is needed")]
    [TestCase("counts", """[{"key":2,"value":1}]""", "entry 0: the index is out of range")]
    [TestCase("bare", """[{"key":1,"value":[1,2]}]""", "entry 0: value: an array cannot be read as 3 bytes")]
    [TestCase("reports", "[]", "does not offer update")]
    public async Task Update_OfWhatIsWrong_NamesEntryAndMemberAndChangesNothing(string map, string json, string message)
    {
        var outcome = await _switch.PipeAsync(json, "map", "update", "1", map, "--json", "-");
        (outcome.ExitCode, outcome.Output).Should().Be((ExitCode.Failure, string.Empty));
        outcome.Errors.Should().MatchRegex("^oko: .*" + message.Replace("{", "\\{").Replace("(", "\\("));
        (await DumpAsync("1", "table")).Should().Be("[]\n");
    }

    [Test]
    public async Task Update_FileThatCannotBeRead_SaysWhatWouldDo()
    {
        var outcome = await _switch.TryAsync("map", "update", "1", "table", "--json", "/nonexistent.json");
        outcome.ExitCode.Should().Be(ExitCode.Usage);
        outcome.Errors.Should().Contain("/nonexistent.json").And.Contain("map dump --format json");
        var large = _switch.WriteFile("large", new byte[(16 << 20) + 1]);
        (await _switch.TryAsync("map", "update", "1", "table", "--json", large)).Errors.Should().Contain("more than 16777216 bytes");
        (await _switch.TryAsync("map", "update", "1", "table", "1", "2", "--json", large)).ExitCode.Should().Be(ExitCode.Usage);
        (await _switch.TryAsync("map", "update", "1", "table")).ExitCode.Should().Be(ExitCode.Usage);
    }

    private Task<string> DumpAsync(string filter, string map) => _switch.RunAsync("map", "dump", filter, map, "--format", "json");

    private async Task UpdateAsync(string filter, string map, string json) =>
        (await _switch.PipeAsync(json, "map", "update", filter, map, "--json", "-")).Should().Be(new CliOutcome(ExitCode.Success, string.Empty, string.Empty));
}
