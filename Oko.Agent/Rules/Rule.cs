using System.Collections.Immutable;
using Oko.Datapath.Tables;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Protocol;

namespace Oko.Agent.Rules;

/// <summary>
/// The rule manager's record of one flow entry: what the controller said, word for word, and the entry that the worker
/// executes. Control thread only.
/// </summary>
/// <remarks>An ADD that replaces an identical entry keeps this object and its <see cref="Entry"/>; so no packet meets a
/// moment without either, and counters carry over without loss. Cookie, flags, timeouts and creation time are therefore
/// the rule's, not the entry's.</remarks>
public sealed class Rule
{
    private RuleTerms _terms;

    internal Rule(FlowEntry entry, RuleTerms terms)
    {
        Entry = entry;
        _terms = terms;
    }

    /// <summary>The entry in the datapath; its counters are live.</summary>
    public FlowEntry Entry { get; }

    /// <summary>The match as the controller sent it.</summary>
    public FlowMatch Match => Terms.Match;

    /// <summary>The instructions as the controller sent them.</summary>
    public ImmutableArray<Instruction> Instructions { get; internal set; } = [];

    /// <summary>The controller's cookie; changed by ADD only.</summary>
    public Cookie Cookie => Terms.Cookie;

    /// <summary>Flags of the ADD that made the rule.</summary>
    public FlowModFlags Flags => Terms.Flags;

    /// <summary>Seconds without a packet after which the rule expires; 0 = never.</summary>
    public ushort IdleTimeoutSeconds => Terms.IdleTimeoutSeconds;

    /// <summary>Seconds after which the rule expires; 0 = never.</summary>
    public ushort HardTimeoutSeconds => Terms.HardTimeoutSeconds;

    /// <summary>When it was added or last replaced, on the datapath's clock.</summary>
    public long CreatedNanoseconds => Terms.CreatedNanoseconds;

    /// <summary>Table of the rule.</summary>
    public TableId TableId => new(Entry.TableId);

    /// <summary>Priority of the rule.</summary>
    public ushort Priority => Entry.Priority;

    /// <summary>The header part of the match.</summary>
    public FlowPattern Pattern => Entry.Pattern;

    /// <summary>The filter named by the match, or null.</summary>
    public uint? FilterId => Entry.Filter?.FilterId;

    /// <summary>Whether the rule stands in its table.</summary>
    public bool IsInstalled { get; internal set; }

    /// <summary>What the last ADD said beside the instructions.</summary>
    internal RuleTerms Terms
    {
        get => _terms;
        set
        {
            _terms = value;
            Entry.Cookie = value.Cookie.Value;
        }
    }

    internal RuleKey Key => new(Priority, Pattern, FilterId ?? 0);

    /// <summary>The time at which it expires as things stand; <see cref="long.MaxValue"/> without timeouts.</summary>
    internal long DeadlineNanoseconds => Math.Min(HardDeadline, IdleDeadline);

    /// <summary>Whether the hard timeout is the one that comes first.</summary>
    internal bool ExpiresByHardTimeout => HardDeadline <= IdleDeadline;

    /// <summary>The deadline under which the rule waits in the <see cref="ExpiryQueue"/>; other entries of it are stale.</summary>
    internal long QueuedDeadline { get; set; } = long.MaxValue;

    /// <summary>Next rule of the same table and pattern (<see cref="RuleTable"/>).</summary>
    internal Rule? NextOfPattern { get; set; }

    /// <summary>Previous rule of the same table and pattern.</summary>
    internal Rule? PreviousOfPattern { get; set; }

    private long HardDeadline => HardTimeoutSeconds == 0
        ? long.MaxValue
        : CreatedNanoseconds + HardTimeoutSeconds * 1_000_000_000L;

    private long IdleDeadline => IdleTimeoutSeconds == 0
        ? long.MaxValue
        : Math.Max(Entry.LastUsedNanoseconds, CreatedNanoseconds) + IdleTimeoutSeconds * 1_000_000_000L;
}

/// <summary>What an ADD says of a rule beside its instructions.</summary>
/// <param name="Match">The match as the controller sent it.</param>
/// <param name="Cookie">Cookie.</param>
/// <param name="Flags">Flags.</param>
/// <param name="IdleTimeoutSeconds">Seconds without a packet; 0 = for ever.</param>
/// <param name="HardTimeoutSeconds">Seconds; 0 = for ever.</param>
/// <param name="CreatedNanoseconds">When it came, on the datapath's clock.</param>
internal readonly record struct RuleTerms(
    FlowMatch Match, Cookie Cookie, FlowModFlags Flags, ushort IdleTimeoutSeconds, ushort HardTimeoutSeconds, long CreatedNanoseconds);

/// <summary>What makes two entries of one table the same: priority, header match, filter.</summary>
/// <param name="Priority">Priority.</param>
/// <param name="Pattern">Header part of the match.</param>
/// <param name="FilterId">Filter, 0 = none.</param>
internal readonly record struct RuleKey(ushort Priority, FlowPattern Pattern, uint FilterId);
