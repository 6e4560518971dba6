using Oko.Agent.Controllers;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;
using static Oko.Agent.Tests.Rules.RuleBench;

namespace Oko.Agent.Tests.Rules;

/// <summary>The filter as part of an entry's identity, and what connections that do not know it see and touch.</summary>
public class FilterRuleTests
{
    private static readonly (OxmField, ulong) FromPort1 = (OxmCatalogue.InPort, 1);

    private RuleBench _bench = null!;

    [SetUp]
    public void SetUp() => _bench = new RuleBench();

    [TearDown]
    public void TearDown() => _bench.Dispose();

    [Test]
    public void Add_WithFilters_AreEntriesOfTheirOwnAndAskedBeforeTheOneWithout()
    {
        _bench.Do(Add(5, Match(FromPort1), Output(2)));
        _bench.Do(Add(5, Filtered(2, FromPort1), Output(2)));
        _bench.Forward(1, 2);
        _bench.Do(Add(5, Filtered(1, FromPort1), Output(3)));
        _bench.Forward(1, 3);
        var counts = _bench.Stats().ToDictionary(entry => entry.Match.FilterId ?? 0, entry => entry.PacketCount);
        counts.Should().Equal(new Dictionary<uint, ulong> { [0] = 1, [1] = 1, [2] = 0 });
    }

    [Test]
    public void Add_FilterNotLoaded_FilterUnknownAndNoEntry()
    {
        var error = FluentActions.Invoking(() => _bench.Do(Add(5, Filtered(9, FromPort1), Output(2))))
            .Should().Throw<OpenFlowErrorException>().Which;
        (error.Type, error.Experimenter, error.Code).Should().Be((ErrorType.Experimenter, OkoExperimenter.Id, (ushort)OkoErrorType.FilterUnknown));
        OkoError.Parse(error.Code, error.ExperimenterData).FilterId.Should().Be(9);
        _bench.Dump().Should().BeEmpty();
    }

    [Test]
    public void NonStrict_WithoutFilter_SelectsAnyWithFilter_OnlyThat()
    {
        AddWithFilters();
        _bench.Stats(AllFlows()).Should().HaveCount(3);
        _bench.Stats(AllFlows(Filtered(1))).Should().ContainSingle().Which.Match.FilterId.Should().Be(1);
        _bench.Do(Mod(FlowModCommand.Delete, 0, Filtered(2)));
        _bench.Dump().Select(entry => entry.Filter).Should().BeEquivalentTo([null, (uint?)1]);
        _bench.Do(Mod(FlowModCommand.Delete, 0, Match(FromPort1)));
        _bench.Dump().Should().BeEmpty();
    }

    [Test]
    public void Strict_ComparesTheFilter()
    {
        AddWithFilters();
        _bench.Do(Mod(FlowModCommand.DeleteStrict, 5, Match(FromPort1)));
        _bench.Dump().Select(entry => entry.Filter).Should().Equal(1, 2);
        _bench.Do(Mod(FlowModCommand.ModifyStrict, 5, Filtered(1, FromPort1), Apply(Output(3))));
        _bench.Do(Mod(FlowModCommand.DeleteStrict, 5, Filtered(2, FromPort1)));
        _bench.Forward(1, 3);
    }

    [Test]
    public void View_ThatHides_NeitherSeesNorTouchesEntriesWithFilter()
    {
        AddWithFilters();
        var view = ConnectionView.Hidden;
        _bench.Stats(view: view).Should().ContainSingle().Which.Match.FilterId.Should().BeNull();
        Aggregate(view).FlowCount.Should().Be(1);
        _bench.Do(Mod(FlowModCommand.Modify, 0, FlowMatch.Any), view);
        _bench.Do(Mod(FlowModCommand.Delete, 0, FlowMatch.Any), view);
        _bench.Dump().Select(entry => entry.Filter).Should().Equal(1, 2);
        _bench.Stats().Should().OnlyContain(entry => !entry.Instructions.IsEmpty);
        _bench.Do(Add(5, Match(FromPort1), Output(2)) with { Flags = FlowModFlags.CheckOverlap }, view);
    }

    [Test]
    public void View_ThatStrips_SeesTheRestOfTheMatchAndTouchesIt()
    {
        AddWithFilters();
        var view = ConnectionView.Stripped;
        _bench.Stats(view: view).Should().HaveCount(3).And.OnlyContain(entry => entry.Match.Equals(Match(FromPort1)));
        Aggregate(view).FlowCount.Should().Be(3);
        _bench.Do(Mod(FlowModCommand.DeleteStrict, 5, Match(FromPort1)), view);
        _bench.Dump().Should().HaveCount(2, "strict forms compare the filter");
        _bench.Do(Mod(FlowModCommand.Delete, 0, Match(FromPort1)), view);
        _bench.Dump().Should().BeEmpty();
    }

    [Test]
    public void References_AreCountedAndForcedUnloadRemovesThem()
    {
        AddWithFilters();
        _bench.Do(Add(9, Filtered(1), Output(3)) with { Table = new TableId(7), Flags = FlowModFlags.SendFlowRem });
        References(1).Should().Be(2);
        References(2).Should().Be(1);
        References(3).Should().Be(0);
        _bench.Rules.RunAsync(() => _bench.Rules.RemoveFilterEntries(1)).Result.Should().Be(2);
        References(1).Should().Be(0);
        _bench.Dump().Select(entry => entry.Filter).Should().BeEquivalentTo([null, (uint?)2]);
        var removed = _bench.Removed.Should().ContainSingle().Subject;
        (removed.Reason, removed.Match.FilterId).Should().Be((FlowRemovedReason.Delete, (uint?)1));
        _bench.Do(Mod(FlowModCommand.Delete, 0, FlowMatch.Any));
        References(2).Should().Be(0);
    }

    private void AddWithFilters()
    {
        _bench.Do(Add(5, Match(FromPort1), Output(2)));
        _bench.Do(Add(5, Filtered(1, FromPort1), Output(2)));
        _bench.Do(Add(5, Filtered(2, FromPort1), Output(2)));
    }

    private int References(uint filterId) => _bench.Rules.RunAsync(() => _bench.Rules.CountFilterReferences(filterId)).Result;

    private AggregateStatsReply Aggregate(ConnectionView view) => _bench.Rules.RunAsync(() => _bench.Rules.GetAggregateStats(
        new AggregateStatsRequest(TableId.All, PortNumber.Any, GroupId.Any, new Cookie(0), 0, FlowMatch.Any), view)).Result;
}
