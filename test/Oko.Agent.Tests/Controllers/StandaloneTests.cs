using Oko.Agent.Controllers;
using Oko.Agent.Tests.Rules;
using Oko.OpenFlow.Messages;
using Oko.Testing;

namespace Oko.Agent.Tests.Controllers;

/// <summary>The switch without a controller.</summary>
public class StandaloneTests
{
    private static readonly ControllerOptions Standalone = SwitchBench.Options with { IsStandalone = true, StandaloneAfter = TimeSpan.FromMilliseconds(300) };
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    [Test]
    public async Task Standalone_WithoutAnyController_LearnsAtOnceAndShowsIt()
    {
        await using var bench = await SwitchBench.StartAsync(Standalone);
        await using var tool = await bench.ConnectAsync();
        var flow = (await tool.FlowsAsync()).Entries.Single();
        (flow.Priority, flow.Table.Value).Should().Be((0, 0));
        bench.Port(1).Push(RuleBench.Udp());
        bench.Port(2).Take(Patience).Should().NotBeNull();
        bench.Port(3).Take(Patience).Should().NotBeNull();
    }

    [Test]
    public async Task Secure_WithoutAnyController_AddsNothing()
    {
        await using var bench = await SwitchBench.StartAsync();
        await using var tool = await bench.ConnectAsync();
        (await tool.FlowsAsync()).Entries.Should().BeEmpty();
    }

    [Test]
    public async Task Standalone_WhenTheControllerComesAndGoes_FollowsIt()
    {
        using var listener = ControllerSimulator.Listen();
        await using var bench = await SwitchBench.StartAsync(Standalone, controllers: $"tcp:{listener.LocalEndPoint}");
        await using var tool = await bench.ConnectAsync();
        await using (var controller = await ControllerSimulator.AcceptAsync(listener))
        {
            await controller.HelloAsync();
            await controller.DoAsync(new FlowMod { Priority = 7 });
            (await tool.FlowsAsync()).Entries.Select(flow => flow.Priority).Should().Equal(7);
        }

        listener.Dispose();
        await UntilAsync(tool, priorities => priorities.SequenceEqual<ushort>([0, 7]));
    }

    [Test]
    public async Task Standalone_WhenTheControllerStaysAway_LearnsUntilItComes()
    {
        using var listener = ControllerSimulator.Listen();
        await using var bench = await SwitchBench.StartAsync(Standalone, controllers: $"tcp:{listener.LocalEndPoint}");
        await using var tool = await bench.ConnectAsync();
        await UntilAsync(tool, priorities => priorities.SequenceEqual<ushort>([0]));
        await using var controller = await ControllerSimulator.AcceptAsync(listener);
        await controller.HelloAsync();
        await UntilAsync(tool, priorities => priorities.Length == 0);
    }

    private static async Task UntilAsync(ControllerSimulator tool, Func<ushort[], bool> condition)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        ushort[] priorities;
        do
        {
            deadline.Token.ThrowIfCancellationRequested();
            await Task.Delay(20);
            priorities = [.. (await tool.FlowsAsync()).Entries.Select(flow => flow.Priority).Order()];
        }
        while (!condition(priorities));
    }
}
