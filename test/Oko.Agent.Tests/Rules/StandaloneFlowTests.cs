using Oko.Agent.Rules;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Protocol;
using static Oko.Agent.Tests.Rules.RuleBench;

namespace Oko.Agent.Tests.Rules;

public class StandaloneFlowTests
{
    private RuleBench _bench = null!;
    private StandaloneFlow _standalone = null!;

    [SetUp]
    public void SetUp()
    {
        _bench = new RuleBench();
        _standalone = new StandaloneFlow(_bench.Rules);
    }

    [TearDown]
    public void TearDown() => _bench.Dispose();

    [Test]
    public void Enter_EmptySwitch_LearnsAndForwards()
    {
        Run(_standalone.Enter);
        _bench.Send(1, Udp(1, 2));
        _bench.Expect(2);
        _bench.Expect(3);
        _bench.Send(2, Udp(2, 1));
        _bench.Expect(1);
        _bench.Ports[2].Take(TimeSpan.FromMilliseconds(50)).Should().BeNull("the first packet told where the address is");
    }

    [Test]
    public void Enter_WithFilterEntryAbove_FilterGoesFirst()
    {
        Run(_standalone.Enter);
        _bench.Do(Add(10, Filtered(1)));
        _bench.Send(1);
        _bench.Ports[1].Take(TimeSpan.FromMilliseconds(50)).Should().BeNull();
    }

    [Test]
    public void Leave_GivesTheTableMissEntryBack()
    {
        var tableMiss = Add(0, FlowMatch.Any, Output(3)) with { Cookie = new Cookie(7), Flags = FlowModFlags.SendFlowRem };
        _bench.Do(tableMiss);
        _bench.Do(Add(1, Match((OxmCatalogue.InPort, 3))));
        Run(_standalone.Enter);
        Run(_standalone.Enter);
        _bench.Dump().Should().HaveCount(2);
        Run(_standalone.Leave);
        Run(_standalone.Leave);
        var entry = _bench.Stats().Single(entry => entry.Priority == 0);
        (entry.Cookie, entry.Flags).Should().Be((tableMiss.Cookie, tableMiss.Flags));
        entry.Instructions.Should().Equal(tableMiss.Instructions);
        _bench.Removed.Should().BeEmpty();
    }

    [Test]
    public void Leave_EntryReplacedMeanwhile_StaysAsItIs()
    {
        Run(_standalone.Enter);
        _bench.Do(Add(0, FlowMatch.Any, Output(3)) with { Cookie = new Cookie(9) });
        Run(_standalone.Leave);
        _bench.Stats().Should().ContainSingle().Which.Cookie.Value.Should().Be(9);
    }

    private void Run(Action action) => _bench.Rules.RunAsync(action).GetAwaiter().GetResult();
}
