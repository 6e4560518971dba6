using System.Collections.Immutable;
using Oko.Datapath.Meters;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Rules.Meters;

/// <summary>
/// The meters of the switch: carries out meter-mods, each whole or not at all, and answers requests about meters. Control thread
/// only.
/// </summary>
/// <remarks>Source: OpenFlow 1.3.5, 6.6 "Meter Modification Messages", 7.3.5.12 to 7.3.5.14. Of the virtual meters there is
/// OFPM_CONTROLLER: it bounds what goes to the controllers.</remarks>
internal sealed class MeterTable(RuleStore rules, ChangeJournal journal, Oko.Datapath.Workers.Datapath datapath, Func<long> clock, Action<Rule, FlowRemovedReason> removed)
{
    /// <summary>Meters there can be.</summary>
    public const int MaxMeters = 65_536;

    private readonly Dictionary<uint, MeterRecord> _meters = [];

    /// <summary>The meter of a number, or null.</summary>
    public Meter? Find(uint id) => _meters.TryGetValue(id, out var record) ? record.Meter : null;

    /// <summary>Carries out one meter-mod.</summary>
    /// <exception cref="OpenFlowErrorException">It is refused and nothing has changed.</exception>
    public void Apply(MeterMod mod)
    {
        switch (mod.Command)
        {
            case MeterModCommand.Add:
                Add(mod);
                break;
            case MeterModCommand.Modify:
                Modify(mod);
                break;
            case MeterModCommand.Delete:
                Delete(mod.Meter);
                break;
            default:
                throw Failed(MeterModFailedCode.BadCommand, $"meter-mod command {(ushort)mod.Command}: allowed are 0..2");
        }
    }

    /// <summary>OFPMP_METER.</summary>
    /// <exception cref="OpenFlowErrorException">MeterModFailed/UnknownMeter.</exception>
    public ImmutableArray<MeterStatsEntry> Statistics(MeterId id)
    {
        var now = clock();
        return [.. Select(id).Select(record => new MeterStatsEntry
        {
            Meter = record.Configuration.Meter,
            FlowCount = (uint)rules.UsersOfMeter.CountOf(record.Meter.Id),
            Input = new TrafficCount(record.Meter.PacketCount, record.Meter.ByteCount),
            Duration = TimeSpan.FromTicks(Math.Max(0, now - record.CreatedNanoseconds) / TimeSpan.NanosecondsPerTick),
            Bands = [.. record.Meter.Bands.Select(band => new TrafficCount(band.PacketCount, band.ByteCount))],
        })];
    }

    /// <summary>OFPMP_METER_CONFIG.</summary>
    /// <exception cref="OpenFlowErrorException">MeterModFailed/UnknownMeter.</exception>
    public ImmutableArray<MeterConfiguration> Describe(MeterId id) => [.. Select(id).Select(record => record.Configuration)];

    private void Add(MeterMod mod)
    {
        var id = mod.Meter.Value;
        if ((id == 0 || id > MeterId.Max.Value) && mod.Meter != MeterId.Controller)
        {
            throw Failed(MeterModFailedCode.InvalidMeter, $"meter 0x{id:x}: allowed are 1..0x{MeterId.Max.Value:x} and CONTROLLER (0x{MeterId.Controller.Value:x})");
        }

        if (_meters.ContainsKey(id))
        {
            throw Failed(MeterModFailedCode.MeterExists, $"meter {id} exists; modify or delete it");
        }

        if (_meters.Count >= MaxMeters)
        {
            throw Failed(MeterModFailedCode.OutOfMeters, $"there are {_meters.Count} meters, the most this switch holds");
        }

        Insert(new MeterRecord(new Meter(id, MeterTranslator.Translate(mod)), Configuration(mod), clock()));
    }

    private void Insert(MeterRecord record)
    {
        if (journal.IsOpen)
        {
            journal.NoteInverse(() => Remove(record));
        }

        _meters.Add(record.Meter.Id, record);
        if (record.Configuration.Meter == MeterId.Controller)
        {
            datapath.ControllerMeter = record.Meter;
        }
    }

    /// <summary>The counters of the meter go on, those of its bands start anew (6.6).</summary>
    private void Modify(MeterMod mod)
    {
        if (!_meters.TryGetValue(mod.Meter.Value, out var record))
        {
            throw Failed(MeterModFailedCode.UnknownMeter, $"meter {mod.Meter.Value} does not exist; add it");
        }

        Configure(record, Configuration(mod), MeterTranslator.Translate(mod));
    }

    private void Configure(MeterRecord record, MeterConfiguration configuration, ImmutableArray<Oko.Datapath.Meters.MeterBand> bands)
    {
        if (journal.IsOpen)
        {
            var (oldConfiguration, oldBands) = (record.Configuration, record.Meter.Bands);
            journal.NoteInverse(() => Configure(record, oldConfiguration, oldBands));
        }

        record.Meter.Bands = bands;
        record.Configuration = configuration;
    }

    /// <summary>Entries that use a meter go with it; a meter that is not there is no error (6.6).</summary>
    private void Delete(MeterId id)
    {
        if (id == MeterId.All)
        {
            foreach (var record in _meters.Values.ToArray())
            {
                Remove(record);
            }
        }
        else if (_meters.TryGetValue(id.Value, out var record))
        {
            Remove(record);
        }
    }

    private void Remove(MeterRecord record)
    {
        foreach (var rule in rules.UsersOfMeter.UsersOf(record.Meter.Id))
        {
            rules.Remove(rule);
            removed(rule, FlowRemovedReason.Delete);
        }

        if (journal.IsOpen)
        {
            journal.NoteInverse(() => Insert(record));
        }

        _meters.Remove(record.Meter.Id);
        if (record.Configuration.Meter == MeterId.Controller)
        {
            datapath.ControllerMeter = null;
        }
    }

    private IEnumerable<MeterRecord> Select(MeterId id)
    {
        if (id == MeterId.All)
        {
            return _meters.Values.OrderBy(record => record.Meter.Id);
        }

        return _meters.TryGetValue(id.Value, out var record)
            ? [record]
            : throw Failed(MeterModFailedCode.UnknownMeter, $"meter {id.Value} does not exist");
    }

    private static MeterConfiguration Configuration(MeterMod mod) => new(mod.Flags, mod.Meter, mod.Bands);

    private static OpenFlowErrorException Failed(MeterModFailedCode code, string detail) => new(ErrorType.MeterModFailed, (ushort)code, detail);
}
