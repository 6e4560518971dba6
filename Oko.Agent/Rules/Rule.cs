using System.Collections.Immutable;
using Oko.Datapath.Tables;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Protocol;

namespace Oko.Agent.Rules;

/// <summary>
/// A flow entry with what the rule manager keeps of it: what the controller said, word for word. Control thread only.
/// </summary>
/// <remarks>
/// <para>An ADD that replaces an identical entry keeps this object; so no packet meets a moment without either, and counters carry over
/// without loss.</para>
/// <para>There may be many, and collections copy those that are new while the workers stand still. So it is one object with the entry, the pattern and
/// the bytes that the match came in.</para>
/// </remarks>
public sealed class Rule : FlowEntry
{
    private MatchBytes _match;

    /// <summary>The instructions as the controller sent them; <see cref="FlowEntry.Instructions"/> are those that are executed.</summary>
    public ImmutableArray<Instruction> SentInstructions { get; internal set; } = [];

    /// <summary>Flags of the ADD that made the rule.</summary>
    public FlowModFlags Flags { get; private set; }

    /// <summary>Seconds without a packet after which the rule expires; 0 = never.</summary>
    public ushort IdleTimeoutSeconds { get; private set; }

    /// <summary>Seconds after which the rule expires; 0 = never.</summary>
    public ushort HardTimeoutSeconds { get; private set; }

    /// <summary>The filter named by the match, or null.</summary>
    public uint? FilterId => Filter?.FilterId;

    /// <summary>Whether the rule stands in its table.</summary>
    public bool IsInstalled { get; internal set; }

    /// <summary>What the last ADD said beside the instructions.</summary>
    internal RuleTerms Terms
    {
        get => new(_match, new Cookie(Cookie), Flags, IdleTimeoutSeconds, HardTimeoutSeconds, CreatedNanoseconds);
        set
        {
            _match = value.Match;
            Cookie = value.Cookie.Value;
            Flags = value.Flags;
            IdleTimeoutSeconds = value.IdleTimeoutSeconds;
            HardTimeoutSeconds = value.HardTimeoutSeconds;
            CreatedNanoseconds = value.CreatedNanoseconds;
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

    private long HardDeadline => HardTimeoutSeconds == 0 ? long.MaxValue : CreatedNanoseconds + (HardTimeoutSeconds * 1_000_000_000L);

    private long IdleDeadline => IdleTimeoutSeconds == 0 ? long.MaxValue : LastUsedNanoseconds + (IdleTimeoutSeconds * 1_000_000_000L);

    /// <summary>The match as the controller sent it, read anew each time.</summary>
    public FlowMatch ReadMatch() => FlowMatch.OfFields(_match.Span);
}

/// <summary>What an ADD says of a rule beside its instructions.</summary>
/// <param name="Match">The match as the controller sent it.</param>
/// <param name="Cookie">Cookie.</param>
/// <param name="Flags">Flags.</param>
/// <param name="IdleTimeoutSeconds">Seconds without a packet; 0 = for ever.</param>
/// <param name="HardTimeoutSeconds">Seconds; 0 = for ever.</param>
/// <param name="CreatedNanoseconds">When it came, on the datapath's clock.</param>
internal readonly record struct RuleTerms(
    MatchBytes Match, Cookie Cookie, FlowModFlags Flags, ushort IdleTimeoutSeconds, ushort HardTimeoutSeconds, long CreatedNanoseconds);

/// <summary>What makes two entries of one table the same: priority, header match, filter.</summary>
/// <param name="Priority">Priority.</param>
/// <param name="Pattern">Header part of the match.</param>
/// <param name="FilterId">Filter, 0 = none.</param>
internal readonly record struct RuleKey(ushort Priority, FlowPattern Pattern, uint FilterId);
