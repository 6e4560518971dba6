using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Oko.Datapath.Pipeline;
using Oko.OpenFlow.Instructions;

namespace Oko.Agent.Rules;

/// <summary>
/// All rules of the switch: the tables, the watch for timeouts and the references to filters; each change goes to the datapath
/// at once. Control thread only.
/// </summary>
internal sealed class RuleStore
{
    private readonly Oko.Datapath.Workers.Datapath _datapath;
    private readonly ChangeJournal _journal;
    private readonly RuleTable[] _tables;
    private readonly ExpiryQueue _expiry = new();
    private readonly Dictionary<uint, int> _filterReferences = [];

    public RuleStore(Oko.Datapath.Workers.Datapath datapath, int maxRulesPerTable, ChangeJournal journal)
    {
        _datapath = datapath;
        _journal = journal;
        _tables = new RuleTable[datapath.TableCount];
        for (var table = 0; table < _tables.Length; table++)
        {
            _tables[table] = new RuleTable(maxRulesPerTable);
        }
    }

    /// <summary>Number of tables; ids run from 0.</summary>
    public int TableCount => _tables.Length;

    /// <summary>Which rules send packets to a group.</summary>
    public UserIndex<Rule> UsersOfGroup { get; } = new();

    /// <summary>Which rules send packets through a meter.</summary>
    public UserIndex<Rule> UsersOfMeter { get; } = new();

    /// <summary>The rules of a table, for reading.</summary>
    public RuleTable this[int table] => _tables[table];

    /// <summary>Puts a rule in force. Its key must be free.</summary>
    public void Install(Rule rule)
    {
        _tables[rule.TableId].Add(rule);
        rule.IsInstalled = true;
        if (rule.FilterId is { } filter)
        {
            _filterReferences[filter] = ReferencesTo(filter) + 1;
        }

        NoteTargets(rule);
        _datapath.AddEntry(rule);
        _expiry.Watch(rule);
        if (_journal.IsOpen)
        {
            NoteInstalled(rule);
        }
    }

    /// <summary>Takes a rule out of force.</summary>
    public void Remove(Rule rule)
    {
        _tables[rule.TableId].Remove(rule);
        rule.IsInstalled = false;
        if (rule.FilterId is { } filter)
        {
            var left = ReferencesTo(filter) - 1;
            if (left == 0)
            {
                _filterReferences.Remove(filter);
            }
            else
            {
                _filterReferences[filter] = left;
            }
        }

        ForgetTargets(rule);
        _datapath.RemoveEntry(rule);
        _expiry.Forget(rule);
        if (_journal.IsOpen)
        {
            NoteRemoved(rule);
        }
    }

    /// <summary>Gives an installed rule other instructions.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="instructions">As the controller sent them.</param>
    /// <param name="translated">As the worker executes them.</param>
    public void SetInstructions(Rule rule, ImmutableArray<Instruction> instructions, InstructionSet translated)
    {
        if (_journal.IsOpen)
        {
            NoteInstructions(rule);
        }

        ForgetTargets(rule);
        rule.SentInstructions = instructions;
        rule.SetInstructions(translated);
        NoteTargets(rule);
    }

    /// <summary>Counts the packets of an installed rule from 0 again.</summary>
    public void ResetCounters(Rule rule)
    {
        if (_journal.IsOpen)
        {
            NoteCounters(rule);
        }

        rule.ResetCounters();
    }

    /// <summary>Gives an installed rule all that an ADD says beside match and instructions.</summary>
    public void SetTerms(Rule rule, RuleTerms terms)
    {
        if (_journal.IsOpen)
        {
            NoteTerms(rule);
        }

        rule.Terms = terms;
        _expiry.Watch(rule);
    }

    /// <summary>Takes the next rule whose time is over off the watch; it is still installed.</summary>
    public bool TryTakeExpired(long nowNanoseconds, [NotNullWhen(true)] out Rule? rule)
    {
        rule = _expiry.TakeExpired(nowNanoseconds);
        return rule is not null;
    }

    /// <summary>Number of rules that name a filter.</summary>
    public int ReferencesTo(uint filterId) => _filterReferences.GetValueOrDefault(filterId);

    /// <summary>The rules that name a filter. Walks all rules when there is one.</summary>
    public List<Rule> RulesOfFilter(uint filterId)
    {
        var rules = new List<Rule>(ReferencesTo(filterId));
        for (var table = 0; table < _tables.Length && rules.Count < ReferencesTo(filterId); table++)
        {
            rules.AddRange(_tables[table].Rules.Where(rule => rule.FilterId == filterId));
        }

        return rules;
    }

    // Apart from the methods above, whose callers would else pay for the closures on every change.
    private void NoteInstalled(Rule rule) => _journal.NoteInverse(() => Remove(rule));

    private void NoteRemoved(Rule rule) => _journal.NoteInverse(() => Install(rule));

    private void NoteInstructions(Rule rule)
    {
        var (before, translated) = (rule.SentInstructions, rule.Instructions);
        _journal.NoteInverse(() => SetInstructions(rule, before, translated));
    }

    private void NoteCounters(Rule rule)
    {
        var (packets, bytes) = (rule.PacketCount, rule.ByteCount);
        _journal.NoteInverse(() => rule.SetCounters(packets, bytes));
    }

    private void NoteTerms(Rule rule)
    {
        var before = rule.Terms;
        _journal.NoteInverse(() => SetTerms(rule, before));
    }

    private void NoteTargets(Rule rule)
    {
        var instructions = rule.Instructions;
        if (instructions.Meter is { } meter)
        {
            UsersOfMeter.Add(meter.Id, rule);
        }

        foreach (var group in instructions.Groups)
        {
            UsersOfGroup.Add(group.Id, rule);
        }
    }

    private void ForgetTargets(Rule rule)
    {
        var instructions = rule.Instructions;
        if (instructions.Meter is { } meter)
        {
            UsersOfMeter.Remove(meter.Id, rule);
        }

        foreach (var group in instructions.Groups)
        {
            UsersOfGroup.Remove(group.Id, rule);
        }
    }
}
