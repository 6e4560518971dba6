namespace Oko.Agent.Rules;

/// <summary>Bounds and times of the rule manager.</summary>
public sealed record RuleManagerOptions
{
    /// <summary>Entries that one table holds at most; an ADD over it is refused with OFPFMFC_TABLE_FULL.</summary>
    public int MaxRulesPerTable { get; init; } = 1_000_000;

    /// <summary>How often timeouts are looked at: an entry goes at most this late, never early.</summary>
    public TimeSpan ExpiryInterval { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Nanoseconds of the clock that stamps rules; must be the one the datapath stamps uses with.</summary>
    public Func<long> Clock { get; init; } = () => Oko.Datapath.Workers.Datapath.NowNanoseconds;
}
