using System.Collections.Immutable;
using Oko.Agent.Controllers;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Rules;

/// <summary>
/// Answers statistics requests about rules, with counters read at that moment. Control thread only; the answers are immutable
/// and share instructions with the rules.
/// </summary>
/// <remarks>Source: OpenFlow 1.3.5, 7.3.5.2 "Individual Flow Statistics", 7.3.5.3 "Aggregate Flow Statistics", 7.3.5.4
/// "Table Statistics".</remarks>
internal sealed class FlowStatistics(RuleStore rules, Oko.Datapath.Workers.Datapath datapath, Func<long> clock)
{
    /// <summary>The entries a request selects, as the connection may see them.</summary>
    /// <exception cref="OpenFlowErrorException">BadRequest/BadTableId; BadMatch as in flow-mods.</exception>
    public ImmutableArray<FlowStatsEntry> Flows(FlowStatsRequest request, ConnectionView view)
    {
        var selected = Select(
            request.Table, request.Match, request.OutPort, request.OutGroup, request.Cookie, request.CookieMask, view);
        var now = clock();
        var entries = ImmutableArray.CreateBuilder<FlowStatsEntry>(selected.Count);
        foreach (var rule in selected)
        {
            entries.Add(Describe(rule, now, view));
        }

        return entries.MoveToImmutable();
    }

    /// <summary>The sums over the entries a request selects.</summary>
    /// <exception cref="OpenFlowErrorException">BadRequest/BadTableId; BadMatch as in flow-mods.</exception>
    public AggregateStatsReply Aggregate(AggregateStatsRequest request, ConnectionView view)
    {
        var selected = Select(
            request.Table, request.Match, request.OutPort, request.OutGroup, request.Cookie, request.CookieMask, view);
        ulong packets = 0, bytes = 0;
        foreach (var rule in selected)
        {
            packets += rule.PacketCount;
            bytes += rule.ByteCount;
        }

        return new AggregateStatsReply(packets, bytes, (uint)selected.Count);
    }

    /// <summary>All tables, empty ones too.</summary>
    public ImmutableArray<TableStatsEntry> Tables()
    {
        var entries = ImmutableArray.CreateBuilder<TableStatsEntry>(rules.TableCount);
        for (var table = 0; table < rules.TableCount; table++)
        {
            var statistics = datapath.GetTableStatistics((byte)table);
            entries.Add(new TableStatsEntry(
                new TableId((byte)table), (uint)rules[table].Count, statistics.LookupCount, statistics.MatchedCount));
        }

        return entries.MoveToImmutable();
    }

    /// <summary>The message about a removed rule, with its last counters.</summary>
    public static FlowRemoved RemovedMessage(Rule rule, FlowRemovedReason reason, long now)
    {
        return new FlowRemoved
        {
            Cookie = new Cookie(rule.Cookie),
            Priority = rule.Priority,
            Reason = reason,
            Table = new TableId(rule.TableId),
            Duration = AgeOf(rule, now),
            IdleTimeoutSeconds = rule.IdleTimeoutSeconds,
            HardTimeoutSeconds = rule.HardTimeoutSeconds,
            PacketCount = rule.PacketCount,
            ByteCount = rule.ByteCount,
            Match = rule.ReadMatch(),
        };
    }

    private static TimeSpan AgeOf(Rule rule, long now) =>
        TimeSpan.FromTicks(Math.Max(0, now - rule.CreatedNanoseconds) / TimeSpan.NanosecondsPerTick);

    private static FlowStatsEntry Describe(Rule rule, long now, ConnectionView view)
    {
        return new FlowStatsEntry
        {
            Table = new TableId(rule.TableId),
            Duration = AgeOf(rule, now),
            Priority = rule.Priority,
            IdleTimeoutSeconds = rule.IdleTimeoutSeconds,
            HardTimeoutSeconds = rule.HardTimeoutSeconds,
            Flags = rule.Flags,
            Cookie = new Cookie(rule.Cookie),
            PacketCount = rule.PacketCount,
            ByteCount = rule.ByteCount,
            Match = view.Show(rule.ReadMatch()),
            Instructions = rule.SentInstructions,
        };
    }

    private List<Rule> Select(
        TableId table,
        OpenFlow.Match.FlowMatch match,
        PortNumber outPort,
        GroupId outGroup,
        Cookie cookie,
        ulong cookieMask,
        ConnectionView view)
    {
        if (table != TableId.All && table.Value >= rules.TableCount)
        {
            throw OpenFlowErrorException.BadRequest(
                BadRequestCode.BadTableId, $"table {table.Value}: allowed are 0..{rules.TableCount - 1} and ALL (255)");
        }

        var pattern = MatchTranslator.Translate(match);
        var selected = new List<Rule>();
        var (first, last) = table == TableId.All ? (0, rules.TableCount - 1) : (table.Value, table.Value);
        for (var index = first; index <= last; index++)
        {
            rules[index].Select(pattern, selected);
        }

        new RuleSelection(view, match.FilterId, IsStrict: false, cookie.Value, cookieMask, outPort, outGroup).Narrow(selected);
        return selected;
    }
}
