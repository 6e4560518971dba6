using System.Collections.Immutable;
using Oko.Agent.Benchmark;
using Oko.Datapath.Packet;
using Oko.Datapath.Tables;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Text;

namespace Oko.Agent.Tests.Benchmark;

/// <summary>Rule sets and flows for benchmarks.</summary>
public sealed class RuleGeneratorTests
{
    private const int Count = 2000;

    [Test]
    public void Generate_SameSeed_SameRules([Values] RuleClass kind)
    {
        var rules = RuleGenerator.Generate(kind, Count, seed: 7);
        Text(rules).Should().Equal(Text(RuleGenerator.Generate(kind, Count, seed: 7)));
        if (kind != RuleClass.Prefix)
        {
            Text(rules).Should().NotEqual(Text(RuleGenerator.Generate(kind, Count, seed: 8)));
        }
    }

    [Test]
    public void Generate_AnyClass_DifferentMatchesInOrderThatCanBeReadAgain([Values] RuleClass kind)
    {
        var rules = RuleGenerator.Generate(kind, Count, seed: 7);
        rules.Should().HaveCount(Count);
        rules.Select(rule => Pattern(rule.Match)).Should().OnlyHaveUniqueItems();
        rules.Select(rule => rule.Priority).Should().BeInDescendingOrder();
        foreach (var rule in rules)
        {
            var text = FlowTextFormatter.FormatMatch(rule.Match);
            FlowTextParser.ParseMatch(text).Entries.Should().BeEquivalentTo(rule.Match.Entries);
        }
    }

    [Test]
    public void Generate_ClassBenchClasses_HaveTheirShapes()
    {
        var acl = RuleGenerator.Generate(RuleClass.Acl, Count, seed: 1);
        var fw = RuleGenerator.Generate(RuleClass.Fw, Count, seed: 1);
        var ipc = RuleGenerator.Generate(RuleClass.Ipc, Count, seed: 1);
        Part(acl, NamesDestinationPort).Should().BeGreaterThan(0.6);
        Part(acl, rule => DestinationLength(rule) >= 24).Should().BeGreaterThan(0.8);
        Part(fw, rule => DestinationLength(rule) <= 16).Should().BeGreaterThan(0.25);
        Part(fw, rule => rule.Match.Find(OxmCatalogue.Ipv4Src) is null).Should().BeGreaterThan(0.3);
        Part(ipc, NamesDestinationPort).Should().BeLessThan(Part(acl, NamesDestinationPort));
        Part(ipc, rule => DestinationLength(rule) >= 24).Should().BeInRange(0.4, 0.8);
    }

    [Test]
    public void Generate_MixedClass_HasEightMasks() =>
        RuleGenerator.Generate(RuleClass.Mixed, 64, seed: 1).GroupBy(rule => (rule.Priority, Fields: string.Join(',', rule.Match.Entries.Select(entry => (entry.Field.Name, entry.Mask))))).Should().HaveCount(8);

    [Test]
    public void Next_AnyClass_HitsTheEntryItWasMadeFor([Values] RuleClass kind)
    {
        var rules = RuleGenerator.Generate(kind, Count, seed: 3);
        var patterns = rules.Select(rule => Pattern(rule.Match)).ToList();
        var sampler = new FlowSampler(rules, inPort: 1, seed: 3);
        var first = Enumerable.Range(0, Count).Select(_ => sampler.Next()).ToList();
        first.Should().OnlyContain(key => patterns.Any(pattern => pattern.Matches(key)));
        if (kind == RuleClass.Exact)
        {
            first.Select(key => patterns.FindIndex(pattern => pattern.Matches(key))).Should().OnlyHaveUniqueItems();
        }
    }

    [Test]
    public void Next_SeveralTables_FollowsThem()
    {
        FlowMod[] rules =
        [
            Flow("table=0,in_port=1,actions=write_metadata:5,goto_table:1"), Flow("table=0,priority=1,in_port=2,actions=drop"),
            Flow("table=1,metadata=5,dl_vlan=7,actions=goto_table:2"), Flow("table=2,dl_vlan=8,actions=drop"),
            Flow("table=2,dl_vlan=7,ipv6,ipv6_dst=2001:db8::/32,actions=output:3"),
        ];
        var key = new FlowSampler(rules, inPort: 1, seed: 1).Next();
        Pattern(FlowTextParser.ParseMatch("in_port=1,dl_vlan=7,ipv6,ipv6_dst=2001:db8::/32")).Matches(key).Should().BeTrue();
    }

    [Test]
    public void FlowSampler_NoEntryOfThePort_IsRefused() =>
        FluentActions.Invoking(() => new FlowSampler([Flow("in_port=2,actions=drop")], inPort: 1, seed: 1)).Should().Throw<ArgumentException>().WithMessage("*port 1*");

    private static FlowMod Flow(string text) => FlowTextParser.ParseFlow(text, FlowModCommand.Add);

    private static FlowPattern Pattern(FlowMatch match) =>
        FlowPattern.Create(match.Entries.Select(entry => new FieldMatch((FlowField)entry.Field.Number, entry.Value, entry.EffectiveMask)));

    private static double Part(IReadOnlyList<FlowMod> rules, Func<FlowMod, bool> condition) => (double)rules.Count(condition) / rules.Count;

    private static bool NamesDestinationPort(FlowMod rule) => (rule.Match.Find(OxmCatalogue.TcpDst) ?? rule.Match.Find(OxmCatalogue.UdpDst)) is not null;

    private static int DestinationLength(FlowMod rule) => (int)UInt128.PopCount(rule.Match.Find(OxmCatalogue.Ipv4Dst)?.EffectiveMask ?? 0);

    private static ImmutableArray<string> Text(IEnumerable<FlowMod> rules) =>
        [.. rules.Select(rule => $"{rule.Priority} {rule.Cookie.Value} {FlowTextFormatter.FormatMatch(rule.Match)}")];
}
