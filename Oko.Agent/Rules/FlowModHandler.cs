using Oko.Agent.Controllers;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Tables;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Rules;

/// <summary>
/// Carries out flow-mods. Each is checked to its end before anything is touched: it happens whole or not at all.
/// Control thread only.
/// </summary>
/// <remarks>
/// <para>Source: OpenFlow 1.3.5, 6.4 "Flow Table Modification Messages" and 7.3.4.1 "Modify Flow Entry Message".</para>
/// <para>OFPFF_NO_PKT_COUNTS and OFPFF_NO_BYT_COUNTS allow a switch not to count; counting costs nothing here, so entries
/// count always and the flags only come back in statistics.</para>
/// <para>No packet is ever buffered, so every buffer id but OFP_NO_BUFFER is unknown.</para>
/// </remarks>
internal sealed class FlowModHandler
{
    private const FlowModFlags KnownFlags = FlowModFlags.SendFlowRem | FlowModFlags.CheckOverlap | FlowModFlags.ResetCounts
        | FlowModFlags.NoPktCounts | FlowModFlags.NoBytCounts;

    private readonly RuleStore _rules;
    private readonly Func<long> _clock;
    private readonly Func<uint, FilterSlot?> _findFilter;
    private readonly TranslatedInstructions _instructions;
    private readonly Action<Rule, FlowRemovedReason> _removed;

    // One request at a time: these are kept from one to the next.
    private readonly List<Rule> _selected = [];
    private readonly HashSet<MatchFacts> _checkedFacts = [];

    /// <summary>Makes a handler.</summary>
    /// <param name="rules">What it changes.</param>
    /// <param name="clock">Nanoseconds of the datapath's clock.</param>
    /// <param name="findFilter">The loaded filter of an id, or null.</param>
    /// <param name="targets">What actions and instructions name.</param>
    /// <param name="removed">Is told of each rule that was removed (not replaced).</param>
    public FlowModHandler(
        RuleStore rules,
        Func<long> clock,
        Func<uint, FilterSlot?> findFilter,
        ActionTargets targets,
        Action<Rule, FlowRemovedReason> removed)
    {
        _rules = rules;
        _clock = clock;
        _findFilter = findFilter;
        _instructions = new TranslatedInstructions(rules.TableCount, targets);
        _removed = removed;
    }

    /// <summary>Carries out one flow-mod.</summary>
    /// <param name="mod">As decoded.</param>
    /// <param name="view">What the sender sees; nothing else is touched.</param>
    /// <exception cref="OpenFlowErrorException">The flow-mod is refused and nothing has changed.</exception>
    public void Apply(FlowMod mod, ConnectionView view)
    {
        CheckTable(mod);
        if ((mod.Flags & ~KnownFlags) != 0)
        {
            throw OpenFlowErrorException.FlowModFailed(FlowModFailedCode.BadFlags, $"flow-mod flags 0x{(ushort)mod.Flags:x4}: bits above 0x001f are unknown");
        }

        switch (mod.Command)
        {
            case FlowModCommand.Add:
                CheckBuffer(mod);
                Add(mod, view);
                break;
            case FlowModCommand.Modify or FlowModCommand.ModifyStrict:
                CheckBuffer(mod);
                Modify(mod, view);
                break;
            case FlowModCommand.Delete or FlowModCommand.DeleteStrict:
                Delete(mod, view);
                break;
            default:
                throw OpenFlowErrorException.FlowModFailed(FlowModFailedCode.BadCommand, $"flow-mod command {(byte)mod.Command}: allowed are 0..4");
        }

        _selected.Clear();
    }

    private void CheckTable(FlowMod mod)
    {
        var isDelete = mod.Command is FlowModCommand.Delete or FlowModCommand.DeleteStrict;
        if (mod.Table.Value >= _rules.TableCount && !(isDelete && mod.Table == TableId.All))
        {
            throw OpenFlowErrorException.FlowModFailed(
                FlowModFailedCode.BadTableId,
                $"table {mod.Table.Value}: allowed are 0..{_rules.TableCount - 1}, and ALL (255) in deletes");
        }
    }

    private static void CheckBuffer(FlowMod mod)
    {
        if (mod.Buffer != BufferId.NoBuffer)
        {
            throw OpenFlowErrorException.BadRequest(
                BadRequestCode.BufferUnknown, $"buffer 0x{mod.Buffer.Value:x8}: this switch buffers no packets, send OFP_NO_BUFFER");
        }
    }

    private void Add(FlowMod mod, ConnectionView view)
    {
        var pattern = MatchTranslator.Translate(mod.Match);
        var filter = mod.Match.FilterId is { } id ? _findFilter(id) ?? throw RuleErrors.FilterUnknown(id) : null;
        var instructions = _instructions.Translate(mod.Instructions, mod.Table.Value);
        ActionConsistency.Check(instructions, MatchFacts.Of(pattern));
        var table = _rules[mod.Table.Value];
        if (mod.Flags.HasFlag(FlowModFlags.CheckOverlap))
        {
            CheckOverlap(table, mod.Priority, pattern, view);
        }

        if (table.TryFind(new RuleKey(mod.Priority, pattern, filter?.FilterId ?? 0), out var rule))
        {
            Replace(rule, mod, instructions);
            return;
        }

        if (table.Count >= table.MaxCount)
        {
            throw OpenFlowErrorException.FlowModFailed(
                FlowModFailedCode.TableFull, $"table {mod.Table.Value} holds {table.Count} entries, its bound");
        }

        _rules.Install(new Rule
        {
            TableId = mod.Table.Value,
            Priority = mod.Priority,
            Pattern = pattern,
            Filter = filter,
            Instructions = instructions,
            SentInstructions = mod.Instructions,
            Terms = TermsOf(mod),
        });
    }

    /// <summary>
    /// "If a flow entry with identical match fields and priority already resides in the requested table, then that entry,
    /// including its duration, must be cleared from the table, and the new flow entry added. If the OFPFF_RESET_COUNTS flag is
    /// set, the flow entry counters must be cleared, otherwise they should be copied from the replaced flow entry. No
    /// flow-removed message is generated" (6.4).
    /// </summary>
    private void Replace(Rule rule, FlowMod mod, InstructionSet instructions)
    {
        _rules.SetInstructions(rule, mod.Instructions, instructions);
        if (mod.Flags.HasFlag(FlowModFlags.ResetCounts))
        {
            _rules.ResetCounters(rule);
        }

        _rules.SetTerms(rule, TermsOf(mod));
    }

    private RuleTerms TermsOf(FlowMod mod) =>
        new(new MatchBytes(mod.Match.Fields), mod.Cookie, mod.Flags, mod.IdleTimeoutSeconds, mod.HardTimeoutSeconds, _clock());

    /// <summary>"Two flow entries overlap if a single packet may match both, and both entries have the same priority" (6.4). An
    /// identical entry does too, whatever filters they name: both may say match.</summary>
    private static void CheckOverlap(RuleTable table, ushort priority, in FlowPattern pattern, ConnectionView view)
    {
        if (table.FindOverlapping(priority, pattern, rule => view.Sees(rule.FilterId)) is { } other)
        {
            throw OpenFlowErrorException.FlowModFailed(
                FlowModFailedCode.Overlap, $"an entry of priority {priority} overlaps (its cookie: 0x{other.Cookie:x})");
        }
    }

    /// <summary>"The instructions field of this entry is replaced with the value from the request, whereas its cookie,
    /// idle_timeout, hard_timeout, flags, counters and duration fields are left unchanged" (6.4). Nothing is added when nothing
    /// matches.</summary>
    private void Modify(FlowMod mod, ConnectionView view)
    {
        // Neither port nor group restrict a modify ("ignored", 7.3.4.1), whatever controllers put there.
        Select(mod, view, mod.Table.Value, PortNumber.Any, GroupId.Any);
        var instructions = _instructions.Translate(mod.Instructions, mod.Table.Value);
        _checkedFacts.Clear();
        foreach (var rule in _selected)
        {
            // What must hold the prerequisites is the match of the entry, and a non-strict request says less than that.
            var facts = MatchFacts.Of(rule.Pattern);
            if (_checkedFacts.Add(facts))
            {
                ActionConsistency.Check(instructions, facts);
            }
        }

        foreach (var rule in _selected)
        {
            _rules.SetInstructions(rule, mod.Instructions, instructions);
            if (mod.Flags.HasFlag(FlowModFlags.ResetCounts))
            {
                _rules.ResetCounters(rule);
            }
        }
    }

    private void Delete(FlowMod mod, ConnectionView view)
    {
        if (mod.Table != TableId.All)
        {
            Select(mod, view, mod.Table.Value, mod.OutPort, mod.OutGroup);
        }
        else
        {
            Select(mod, view, table: -1, mod.OutPort, mod.OutGroup);
        }

        foreach (var rule in _selected)
        {
            _rules.Remove(rule);
            _removed(rule, FlowRemovedReason.Delete);
        }
    }

    /// <summary>Fills the list of selected rules from one table, or from all when it is -1.</summary>
    private void Select(FlowMod mod, ConnectionView view, int table, PortNumber outPort, GroupId outGroup)
    {
        _selected.Clear();
        var pattern = MatchTranslator.Translate(mod.Match);
        var filterId = mod.Match.FilterId;
        var isStrict = mod.Command is FlowModCommand.ModifyStrict or FlowModCommand.DeleteStrict;
        var (first, last) = table < 0 ? (0, _rules.TableCount - 1) : (table, table);
        for (var index = first; index <= last; index++)
        {
            if (!isStrict)
            {
                _rules[index].Select(pattern, _selected);
            }
            else if (_rules[index].TryFind(new RuleKey(mod.Priority, pattern, filterId ?? 0), out var rule))
            {
                _selected.Add(rule);
            }
        }

        new RuleSelection(view, filterId, isStrict, mod.Cookie.Value, mod.CookieMask, outPort, outGroup).Narrow(_selected);
    }
}
