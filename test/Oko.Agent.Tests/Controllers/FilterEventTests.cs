using Oko.Agent.Filters;
using Oko.Agent.Tests.Rules;
using Oko.OpenFlow.Channel;
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

    [Test]
    public async Task Records_OfAFilterReplacedWithItsMaps_GoOnComingWithoutLoss()
    {
        await SubscribeAsync(_controller);
        for (var round = 0; round < 3; round++)
        {
            _bench.Port(1).Push(RuleBench.Udp());
            (await _controller.ExpectAsync<FilterEvent>(record => record.Record[0] == 3)).Lost.Should().Be(0);
            (await _controller.RequestAsync<FilterStatus>(Upload() with { Flags = FilterUploadFlags.Replace | FilterUploadFlags.KeepMaps })).MapsKept.Should().BePositive();
        }
    }

    [Test]
    public async Task Records_AfterTheEndOfASubscription_StayForTheNextOne()
    {
        var map = await SubscribeAsync(_controller);
        await _controller.AskAsync<MapDumpReply>(new MultipartRequest(new MapDumpRequest(1, map, Unsubscribe)));
        await using (var leaving = await _bench.ConnectAsync())
        {
            await SubscribeAsync(leaving);
        }

        SpinWait.SpinUntil(() => _bench.Hub.ConnectionCount == 1, TimeSpan.FromSeconds(5)).Should().BeTrue();
        await _controller.BarrierAsync();
        _bench.Port(1).Push(RuleBench.Udp());
        await using var next = await _bench.ConnectAsync();
        await SubscribeAsync(next);
        await next.ExpectAsync<FilterEvent>(record => record.Record[0] == 3);
        _controller.PeekReceived().Should().NotContain(message => message[1] == 4);
    }

    [Test]
    public async Task Records_OfAnUnloadedFilter_EndAndCanBeHadNoMore()
    {
        var map = await SubscribeAsync(_controller);
        await _controller.DoAsync(new FilterUnload(1, Force: true));
        await _controller.RefusedAsync(new MultipartRequest(new MapDumpRequest(1, map, Subscribe)), Oko.OpenFlow.Protocol.ErrorType.Experimenter, OkoErrorType.FilterUnknown);
    }

    [Test]
    public async Task Records_LongerThanAMessage_AreCountedAsLost()
    {
        await _controller.RequestAsync<FilterStatus>(Upload("largerecord.o", string.Empty) with { Flags = FilterUploadFlags.Replace });
        await SubscribeAsync(_controller);
        for (var round = 0; round < 2; round++)
        {
            _bench.Port(1).Push(RuleBench.Udp());
            (await _controller.ExpectAsync<FilterEvent>()).Should().BeEquivalentTo(new { Lost = 1ul, Record = new byte[] { 7, 0, 0, 0 } });
        }
    }

    [Test]
    public async Task Records_ForAConnectionThatDoesNotRead_AreCountedAsLostAndComeAgainWhenItReads()
    {
        // 24 MB, far more than sockets hold.
        const int Packets = 400;
        await using var bench = await SwitchBench.StartAsync(
            SwitchBench.Options with { Channel = new ChannelSettings { EchoAfter = TimeSpan.FromMinutes(10) } }, verify: FilterVerification.Verify);
        await using var controller = await bench.ConnectAsync();
        await controller.RequestAsync<FilterStatus>(Upload("largerecord-60000.o", string.Empty));
        await controller.DoAsync(new FlowMod { Priority = 5, Match = RuleBench.Filtered(1) });
        await using var slow = await bench.ConnectSilentlyAsync();
        await slow.SendRawAsync(ControllerSimulator.Frame(4, (byte)Oko.OpenFlow.Protocol.MessageType.Hello, 1));
        await slow.SendAsync(new MultipartRequest(new MapDumpRequest(1, 0, Subscribe)));
        await SubscribeAsync(controller);
        for (var sent = 0; sent < Packets; sent++)
        {
            // What one of them has got the other was offered: the ring buffer does not fill up, and nothing is lost there.
            bench.Port(1).Push(RuleBench.Udp());
            (await controller.ExpectAsync<FilterEvent>()).Lost.Should().Be(0);
            (await controller.ExpectAsync<FilterEvent>()).Record.Should().HaveCount(4);
        }

        slow.StartReading();
        await slow.ExpectAsync<MultipartReply>();
        var (seen, lost, written) = (0ul, 0ul, 2ul * Packets);
        while (seen + lost < written)
        {
            try
            {
                lost += (await slow.ExpectAsync<FilterEvent>(timeout: TimeSpan.FromMilliseconds(500))).Lost;
                seen++;
            }
            catch (TimeoutException) when (written < 3 * Packets && !slow.IsClosedByPeer)
            {
                // The last ones were lost; what comes next tells.
                bench.Port(1).Push(RuleBench.Udp());
                written += 2;
            }
        }

        lost.Should().BePositive();
        (seen + lost).Should().Be(written);
    }

    private static FilterUpload Upload(string name = "mapkinds.o", string entry = "events")
    {
        var elf = File.ReadAllBytes(SourceTree.BpfObject(name));
        return new FilterUpload { FilterId = 1, TotalLength = (uint)elf.Length, Data = elf, Entry = entry };
    }

    private static async Task<ushort> SubscribeAsync(ControllerSimulator controller, string name = "ring")
    {
        var map = await FindMapAsync(controller, name);
        await controller.AskAsync<MapDumpReply>(new MultipartRequest(new MapDumpRequest(1, map, Subscribe)));
        return map;
    }

    private static async Task<ushort> FindMapAsync(ControllerSimulator controller, string name)
    {
        var filter = (await controller.AskAsync<FilterDescriptionReply>(new MultipartRequest(new FilterDescriptionRequest(1)))).Entries.Single();
        return (ushort)filter.Maps.ToList().FindIndex(map => map.Name == name);
    }

    private Task<ushort> RingAsync() => FindMapAsync(_controller, "ring");
}
