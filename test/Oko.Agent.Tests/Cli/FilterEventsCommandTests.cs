using System.Diagnostics;
using System.Text.Json;
using Grpc.Core;
using Oko.Agent.Management.V1;
using Oko.Agent.Tests.Rules;

namespace Oko.Agent.Tests.Cli;

/// <summary>What filters write into ring buffers, as <c>oko filter events</c> and its call show it (typed.c, mapkinds.c).</summary>
public sealed class FilterEventsCommandTests
{
    private ManagementBench _switch = null!;

    [SetUp]
    public async Task SetUp()
    {
        _switch = ManagementBench.WithElfObjects();
        await _switch.LoadAsync("typed.o");
        // Every packet comes out, whether the filter says that its record was written or not.
        await _switch.RunAsync("flow", "add", "priority=5,filter=1,actions=output:2", "priority=0,actions=output:2");
    }

    [TearDown]
    public async Task TearDown() => await _switch.DisposeAsync();

    [Test]
    public async Task Records_OfATypedRingBuffer_AreText()
    {
        Forward(64);
        Forward(60);
        (await _switch.RunAsync("filter", "events", "1", "--count", "2")).Should()
            .MatchRegex("^\\d+\\.\\d{6} reports: {source=10.0.0.1,length=64,what=\"packet\"}\n\\d+\\.\\d{6} reports: hex:01000000\n$");
    }

    [Test]
    public async Task Records_AsJson_AreObjectsOnOneLineEach()
    {
        Forward(64);
        Forward(60);
        var lines = (await _switch.RunAsync("filter", "events", "1", "reports", "--count", "2", "--format", "json")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Should().HaveCount(2);
        using var typed = JsonDocument.Parse(lines[0]);
        typed.RootElement.GetProperty("value").GetProperty("source").GetString().Should().Be("10.0.0.1");
        typed.RootElement.GetProperty("value").GetProperty("length").GetInt32().Should().Be(64);
        typed.RootElement.GetProperty("text").GetString().Should().Be("{source=10.0.0.1,length=64,what=\"packet\"}");
        typed.RootElement.GetProperty("record").GetString().Should().Be("0a00000140007061636b6574");
        typed.RootElement.GetProperty("map").GetString().Should().Be("reports");
        (typed.RootElement.GetProperty("filter_id").GetInt32(), typed.RootElement.GetProperty("lost").GetInt32()).Should().Be((1, 0));
        typed.RootElement.GetProperty("time_nanoseconds").GetUInt64().Should().BePositive();
        using var other = JsonDocument.Parse(lines[1]);
        other.RootElement.GetProperty("value").GetString().Should().Be("hex:01000000");
    }

    [Test]
    public async Task Records_WithoutType_AreHexadecimal()
    {
        await _switch.LoadAsync("mapkinds.o", "--entry", "events", "--replace");
        Forward(60);
        (await _switch.RunAsync("filter", "events", "1", "--count", "2")).Should().MatchRegex("^[0-9.]+ ring: 010000003c000000\n[0-9.]+ ring: 0300000004000000\n$");
    }

    [Test]
    public async Task Records_BeyondTheRingBuffersSize_AreCountedInTheNextOne()
    {
        const int Packets = 300, Fit = 4096 / (8 + 16);
        for (var index = 0; index < Packets; index++)
        {
            Forward(64);
        }

        using var call = await WatchAsync();
        for (var index = 0; index < Fit; index++)
        {
            (await NextAsync(call)).Lost.Should().Be(0);
        }

        Forward(64);
        (await NextAsync(call)).Lost.Should().Be(Packets - Fit);
    }

    [Test]
    public async Task Records_LostBeforeOne_AreShownWithIt()
    {
        const int Fit = 4096 / (8 + 16);
        for (var index = 0; index < 300; index++)
        {
            Forward(64);
        }

        var events = _switch.RunAsync("filter", "events", "1", "--count", $"{Fit + 1}");
        while (!events.IsCompleted)
        {
            Forward(64);
        }

        var lines = (await events).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines[..^1].Should().HaveCount(Fit).And.OnlyContain(line => !line.Contains("lost"));
        lines[^1].Should().MatchRegex("length=64,what=\"packet\"} \\(\\d+ lost before it\\)$");
    }

    [Test]
    public async Task Records_ForAClientThatReadsSlowly_AreEitherReadOrCountedAsLost()
    {
        using var call = await WatchAsync();
        var (read, lost, sent) = (0ul, 0ul, 20_000ul);
        for (var index = 0ul; index < sent; index++)
        {
            Forward(64);
        }

        // Those that wait, then others, until nothing is missing at the end any more.
        var deadline = Stopwatch.StartNew();
        while (read + lost < sent)
        {
            var next = call.ResponseStream.MoveNext(default);
            while (await Task.WhenAny(next, Task.Delay(100)) != next)
            {
                deadline.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(20), "{0} read, {1} lost, {2} sent", read, lost, sent);
                Forward(64);
                sent++;
            }

            (await next).Should().BeTrue();
            (read, lost) = (read + 1, lost + call.ResponseStream.Current.Lost);
        }

        lost.Should().BePositive();
        (read + lost).Should().Be(sent);
    }

    [Test]
    public async Task Stream_OfAFilterReplacedWithItsMaps_GoesOn()
    {
        using var call = await WatchAsync();
        for (var round = 0; round < 3; round++)
        {
            Forward(64);
            await _switch.LoadAsync("typed.o", "--replace", "--keep-maps");
            Forward(60);
            var (first, second) = (await NextAsync(call), await NextAsync(call));
            (first.Text, first.Lost, second.Text, second.Lost).Should().Be(("{source=10.0.0.1,length=64,what=\"packet\"}", 0, "hex:01000000", 0));
        }
    }

    [Test]
    public async Task Stream_OfAFilterReplacedWithoutThatRingBuffer_GivesWhatIsLeftAndEnds()
    {
        using var call = await WatchAsync();
        Forward(64);
        await _switch.LoadAsync("blocklist-v3.o", "--replace");
        (await NextAsync(call)).Text.Should().Contain("length=64");
        await ExpectEndAsync(call);
    }

    [Test]
    public async Task Stream_OfAFilterThatIsUnloaded_GivesWhatIsLeftAndEnds()
    {
        using var call = await WatchAsync();
        Forward(64);
        await _switch.RunAsync("filter", "unload", "1", "--force");
        (await NextAsync(call)).Text.Should().Contain("length=64");
        await ExpectEndAsync(call);
        (await _switch.TryAsync("filter", "events", "1")).Errors.Should().Contain("filter 1 is not loaded");
    }

    [Test]
    public async Task Stream_OfASwitchThatStops_EndsAtOnceAndSaysSo()
    {
        using var call = await WatchAsync();
        await _switch.StopServingAsync();
        (await FluentActions.Awaiting(() => NextAsync(call)).Should().ThrowAsync<RpcException>()).Which.Status.Detail.Should().Be("the switch is stopping.");
    }

    private static async Task<FilterEventRecord> NextAsync(AsyncServerStreamingCall<FilterEventRecord> call)
    {
        (await call.ResponseStream.MoveNext(default).WaitAsync(ManagementBench.Patience)).Should().BeTrue();
        return call.ResponseStream.Current;
    }

    private static async Task ExpectEndAsync(AsyncServerStreamingCall<FilterEventRecord> call)
    {
        (await call.ResponseStream.MoveNext(default).WaitAsync(ManagementBench.Patience)).Should().BeFalse();
        call.GetStatus().StatusCode.Should().Be(StatusCode.OK);
    }

    private async Task<AsyncServerStreamingCall<FilterEventRecord>> WatchAsync()
    {
        var call = _switch.Client.Api.WatchEvents(new WatchEventsRequest { FilterId = 1 });
        await call.ResponseHeadersAsync.WaitAsync(ManagementBench.Patience);
        return call;
    }

    private void Forward(int size)
    {
        var frame = new byte[size];
        RuleBench.Udp().CopyTo(frame, 0);
        _switch.Bench.Send(1, frame);
        _switch.Bench.Expect(2);
    }
}
