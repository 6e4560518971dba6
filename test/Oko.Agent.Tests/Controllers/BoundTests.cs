using Oko.Agent.Tests.Filters;
using Oko.OpenFlow.Channel;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.Testing;

namespace Oko.Agent.Tests.Controllers;

/// <summary>What one connection can make the switch hold.</summary>
public class BoundTests
{
    [Test]
    public async Task Requests_BeyondTheBound_WaitInTheSocketAndAreAllAnswered()
    {
        const int Count = 2000;
        using var mayVerify = new ManualResetEventSlim();
        await using var bench = await SwitchBench.StartAsync(SwitchBench.Options with { MaxWaitingBytes = 100_000 }, verify: (id, elf, entry) =>
        {
            mayVerify.Wait(TimeSpan.FromSeconds(10));
            return TextObject.Verify(id, elf, entry);
        });
        await using var controller = await bench.ConnectAsync();
        await using var other = await bench.ConnectAsync();
        await controller.SendAsync(SwitchBench.Upload(7, "1"));
        var sending = Task.Run(async () =>
        {
            for (uint xid = 1; xid <= Count; xid++)
            {
                await controller.SendRawAsync(ControllerSimulator.Frame(4, (byte)MessageType.Experimenter, xid, new byte[10_000]));
            }

            await controller.SendAsync(new BarrierRequest());
        });
        await other.BarrierAsync();
        SpinWait.SpinUntil(() => sending.IsCompleted, TimeSpan.FromMilliseconds(300)).Should().BeFalse("20 MB are far more than the bound and the socket buffers");
        await other.BarrierAsync();
        mayVerify.Set();
        await sending.WaitAsync(TimeSpan.FromSeconds(20));
        await controller.ExpectAsync<BarrierReply>(timeout: TimeSpan.FromSeconds(20));
        controller.PeekReceived().Where(frame => frame[1] == (byte)MessageType.Error).Select(ControllerSimulator.XidOf)
            .Should().Equal(Enumerable.Range(1, Count).Select(xid => (uint)xid));
    }

    [Test]
    public async Task Peer_ThatAsksForMuchAndDoesNotRead_IsDropped()
    {
        var options = SwitchBench.Options with { StallTimeout = TimeSpan.FromMilliseconds(300), Channel = new ChannelSettings { WritableBytes = 100_000 } };
        await using var bench = await SwitchBench.StartAsync(options);
        await using var controller = await bench.ConnectAsync();
        for (ushort priority = 1; priority <= 5000; priority++)
        {
            await controller.SendAsync(new FlowMod { Priority = priority });
        }

        await controller.BarrierAsync();
        await using var greedy = await bench.ConnectSilentlyAsync();
        await greedy.SendRawAsync(ControllerSimulator.Frame(4, (byte)MessageType.Hello, 1));
        var request = MessageCodec.Encode(SwitchBench.AllFlows());
        for (var i = 0; i < 50; i++)
        {
            await greedy.SendRawAsync(request);
        }

        SpinWait.SpinUntil(() => bench.Hub.ConnectionCount == 2, TimeSpan.FromSeconds(5)).Should().BeTrue();
        SpinWait.SpinUntil(() => bench.Hub.ConnectionCount == 1, TimeSpan.FromSeconds(10)).Should().BeTrue();
        (await controller.AskAsync<AggregateStatsReply>(new MultipartRequest(
            new AggregateStatsRequest(TableId.All, PortNumber.Any, GroupId.Any, new Cookie(0), 0, FlowMatch.Any)))).FlowCount.Should().Be(5000);
    }
}
