using Oko.Agent.Tests.Rules;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;
using Oko.Testing;

namespace Oko.Agent.Tests.Controllers;

/// <summary>What connections see of entries with a filter. One aware connection loads filter 1 and installs two entries, the
/// other is the subject.</summary>
public class AwarenessTests
{
    private SwitchBench _bench = null!;
    private ControllerSimulator _aware = null!;

    [TearDown]
    public async Task TearDown()
    {
        await _aware.DisposeAsync();
        await _bench.DisposeAsync();
    }

    [Test]
    public async Task Listener_WithoutOption_ShowsEntriesWithoutTheField()
    {
        await using var tool = await StartAsync("ptcp:0:127.0.0.1");
        var flows = (await tool.FlowsAsync()).Entries;
        flows.Select(flow => flow.Priority).Should().BeEquivalentTo([10, 20]);
        flows.Should().OnlyContain(flow => flow.Match.FilterId == null);
        await DeleteAllAsync(tool);
        (await _aware.FlowsAsync()).Entries.Should().BeEmpty();
        (await tool.ExpectAsync<FlowRemoved>(removed => removed.Priority == 20)).Match.Should().Be(RuleBench.Match((OxmCatalogue.InPort, 1)));
        (await _aware.ExpectAsync<FlowRemoved>(removed => removed.Priority == 20)).Match.FilterId.Should().Be(1);
    }

    [Test]
    public async Task Listener_ThatHides_ShowsAndTouchesNothingOfThem()
    {
        await using var tool = await StartAsync("ptcp:0:127.0.0.1?oko=hide");
        (await tool.FlowsAsync()).Entries.Select(flow => flow.Priority).Should().Equal(10);
        await DeleteAllAsync(tool);
        var left = (await _aware.FlowsAsync()).Entries;
        (left.Single().Priority, left.Single().Match.FilterId).Should().Be((20, 1u));
        await DeleteAllAsync(_aware);
        await _aware.ExpectAsync<FlowRemoved>(removed => removed.Priority == 20);
        await tool.BarrierAsync();
        (await tool.ExpectAsync<FlowRemoved>()).Priority.Should().Be(10);
        tool.PeekReceived().Should().NotContain(frame => frame[1] == (byte)MessageType.FlowRemoved);
    }

    [Test]
    public async Task Listener_SaidToBeAware_ShowsTheFieldAtOnce()
    {
        await using var tool = await StartAsync("ptcp:0:127.0.0.1?oko=aware");
        (await tool.FlowsAsync()).Entries.Select(flow => flow.Match.FilterId).Should().BeEquivalentTo([null, (uint?)1]);
    }

    [Test]
    public async Task Listener_ThatStrips_DoesSoWhateverThePeerSends()
    {
        await using var tool = await StartAsync("ptcp:0:127.0.0.1?oko=strip");
        await tool.AskAsync<FilterDescriptionReply>(new MultipartRequest(new FilterDescriptionRequest(OkoExperimenter.AllFilters)));
        (await tool.FlowsAsync()).Entries.Should().OnlyContain(flow => flow.Match.FilterId == null);
    }

    [Test]
    public async Task Controller_WithoutOption_SeesNothingOfThemUntilItUsesTheExtension()
    {
        using var listener = ControllerSimulator.Listen();
        await using (await StartAsync("ptcp:0:127.0.0.1", $"tcp:{listener.LocalEndPoint}"))
        {
            await using var controller = await ControllerSimulator.AcceptAsync(listener);
            await controller.HelloAsync();
            (await controller.FlowsAsync()).Entries.Select(flow => flow.Priority).Should().Equal(10);
            (await controller.FlowsAsync(RuleBench.Filtered(1))).Entries.Select(flow => flow.Priority).Should().Equal(20);
            (await controller.FlowsAsync()).Entries.Select(flow => flow.Match.FilterId).Should().BeEquivalentTo([null, (uint?)1]);
        }
    }

    [Test]
    public async Task FirstOwnMessage_ThatIsRefused_GetsOurErrorAndMakesAware()
    {
        await using var tool = await StartAsync("ptcp:0:127.0.0.1");
        var error = await tool.RefusedAsync(new FlowMod { Priority = 5, Match = RuleBench.Filtered(99) }, ErrorType.Experimenter, OkoErrorType.FilterUnknown);
        error.Experimenter.Should().Be(OkoExperimenter.Id);
        OkoError.Parse(error.Code, error.Data).FilterId.Should().Be(99);
        (await tool.FlowsAsync()).Entries.Should().Contain(flow => flow.Match.FilterId == 1);
    }

    [Test]
    public async Task FirstOwnMessage_ThatIsMalformed_MakesAwareAllTheSame()
    {
        await using var tool = await StartAsync("ptcp:0:127.0.0.1");
        var bytes = MessageCodec.Encode(new FlowMod { Priority = 5, Match = RuleBench.Filtered(0xFFFFFFFF), Xid = 8 });
        await tool.SendRawAsync(bytes);
        (await tool.ExpectAsync<ErrorMessage>()).ErrorType.Should().Be(ErrorType.BadMatch);
        (await tool.FlowsAsync()).Entries.Should().Contain(flow => flow.Match.FilterId == 1);
    }

    [Test]
    public async Task Cookie_ThatLooksLikeOurId_DoesNotMakeAware()
    {
        await using var tool = await StartAsync("ptcp:0:127.0.0.1");
        await tool.DoAsync(new FlowMod { Xid = 0xFFFF0000, Cookie = new Cookie(0x4F4B4F00_4F4B4F00), Priority = 5 });
        (await tool.FlowsAsync()).Entries.Should().OnlyContain(flow => flow.Match.FilterId == null);
    }

    private static Task DeleteAllAsync(ControllerSimulator controller) =>
        controller.DoAsync(new FlowMod { Command = FlowModCommand.Delete, Table = TableId.All });

    private async Task<ControllerSimulator> StartAsync(string listener, params string[] controllers)
    {
        _bench = await SwitchBench.StartAsync(listener: listener, controllers: controllers);
        _aware = await _bench.ConnectAwareAsync();
        await _aware.RequestAsync<FilterStatus>(SwitchBench.Upload(1, "1"));
        await _aware.DoAsync(
            new FlowMod { Priority = 10, Flags = FlowModFlags.SendFlowRem, Match = RuleBench.Match((OxmCatalogue.InPort, 1)) },
            new FlowMod { Priority = 20, Flags = FlowModFlags.SendFlowRem, Match = RuleBench.Filtered(1, (OxmCatalogue.InPort, 1)) });
        return await _bench.ConnectAsync();
    }
}
