using Oko.Agent.Controllers;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;
using static Oko.Agent.Tests.Rules.RuleBench;

namespace Oko.Agent.Tests.Rules;

public class StatisticsTests
{
    private static readonly (OxmField, ulong) FromPort1 = (OxmCatalogue.InPort, 1);

    private RuleBench _bench = null!;

    [SetUp]
    public void SetUp() => _bench = new RuleBench();

    [TearDown]
    public void TearDown() => _bench.Dispose();

    [Test]
    public void FlowStats_Selection_ByTableMatchPortAndCookie()
    {
        _bench.Do(Add(1, Match(FromPort1), Output(2)) with { Cookie = new Cookie(0xA1) });
        _bench.Do(Add(2, FlowMatch.Any, Output(3)) with { Cookie = new Cookie(0xA2) });
        _bench.Do(Add(3, Match(FromPort1), Output(3)) with { Cookie = new Cookie(0xB3), Table = new TableId(4) });
        Priorities(AllFlows()).Should().Equal(1, 2, 3);
        Priorities(AllFlows() with { Table = new TableId(0) }).Should().Equal(1, 2);
        Priorities(AllFlows(Match(FromPort1))).Should().Equal(1, 3);
        Priorities(AllFlows() with { OutPort = new PortNumber(3) }).Should().Equal(2, 3);
        Priorities(AllFlows() with { OutGroup = GroupId.All }).Should().Equal(1, 2, 3);
        Priorities(AllFlows() with { OutGroup = new GroupId(1) }).Should().BeEmpty();
        Priorities(AllFlows() with { Cookie = new Cookie(0xA0), CookieMask = 0xF0 }).Should().Equal(1, 2);
    }

    [Test]
    public void Stats_OfATableThatIsNot_BadTableId()
    {
        FluentActions.Invoking(() => _bench.Stats(AllFlows() with { Table = new TableId(64) }))
            .Should().Throw<OpenFlowErrorException>()
            .Where(error => error.Type == ErrorType.BadRequest && error.Code == (ushort)BadRequestCode.BadTableId);
    }

    [Test]
    public void AggregateStats_SumsWhatIsSelected()
    {
        _bench.Do(Add(1, Match(FromPort1), Output(2)));
        _bench.Do(Add(1, Match((OxmCatalogue.InPort, 2)), Output(3)));
        _bench.Forward(1, 2, count: 2);
        _bench.Forward(2, 3);
        Aggregate(FlowMatch.Any).Should().Be(new AggregateStatsReply(3, 180, 2));
        Aggregate(Match(FromPort1)).Should().Be(new AggregateStatsReply(2, 120, 1));
    }

    [Test]
    public void TableStats_AllTables_WithLookupsAndMatches()
    {
        _bench.Do(Add(1, Match(FromPort1), Output(2)));
        _bench.Send(3);
        _bench.Forward(1, 2);
        var tables = _bench.Rules.RunAsync(_bench.Rules.GetTableStats).Result;
        tables.Should().HaveCount(64);
        tables[0].Should().Be(new TableStatsEntry(new TableId(0), 1, 2, 1));
        tables[63].Should().Be(new TableStatsEntry(new TableId(63), 0, 0, 0));
    }

    [Test]
    public void FlowStats_Duration_Grows()
    {
        _bench.Do(Add(1, FlowMatch.Any));
        _bench.AdvanceSeconds(12.25);
        _bench.Stats()[0].Duration.TotalSeconds.Should().BeInRange(12.25, 20);
    }

    private IEnumerable<int> Priorities(FlowStatsRequest request) => _bench.Stats(request).Select(entry => (int)entry.Priority).Order();

    private AggregateStatsReply Aggregate(FlowMatch match) => _bench.Rules.RunAsync(() => _bench.Rules.GetAggregateStats(
        new AggregateStatsRequest(TableId.All, PortNumber.Any, GroupId.Any, new Cookie(0), 0, match), ConnectionView.Everything)).Result;
}
