using System.Diagnostics;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.Testing;

namespace Oko.Agent.Tests.Controllers;

/// <summary>How long controllers wait while another one keeps the switch busy.</summary>
public class LoadTests
{
    // ONOS gives an answer of the handshake 20 s and Floodlight 10 s, OpenDaylight an echo 2 s, and os-ken ends when sending takes 5 s.
    private static readonly TimeSpan Answer = TimeSpan.FromSeconds(1), Sending = TimeSpan.FromSeconds(2);

    [Test]
    public async Task Handshake_WhileAnotherSendsManyFlowMods_IsAnsweredInASecondAndTheOtherIsRead()
    {
        await using var bench = await SwitchBench.StartAsync();
        await using var busy = await bench.ConnectAsync();
        var flood = FloodAsync(busy, 50_000);
        var rounds = 0;
        while (!flood.IsCompleted || rounds == 0)
        {
            var since = Stopwatch.GetTimestamp();
            await using var controller = await bench.ConnectAsync();
            Check("HELLO and BARRIER");
            foreach (var request in new OpenFlowMessage[]
            {
                new FeaturesRequest(), new GetConfigRequest(), new RoleRequest(ControllerRole.Equal, 0), new BarrierRequest(),
                Ask(MultipartType.PortDesc), Ask(MultipartType.Desc), Ask(MultipartType.MeterFeatures), Ask(MultipartType.GroupFeatures),
            })
            {
                since = Stopwatch.GetTimestamp();
                await controller.RequestAsync<OpenFlowMessage>(request);
                Check(request.Type.ToString());
            }

            foreach (var connection in new[] { controller, busy })
            {
                since = Stopwatch.GetTimestamp();
                var echo = await connection.RequestAsync<EchoReply>(new EchoRequest(new byte[] { 1, 2, 3 }));
                Check("ECHO_REQUEST");
                echo.Data.ToArray().Should().Equal(1, 2, 3);
            }

            rounds++;
            void Check(string what) => Stopwatch.GetElapsedTime(since).Should().BeLessThan(Answer, "{0} in round {1}", what, rounds);
        }

        (await flood).Should().BeLessThan(Sending, "the switch must go on reading");
        TestContext.Out.WriteLine($"{rounds} handshakes meanwhile");
    }

    private static MultipartRequest Ask(MultipartType type) => new(new EmptyRequest(type));

    /// <summary>Sends flow-mods as fast as they are taken; the longest time that a send took.</summary>
    private static Task<TimeSpan> FloodAsync(ControllerSimulator controller, int count) => Task.Run(async () =>
    {
        var longest = TimeSpan.Zero;
        foreach (var batch in Enumerable.Range(0, count).Chunk(100))
        {
            var bytes = batch.SelectMany(number => MessageCodec.Encode(Flow((uint)number))).ToArray();
            var since = Stopwatch.GetTimestamp();
            await controller.SendRawAsync(bytes);
            longest = new TimeSpan(Math.Max(longest.Ticks, Stopwatch.GetElapsedTime(since).Ticks));
        }

        await controller.RequestAsync<BarrierReply>(new BarrierRequest(), TimeSpan.FromSeconds(60));
        return longest;
    });

    private static FlowMod Flow(uint number) => new()
    {
        Xid = 0x10000 + number,
        Priority = 5,
        Match = new FlowMatch([new OxmEntry(OxmCatalogue.EthType, 0x0800), new OxmEntry(OxmCatalogue.Ipv4Src, 0x0A000000 + number)]),
        Instructions = [new ApplyActionsInstruction([new OutputAction(new PortNumber(2), 0)])],
    };
}
