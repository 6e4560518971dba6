using System.Collections.Immutable;
using Oko.Agent.Controllers;
using Oko.Agent.Rules.Groups;
using Oko.Agent.Rules.Meters;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Ports;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Rules;

/// <summary>
/// The only writer of the switch's state: the control thread, the flow tables as controllers know them, and their way into the
/// datapath. Methods that read or change rules run on the control thread (<see cref="RunAsync{T}"/>, <see cref="Post"/>), all
/// else on any.
/// </summary>
/// <remarks>Before <see cref="Start"/> the one thread that sets the switch up may call everything directly.</remarks>
public sealed class RuleManager : IDisposable
{
    private readonly Oko.Datapath.Workers.Datapath _datapath;
    private readonly RuleManagerOptions _options;
    private readonly ILogger _log;
    private readonly ControlThread _control;
    private readonly ChangeJournal _journal = new();
    private readonly RuleStore _rules;
    private readonly FlowModHandler _flowMods;
    private readonly GroupTable _groups;
    private readonly MeterTable _meters;
    private readonly FlowStatistics _statistics;
    private readonly PacketOutHandler _packetOuts;

    /// <summary>Makes a rule manager with empty tables.</summary>
    /// <param name="datapath">Where rules are put in force; owned by the caller.</param>
    /// <param name="options">Bounds and times.</param>
    /// <param name="log">For work items that fail.</param>
    public RuleManager(Oko.Datapath.Workers.Datapath datapath, RuleManagerOptions options, ILogger<RuleManager> log)
    {
        _datapath = datapath;
        _log = log;
        _options = options;
        _control = new ControlThread("oko-control", log);
        _rules = new RuleStore(datapath, options.MaxRulesPerTable, _journal);
        var targets = new ActionTargets(id => _groups!.Find(id), id => _meters!.Find(id), id => datapath.Ports.Any(port => id < port.QueueCount));
        _groups = new GroupTable(_rules, _journal, targets, options.Clock, OnRemoved);
        _meters = new MeterTable(_rules, _journal, datapath, options.Clock, OnRemoved);
        _flowMods = new FlowModHandler(_rules, options.Clock, id => FindFilter(id), targets, OnRemoved);
        _statistics = new FlowStatistics(_rules, datapath, options.Clock);
        _packetOuts = new PacketOutHandler(datapath, _journal, targets);
        _control.AddPeriodic(options.ExpiryInterval, ExpireRules);
    }

    /// <summary>A rule with OFPFF_SEND_FLOW_REM is gone; the message still has to be fitted to each connection
    /// (<see cref="ConnectionView"/>) and its xid. Raised on the control thread.</summary>
    public event Action<FlowRemoved>? RuleRemoved;

    /// <summary>Finds a loaded filter by its id, null if there is none; called on the control thread. Set once before
    /// <see cref="Start"/>; without it no filter exists.</summary>
    public Func<uint, FilterSlot?> FindFilter { get; set; } = _ => null;

    /// <summary>Number of flow tables.</summary>
    public int TableCount => _rules.TableCount;

    /// <summary>Entries that any table may hold at most.</summary>
    public int MaxRulesPerTable => _options.MaxRulesPerTable;

    /// <summary>Entries that a table holds, and the most it may hold as it is configured.</summary>
    public (int Count, int MaxCount) GetCapacity(int table)
    {
        _control.VerifyAccess();
        return (_rules[table].Count, _rules[table].MaxCount);
    }

    /// <summary>Configures the most entries that a table may hold.</summary>
    public void SetCapacity(int table, int maxCount)
    {
        _control.VerifyAccess();
        _rules[table].MaxCount = maxCount;
    }

    /// <inheritdoc cref="Oko.Datapath.Workers.Datapath.DropsFragments"/>
    public bool DropsFragments
    {
        get => _datapath.DropsFragments;
        set => _datapath.DropsFragments = value;
    }

    /// <summary>Work items waiting for the control thread; who reads from a socket stops above a bound of his own.</summary>
    public int PendingCount => _control.PendingCount;

    /// <summary>Packet-outs lost since the worker's queue was full.</summary>
    public long DroppedPacketOuts => _packetOuts.Dropped;

    /// <summary>Adds work for the control thread to do every <paramref name="interval"/>. Before <see cref="Start"/>.</summary>
    public void AddPeriodic(TimeSpan interval, Action work) => _control.AddPeriodic(interval, work);

    /// <summary>Starts the control thread.</summary>
    public void Start() => _control.Start();

    /// <inheritdoc cref="ControlThread.RunAsync{T}"/>
    public Task<T> RunAsync<T>(Func<T> function) => _control.RunAsync(function);

    /// <inheritdoc cref="ControlThread.RunAsync(Action)"/>
    public Task RunAsync(Action action) => _control.RunAsync(action);

    /// <inheritdoc cref="ControlThread.Post"/>
    public bool Post(Action item) => _control.Post(item);

    /// <inheritdoc cref="ControlThread.RunOrPost"/>
    public void RunOrPost(Action item) => _control.RunOrPost(item);

    /// <summary>Carries out a flow-mod, whole or not at all. Microseconds, but for non-strict forms that select many.</summary>
    /// <param name="mod">As decoded.</param>
    /// <param name="view">What the sender sees; nothing else is touched.</param>
    /// <exception cref="OpenFlowErrorException">It is refused and nothing has changed.</exception>
    public void ApplyFlowMod(FlowMod mod, ConnectionView view)
    {
        _control.VerifyAccess();
        _flowMods.Apply(mod, view);
    }

    /// <summary>Carries out a group-mod, whole or not at all.</summary>
    /// <exception cref="OpenFlowErrorException">It is refused and nothing has changed.</exception>
    public void ApplyGroupMod(GroupMod mod)
    {
        _control.VerifyAccess();
        _groups.Apply(mod);
    }

    /// <summary>Carries out a meter-mod, whole or not at all.</summary>
    /// <exception cref="OpenFlowErrorException">It is refused and nothing has changed.</exception>
    public void ApplyMeterMod(MeterMod mod)
    {
        _control.VerifyAccess();
        _meters.Apply(mod);
    }

    /// <summary>
    /// Makes several changes as one: a packet meets all of them or none, and when one is refused none has happened. What cannot be
    /// undone (packet-outs, messages to controllers) happens after the last.
    /// </summary>
    /// <remarks>The worker stands still meanwhile, some microseconds for each change; packets wait in the ports' rings.</remarks>
    /// <param name="changes">Makes the changes; the first exception ends it and comes back to the caller.</param>
    public void ApplyTogether(Action changes)
    {
        _control.VerifyAccess();
        _datapath.RunPaused(() =>
        {
            _journal.Open();
            try
            {
                changes();
            }
            catch
            {
                _journal.RollBack();
                throw;
            }
        });
        _journal.Keep();
    }

    /// <summary>Sets the OFPPC_* bits of a port and says so to those who listen.</summary>
    /// <param name="port">The port.</param>
    /// <param name="bits">All bits.</param>
    /// <param name="changed">Is called when the change is sure to stay.</param>
    public void SetPortConfig(Port port, uint bits, Action changed)
    {
        _control.VerifyAccess();
        var before = port.ConfigBits;
        _journal.NoteInverse(() => port.ConfigBits = before);
        port.ConfigBits = bits;
        _journal.WhenKept(changed);
    }

    /// <summary>Checks a packet-out and queues it for the worker.</summary>
    /// <exception cref="OpenFlowErrorException">It is refused.</exception>
    public void SendPacketOut(PacketOut message)
    {
        _control.VerifyAccess();
        _packetOuts.Send(message);
    }

    /// <summary>Returns when the worker runs on tables that include all changes so far: what a barrier reply promises.</summary>
    public void Synchronize()
    {
        _control.VerifyAccess();
        _datapath.Synchronize();
    }

    /// <summary>The entries that a request selects, with fresh counters, as the connection may see them.</summary>
    /// <exception cref="OpenFlowErrorException">BadRequest/BadTableId; BadMatch as in flow-mods.</exception>
    public ImmutableArray<FlowStatsEntry> GetFlowStats(FlowStatsRequest request, ConnectionView view)
    {
        _control.VerifyAccess();
        return _statistics.Flows(request, view);
    }

    /// <summary>The sums over the entries that a request selects.</summary>
    /// <exception cref="OpenFlowErrorException">BadRequest/BadTableId; BadMatch as in flow-mods.</exception>
    public AggregateStatsReply GetAggregateStats(AggregateStatsRequest request, ConnectionView view)
    {
        _control.VerifyAccess();
        return _statistics.Aggregate(request, view);
    }

    /// <summary>Statistics of a group, or of all; none for a group that is not there.</summary>
    public ImmutableArray<GroupStatsEntry> GetGroupStats(GroupId group)
    {
        _control.VerifyAccess();
        return _groups.Statistics(group);
    }

    /// <summary>All groups, as they were configured.</summary>
    public ImmutableArray<GroupDescription> GetGroups()
    {
        _control.VerifyAccess();
        return _groups.Describe();
    }

    /// <summary>Statistics of a meter, or of all.</summary>
    /// <exception cref="OpenFlowErrorException">MeterModFailed/UnknownMeter.</exception>
    public ImmutableArray<MeterStatsEntry> GetMeterStats(MeterId meter)
    {
        _control.VerifyAccess();
        return _meters.Statistics(meter);
    }

    /// <summary>A meter, or all, as they were configured.</summary>
    /// <exception cref="OpenFlowErrorException">MeterModFailed/UnknownMeter.</exception>
    public ImmutableArray<MeterConfiguration> GetMeters(MeterId meter)
    {
        _control.VerifyAccess();
        return _meters.Describe(meter);
    }

    /// <summary>Statistics of all tables.</summary>
    public ImmutableArray<TableStatsEntry> GetTableStats()
    {
        _control.VerifyAccess();
        return _statistics.Tables();
    }

    /// <summary>The ADD that would make the entry with this table, priority and match again; null if there is none.</summary>
    public FlowMod? FindFlow(TableId table, ushort priority, FlowMatch match)
    {
        _control.VerifyAccess();
        var key = new RuleKey(priority, MatchTranslator.Translate(match), match.FilterId ?? 0);
        return !_rules[table.Value].TryFind(key, out var rule) ? null : new FlowMod
        {
            Command = FlowModCommand.Add,
            Table = table,
            Priority = priority,
            Cookie = new Cookie(rule.Cookie),
            Flags = rule.Flags & ~(FlowModFlags.CheckOverlap | FlowModFlags.ResetCounts),
            IdleTimeoutSeconds = rule.IdleTimeoutSeconds,
            HardTimeoutSeconds = rule.HardTimeoutSeconds,
            Match = rule.ReadMatch(),
            Instructions = rule.SentInstructions,
        };
    }

    /// <summary>Number of entries that name a filter.</summary>
    public int CountFilterReferences(uint filterId)
    {
        _control.VerifyAccess();
        return _rules.ReferencesTo(filterId);
    }

    /// <summary>Removes the entries that name a filter (forced unload; flow-removed reason OFPRR_DELETE) and returns their
    /// number. The worker has left them when this returns.</summary>
    public int RemoveFilterEntries(uint filterId)
    {
        _control.VerifyAccess();
        var rules = _rules.RulesOfFilter(filterId);
        foreach (var rule in rules)
        {
            _rules.Remove(rule);
            OnRemoved(rule, FlowRemovedReason.Delete);
        }

        _datapath.Synchronize();
        return rules.Count;
    }

    /// <summary>Finishes the work handed in and ends the control thread. Entries stay in the datapath.</summary>
    public void Dispose() => _control.Dispose();

    private void ExpireRules()
    {
        var now = _options.Clock();
        while (_rules.TryTakeExpired(now, out var rule))
        {
            var reason = rule.ExpiresByHardTimeout ? FlowRemovedReason.HardTimeout : FlowRemovedReason.IdleTimeout;
            _rules.Remove(rule);
            OnRemoved(rule, reason);
        }
    }

    private void OnRemoved(Rule rule, FlowRemovedReason reason)
    {
        if (rule.Flags.HasFlag(FlowModFlags.SendFlowRem))
        {
            AnnounceOnceKept(FlowStatistics.RemovedMessage(rule, reason, _options.Clock()));
        }
    }

    private void AnnounceOnceKept(FlowRemoved message) => _journal.WhenKept(() => Announce(message));

    private void Announce(FlowRemoved message)
    {
        try
        {
            RuleRemoved?.Invoke(message);
        }
        catch (Exception exception)
        {
            // Whoever listens must not keep the rest of the change from happening.
            RuleLog.ListenerFailed(_log, exception);
        }
    }
}
