using System.Net;
using Oko.Agent.Controllers;
using Oko.OpenFlow.Channel;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.Testing;

namespace Oko.Agent.Tests.Controllers;

/// <summary>Connections that come and go a thousand times leave nothing behind in the managed heap.</summary>
public sealed class FlapTests
{
    private const int Flaps = 1000;

    [Test]
    public async Task Listener_ThousandConnections_HeapIsWhatItWas()
    {
        await using var bench = await SwitchBench.StartAsync();
        await CompareHeapAsync(async count =>
        {
            for (var number = 0; number < count; number++)
            {
                await using var controller = await bench.ConnectAsync();
                await controller.RequestAsync<RoleReply>(new RoleRequest(ControllerRole.Master, 0));
            }
        });
        bench.Hub.ConnectionCount.Should().BeLessThanOrEqualTo(1);
    }

    [Test]
    public async Task Controller_KilledAThousandTimes_IsReachedEachTimeAndHeapIsWhatItWas()
    {
        using var listener = ControllerSimulator.Listen();
        var hasty = SwitchBench.Options with
        {
            Channel = new ChannelSettings { FirstRetry = TimeSpan.FromMilliseconds(1), LongestRetry = TimeSpan.FromMilliseconds(1) },
        };
        await using var bench = await SwitchBench.StartAsync(hasty, controllers: $"tcp:{(IPEndPoint)listener.LocalEndPoint!}");
        await CompareHeapAsync(async count =>
        {
            for (var number = 0; number < count; number++)
            {
                await using var controller = await ControllerSimulator.AcceptAsync(listener);
                await controller.HelloAsync();
                await controller.RequestAsync<RoleReply>(new RoleRequest(ControllerRole.Master, 0));
            }
        });
    }

    /// <summary>The heap is compared after collections, so that only what something still holds counts.</summary>
    private static async Task CompareHeapAsync(Func<int, Task> flapAsync)
    {
        await flapAsync(Flaps / 2);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await flapAsync(Flaps);
        var after = GC.GetTotalMemory(forceFullCollection: true);
        TestContext.Out.WriteLine($"{before} bytes before, {after} bytes after {Flaps} connections");
        ((double)after).Should().BeLessThanOrEqualTo(before * 1.05);
    }
}
