using System.Text.Json;
using Grpc.Core;
using Oko.Agent.Cli;
using Oko.Agent.Management.V1;

namespace Oko.Agent.Tests.Cli;

/// <summary>Changes of maps as <c>oko map watch</c> and its call show them (typed.c, mapkinds.c).</summary>
public sealed class MapWatchTests
{
    private ManagementBench _switch = null!;

    [SetUp]
    public async Task SetUp()
    {
        _switch = ManagementBench.WithElfObjects();
        await _switch.LoadAsync("typed.o");
    }

    [TearDown]
    public async Task TearDown() => await _switch.DisposeAsync();

    [Test]
    public async Task Watch_OfAnArray_ShowsEachChangeUntilItsCount()
    {
        var watch = _switch.RunAsync("map", "watch", "1", "counts", "--interval", "0.1", "--count", "2");
        for (var value = 1; !watch.IsCompleted; value++)
        {
            // It begins at a moment that only what it shows tells.
            await _switch.RunAsync("map", "update", "1", "counts", "1", $"{value}");
        }

        var lines = (await watch).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Should().HaveCount(2);
        lines[0].Should().MatchRegex(@"^\d+\.\d{6} changed 1: \d+ \(was \d+\)$");
        lines[1].Should().Contain($"(was {lines[0].Split(' ')[3]})");
    }

    [Test]
    public async Task Watch_Json_IsAnObjectOnEachLine()
    {
        var watch = _switch.RunAsync("map", "watch", "1", "2", "--interval", "0.1", "--count", "2", "--format", "json");
        for (var value = 1; !watch.IsCompleted; value++)
        {
            await _switch.RunAsync("map", "update", "1", "bare", $"{value % 16}", $"hex:{value:x6}");
        }

        foreach (var line in (await watch).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            using var change = JsonDocument.Parse(line);
            change.RootElement.GetProperty("change").GetString().Should().BeOneOf("added", "changed");
            change.RootElement.GetProperty("time_nanoseconds").GetUInt64().Should().BePositive();
            change.RootElement.GetProperty("value").GetString().Should().Be($"hex:{change.RootElement.GetProperty("value_hex").GetString()}");
        }
    }

    [Test]
    public async Task Changes_OfEveryKind_ComeWithTheValuesBeforeAndAfter()
    {
        using var call = await WatchAsync("table");
        await _switch.RunAsync("map", "update", "1", "table", "{10.0.0.1,80,6}", "{vlan=1}");
        var added = await call.NextAsync();
        (added.GetProperty("change").GetString(), added.GetProperty("key").GetProperty("port").GetInt32(), added.GetProperty("value").GetProperty("vlan").GetInt32())
            .Should().Be(("added", 80, 1));
        added.TryGetProperty("old_value", out _).Should().BeFalse();
        await _switch.RunAsync("map", "update", "1", "table", "{10.0.0.1,80,6}", "{vlan=2}");
        var changed = await call.NextAsync();
        (changed.GetProperty("change").GetString(), changed.GetProperty("old_value").GetProperty("vlan").GetInt32(), changed.GetProperty("value").GetProperty("vlan").GetInt32())
            .Should().Be(("changed", 1, 2));
        changed.GetProperty("old_value_hex").GetString().Should().Be(added.GetProperty("value_hex").GetString());
        await _switch.RunAsync("map", "delete", "1", "table", "{10.0.0.1,80,6}");
        var deleted = await call.NextAsync();
        (deleted.GetProperty("change").GetString(), deleted.GetProperty("key_hex").GetString(), deleted.GetProperty("old_value").GetProperty("vlan").GetInt32())
            .Should().Be(("deleted", "0a00000100500600", 2));
        deleted.TryGetProperty("value", out _).Should().BeFalse();
    }

    [Test]
    public async Task Changes_OfAReplacedFilter_GoOnUnderTheSameNameUntilItIsUnloaded()
    {
        await _switch.RunAsync("map", "update", "1", "table", "{10.0.0.1,80,6}", "{vlan=0}");
        using var call = await WatchAsync("1");
        await _switch.LoadAsync("typed.o", "--replace", "--keep-maps");
        await _switch.RunAsync("map", "update", "1", "table", "{10.0.0.2,80,6}", "{vlan=0}");
        (await call.NextAsync()).GetProperty("key").GetProperty("address").GetString().Should().Be("10.0.0.2");
        await _switch.LoadAsync("typed.o", "--replace");
        (await call.NextAsync()).GetProperty("change").GetString().Should().Be("deleted");
        (await call.NextAsync()).GetProperty("change").GetString().Should().Be("deleted");
        await _switch.RunAsync("filter", "unload", "1");
        (await call.TryNextAsync()).Should().BeNull();
        call.Status.Should().Be(StatusCode.OK);
    }

    [Test]
    public async Task Changes_ManyAtOnce_AllCome()
    {
        using var call = await WatchAsync("table");
        await _switch.RunAsync(["map", "update", "1", "table", .. Enumerable.Range(0, 1024).SelectMany(port => new[] { $"{{0,{port},0}}", "{vlan=0}" })]);
        var ports = new HashSet<int>();
        while (ports.Count < 1024)
        {
            ports.Add((await call.NextAsync()).GetProperty("key").GetProperty("port").GetInt32()).Should().BeTrue();
        }
    }

    [Test]
    public async Task Watches_MoreThanAllowed_AreRefusedUntilOneEnds()
    {
        var calls = new List<Watching>();
        for (var count = 0; count < 8; count++)
        {
            calls.Add(await WatchAsync("table"));
        }

        (await _switch.TryAsync("map", "watch", "1", "table")).Errors.Should().Contain("8 maps are watched already");
        calls[0].Dispose();
        SpinWait.SpinUntil(
            () =>
            {
                try
                {
                    calls[0] = WatchAsync("table").GetAwaiter().GetResult();
                    return true;
                }
                catch (RpcException)
                {
                    return false;
                }
            },
            ManagementBench.Patience).Should().BeTrue();
        calls.ForEach(call => call.Dispose());
    }

    [Test]
    public async Task Watch_WhenTheSwitchStops_SaysSo()
    {
        var watch = _switch.TryAsync("map", "watch", "1", "table");
        using var call = await WatchAsync("table");
        await _switch.StopServingAsync();
        var outcome = await watch.WaitAsync(ManagementBench.Patience);
        outcome.ExitCode.Should().Be(ExitCode.Failure);
        outcome.Errors.Should().MatchRegex("the switch is stopping|no switch listens");
        (await FluentActions.Awaiting(() => call.TryNextAsync()).Should().ThrowAsync<RpcException>())
            .Which.Status.Detail.Should().Be("the switch is stopping.");
    }

    [TestCase("map watch 9 table", ExitCode.Failure, "filter 9 is not loaded")]
    [TestCase("map watch 1 misses", ExitCode.Failure, "no map 'misses'")]
    [TestCase("map watch 1 reports", ExitCode.Failure, "does not offer dump")]
    [TestCase("map watch 2 queue", ExitCode.Failure, "a Queue has no keys by which entries could be compared; dump it instead")]
    [TestCase("map watch 1 table --interval 0.01", ExitCode.Usage, "--interval 0.01: allowed are 0.1 to 3600")]
    [TestCase("map watch 1 table --interval x", ExitCode.Usage, "--interval x: allowed")]
    [TestCase("map watch 1 table --count 0", ExitCode.Usage, "--count 0: allowed are 1 to")]
    [TestCase("filter events 1 --count -1", ExitCode.Usage, "--count -1: allowed are 1 to")]
    public async Task Watch_OfWhatCannotBeWatched_SaysWhy(string line, int exitCode, string message)
    {
        await _switch.RunAsync("filter", "load", "2", SourceTree.BpfObject("mapkinds.o"), "--entry", "fifo");
        var outcome = await _switch.TryAsync(line.Split(' '));
        (outcome.ExitCode, outcome.Output).Should().Be((exitCode, string.Empty), outcome.Errors);
        outcome.Errors.Should().StartWith("oko: ").And.Contain(message);
    }

    [Test]
    public async Task Watch_OfALargeMap_IsRefusedWithItsBound()
    {
        await using var other = ManagementBench.WithTextObjects();
        await other.RunAsync("filter", "load", "1", other.WriteFile("object", Filters.TextObject.Bytes("1 large:array:300000")));
        (await other.TryAsync("map", "watch", "1", "large")).Errors.Should().Contain("a copy of its 300000 entries takes 42000000 bytes; maps of up to 33554432 can be watched");
    }

    private async Task<Watching> WatchAsync(string map)
    {
        var call = _switch.Client.Api.WatchMap(new WatchMapRequest { FilterId = 1, Map = map, IntervalMilliseconds = 100, Json = true });
        await call.ResponseHeadersAsync.WaitAsync(ManagementBench.Patience);
        return new Watching(call);
    }


    /// <summary>A call that has begun, and the changes that came together with the one before.</summary>
    private sealed class Watching(AsyncServerStreamingCall<MapChanges> call) : IDisposable
    {
        private readonly Queue<string> _waiting = [];

        public StatusCode Status => call.GetStatus().StatusCode;

        /// <summary>The next change, or null at the end.</summary>
        public async Task<JsonElement?> TryNextAsync()
        {
            while (_waiting.Count == 0)
            {
                if (!await call.ResponseStream.MoveNext(default).WaitAsync(ManagementBench.Patience))
                {
                    return null;
                }

                call.ResponseStream.Current.Changes.ToList().ForEach(change => _waiting.Enqueue(change.Json));
            }

            using var change = JsonDocument.Parse(_waiting.Dequeue());
            return change.RootElement.Clone();
        }

        public async Task<JsonElement> NextAsync() => (await TryNextAsync())!.Value;

        public void Dispose() => call.Dispose();
    }
}
