using Oko.Agent.Filters;
using Oko.Agent.Tests.Rules;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;
using Oko.Testing;

namespace Oko.Agent.Tests.Controllers;

/// <summary>Records that a filter writes into a ring buffer for each packet (mapkinds.c, program <c>events</c>) reach who asked for them.</summary>
public sealed class FilterEventTests
{
    private const ushort Subscribe = 1, Unsubscribe = 2;

    private SwitchBench _bench = null!;
    private ControllerSimulator _controller = null!;

    [SetUp]
    public async Task SetUp()
    {
        _bench = await SwitchBench.StartAsync(verify: FilterVerification.Verify);
        _controller = await _bench.ConnectAsync();
        await _controller.RequestAsync<FilterStatus>(Upload());
        await _controller.DoAsync(new FlowMod { Priority = 5, Match = RuleBench.Filtered(1) });
    }

    [TearDown]
    public async Task TearDown()
    {
        await _controller.DisposeAsync();
        await _bench.DisposeAsync();
    }

    [Test]
    public async Task Records_AfterSubscription_ComeInOrderToThatConnection()
    {
        await using var other = await _bench.ConnectAsync();
        var map = await RingAsync();
        (await _controller.AskAsync<MapDumpReply>(new MultipartRequest(new MapDumpRequest(1, map, Subscribe)))).Entries.Should().BeEmpty();
        var frame = RuleBench.Udp();
        _bench.Port(1).Push(frame);
        (await _controller.ExpectAsync<FilterEvent>(record => record.Record[0] == 1)).Should().BeEquivalentTo(
            new { FilterId = 1u, MapIndex = map, Lost = 0ul, Record = new byte[] { 1, 0, 0, 0, (byte)frame.Length, 0, 0, 0 } });
        (await _controller.ExpectAsync<FilterEvent>(record => record.Record[0] == 3)).Record.Should().Equal(3, 0, 0, 0, 4, 0, 0, 0);
        await other.BarrierAsync();
        other.PeekReceived().Should().NotContain(message => message[1] == 4);

        // A replaced filter goes on under the same subscription; without one nothing comes.
        await _controller.RequestAsync<FilterStatus>(Upload() with { Flags = FilterUploadFlags.Replace });
        _bench.Port(1).Push(frame);
        await _controller.ExpectAsync<FilterEvent>(record => record.Record[0] == 3);
        await _controller.AskAsync<MapDumpReply>(new MultipartRequest(new MapDumpRequest(1, map, Unsubscribe)));
    }

    [Test]
    public async Task Subscription_WithFlagsThatExcludeEachOther_IsRefused()
    {
        var map = await RingAsync();
        var error = await _controller.RefusedAsync(new MultipartRequest(new MapDumpRequest(1, map, 3)), Oko.OpenFlow.Protocol.ErrorType.Experimenter, OkoErrorType.MapOperation);
        OkoError.Parse(error.Code, error.Data).Text.Should().Contain("flags 3");
    }

    private static FilterUpload Upload()
    {
        var elf = File.ReadAllBytes(Path.Combine(SourceTree.Root, "test", "TestData", "bpf", "mapkinds.o"));
        return new FilterUpload { FilterId = 1, TotalLength = (uint)elf.Length, Data = elf, Entry = "events" };
    }

    private async Task<ushort> RingAsync()
    {
        var filter = (await _controller.AskAsync<FilterDescriptionReply>(new MultipartRequest(new FilterDescriptionRequest(1)))).Entries.Single();
        return (ushort)filter.Maps.ToList().FindIndex(map => map.Name == "ring");
    }
}
