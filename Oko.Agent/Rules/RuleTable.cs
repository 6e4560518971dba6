using System.Diagnostics.CodeAnalysis;
using Oko.Datapath.Tables;

namespace Oko.Agent.Rules;

/// <summary>
/// The rules of one flow table, indexed for the questions that flow-mods and statistics requests ask. Control thread only.
/// </summary>
/// <remarks>
/// <para>Strict commands name one rule by priority, pattern and filter: one hash. Non-strict ones select every rule whose
/// pattern is contained in theirs. For these the rules stand in groups by mask: a group whose mask lacks a bit of the
/// request's cannot hold a selected rule and is passed by whole; a group with exactly the request's mask is asked by one
/// hash; only groups with a finer mask are walked. So "delete the flows of this address" costs the same with ten rules
/// and with 100,000 of that shape.</para>
/// <para>The order in which rules are returned is not defined.</para>
/// </remarks>
internal sealed class RuleTable
{
    private readonly HashSet<Rule> _rules = new(RulesByKey.Instance);
    private readonly HashSet<Rule>.AlternateLookup<RuleKey> _byKey;
    private readonly Dictionary<FlowMask, MaskGroup> _groups = [];

    /// <summary>Makes an empty one.</summary>
    /// <param name="maxCount">Rules that it holds at most.</param>
    public RuleTable(int maxCount)
    {
        MaxCount = maxCount;
        _byKey = _rules.GetAlternateLookup<RuleKey>();
    }

    /// <summary>Number of rules.</summary>
    public int Count => _rules.Count;

    /// <summary>Rules that it holds at most; an ADD over it is refused with TABLE_FULL.</summary>
    public int MaxCount { get; set; }

    /// <summary>All rules.</summary>
    public IEnumerable<Rule> Rules => _rules;

    /// <summary>The rule a strict command names. O(1).</summary>
    public bool TryFind(in RuleKey key, [NotNullWhen(true)] out Rule? rule) => _byKey.TryGetValue(key, out rule);

    /// <summary>Adds a rule whose key is not present. O(1).</summary>
    /// <exception cref="ArgumentException">It is present.</exception>
    public void Add(Rule rule)
    {
        if (!_rules.Add(rule))
        {
            throw new ArgumentException("the table has a rule with this priority, pattern and filter", nameof(rule));
        }

        var mask = rule.Pattern.Mask;
        if (!_groups.TryGetValue(mask, out var group))
        {
            _groups.Add(mask, group = new MaskGroup());
        }

        group.Add(rule);
    }

    /// <summary>Removes a rule that is present. O(1).</summary>
    public void Remove(Rule rule)
    {
        _rules.Remove(rule);
        var mask = rule.Pattern.Mask;
        var group = _groups[mask];
        group.Remove(rule);
        if (group.IsEmpty)
        {
            _groups.Remove(mask);
        }
    }

    /// <summary>Appends the rules whose pattern is contained in <paramref name="pattern"/> (non-strict selection).</summary>
    public void Select(in FlowPattern pattern, List<Rule> selected)
    {
        if (pattern.IsCatchAll)
        {
            selected.AddRange(_rules);
            return;
        }

        var mask = pattern.Mask;
        foreach (var (groupMask, group) in _groups)
        {
            if (groupMask.Equals(mask))
            {
                for (var rule = group.FirstOf(pattern); rule is not null; rule = rule.NextOfPattern)
                {
                    selected.Add(rule);
                }
            }
            else if (mask.IsContainedIn(groupMask))
            {
                group.SelectContained(pattern, selected);
            }
        }
    }

    /// <summary>A rule of this priority that can match a packet which also matches the pattern, or null.</summary>
    public Rule? FindOverlapping(ushort priority, in FlowPattern pattern, Func<Rule, bool> isSeen)
    {
        var mask = pattern.Mask;
        foreach (var (groupMask, group) in _groups)
        {
            if (!group.HasPriority(priority))
            {
                continue;
            }

            // Equal masks overlap only in equal patterns.
            var overlapping = groupMask.Equals(mask)
                ? group.FirstOf(pattern, priority, isSeen)
                : group.FindOverlapping(pattern, priority, isSeen);
            if (overlapping is not null)
            {
                return overlapping;
            }
        }

        return null;
    }

    /// <summary>Rules with one mask: per pattern a list linked through the rules.</summary>
    private sealed class MaskGroup
    {
        private readonly HashSet<Rule> _first = new(RulesByPattern.Instance);
        private readonly HashSet<Rule>.AlternateLookup<FlowPattern> _firstOf;
        private readonly Dictionary<ushort, int> _countOfPriority = [];

        public MaskGroup() => _firstOf = _first.GetAlternateLookup<FlowPattern>();

        public bool IsEmpty => _first.Count == 0;

        public bool HasPriority(ushort priority) => _countOfPriority.ContainsKey(priority);

        public Rule? FirstOf(in FlowPattern pattern) => _firstOf.TryGetValue(pattern, out var rule) ? rule : null;

        public Rule? FirstOf(in FlowPattern pattern, ushort priority, Func<Rule, bool> isSeen)
        {
            var rule = FirstOf(pattern);
            while (rule is not null && (rule.Priority != priority || !isSeen(rule)))
            {
                rule = rule.NextOfPattern;
            }

            return rule;
        }

        public Rule? FindOverlapping(in FlowPattern pattern, ushort priority, Func<Rule, bool> isSeen)
        {
            foreach (var first in _first)
            {
                var other = first.Pattern;
                if (other.Overlaps(pattern) && FirstOf(other, priority, isSeen) is { } rule)
                {
                    return rule;
                }
            }

            return null;
        }

        public void SelectContained(in FlowPattern pattern, List<Rule> selected)
        {
            foreach (var first in _first)
            {
                if (!pattern.Contains(first.Pattern))
                {
                    continue;
                }

                for (var rule = first; rule is not null; rule = rule.NextOfPattern)
                {
                    selected.Add(rule);
                }
            }
        }

        public void Add(Rule rule)
        {
            if (_first.TryGetValue(rule, out var first))
            {
                rule.NextOfPattern = first;
                first.PreviousOfPattern = rule;
                _first.Remove(first);
            }

            _first.Add(rule);
            _countOfPriority[rule.Priority] = _countOfPriority.GetValueOrDefault(rule.Priority) + 1;
        }

        public void Remove(Rule rule)
        {
            if (rule.NextOfPattern is { } next)
            {
                next.PreviousOfPattern = rule.PreviousOfPattern;
            }

            if (rule.PreviousOfPattern is { } previous)
            {
                previous.NextOfPattern = rule.NextOfPattern;
            }
            else
            {
                _first.Remove(rule);
                if (rule.NextOfPattern is { } newFirst)
                {
                    _first.Add(newFirst);
                }
            }

            rule.NextOfPattern = rule.PreviousOfPattern = null;
            var count = _countOfPriority[rule.Priority] - 1;
            if (count == 0)
            {
                _countOfPriority.Remove(rule.Priority);
            }
            else
            {
                _countOfPriority[rule.Priority] = count;
            }
        }
    }

    // Rules are found by what they hold themselves: a dictionary would hold priority, pattern and filter of each once more.
    private sealed class RulesByKey : IEqualityComparer<Rule>, IAlternateEqualityComparer<RuleKey, Rule>
    {
        public static RulesByKey Instance { get; } = new();

        public bool Equals(Rule? first, Rule? second) => ReferenceEquals(first, second) || (first is not null && second is not null && Equals(first.Key, second));

        public bool Equals(RuleKey key, Rule rule) =>
            key.Priority == rule.Priority && key.FilterId == (rule.FilterId ?? 0) && key.Pattern.Equals(rule.Pattern);

        public int GetHashCode(Rule rule) => GetHashCode(rule.Key);

        public int GetHashCode(RuleKey key) => HashCode.Combine(key.Priority, key.Pattern.GetHashCode(), key.FilterId);

        public Rule Create(RuleKey key) => throw new NotSupportedException("a key alone is no rule");
    }

    private sealed class RulesByPattern : IEqualityComparer<Rule>, IAlternateEqualityComparer<FlowPattern, Rule>
    {
        public static RulesByPattern Instance { get; } = new();

        public bool Equals(Rule? first, Rule? second) => ReferenceEquals(first, second) || (first is not null && second is not null && Equals(first.Pattern, second));

        public bool Equals(FlowPattern pattern, Rule rule) => pattern.Equals(rule.Pattern);

        public int GetHashCode(Rule rule) => rule.Pattern.GetHashCode();

        public int GetHashCode(FlowPattern pattern) => pattern.GetHashCode();

        public Rule Create(FlowPattern pattern) => throw new NotSupportedException("a pattern alone is no rule");
    }
}
