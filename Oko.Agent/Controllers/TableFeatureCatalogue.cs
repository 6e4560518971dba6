using System.Collections.Immutable;
using System.Globalization;
using Oko.Agent.Rules;
using Oko.Agent.Rules.Groups;
using Oko.Agent.Rules.Meters;
using Oko.Datapath.Packet;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Controllers;

/// <summary>What the flow tables can do, as OFPMP_TABLE_FEATURES says it. Control thread only.</summary>
/// <remarks>Source: OpenFlow 1.3.5, 7.3.5.5 "Table Features". The properties for the table-miss entry could be left out where they
/// equal the others; they are written out, since Floodlight sends no table-miss entry to a switch that leaves them out.</remarks>
internal sealed class TableFeatureCatalogue
{
    private const ulong AllMetadata = ulong.MaxValue;
    private const uint HasMask = 1 << 8;

    private static readonly ImmutableArray<uint> Actions =
        [.. Enum.GetValues<ActionType>().Where(type => type != ActionType.Experimenter).Select(type => (uint)type)];

    private static readonly ImmutableArray<OxmField> Unsettable = [OxmCatalogue.InPort, OxmCatalogue.InPhyPort, OxmCatalogue.Metadata, OxmCatalogue.Ipv6Exthdr];

    private static readonly ImmutableArray<uint> SetFields =
        [.. OxmCatalogue.Basics.Except(Unsettable).Select(field => field.Header)];

    /// <summary>What groups can do.</summary>
    public static GroupFeaturesReply GroupFeatures { get; } = new(
        Types: 0xF,
        GroupCapabilities.SelectWeight | GroupCapabilities.SelectLiveness | GroupCapabilities.Chaining | GroupCapabilities.ChainingChecks,
        [GroupTable.MaxGroups, GroupTable.MaxGroups, GroupTable.MaxGroups, GroupTable.MaxGroups],
        [ActionBits, ActionBits, ActionBits, ActionBits]);

    /// <summary>What meters can do.</summary>
    public static MeterFeaturesReply MeterFeatures { get; } = new(
        MeterTable.MaxMeters,
        (1 << (int)MeterBandType.Drop) | (1 << (int)MeterBandType.DscpRemark),
        MeterFlags.Kbps | MeterFlags.Pktps | MeterFlags.Burst | MeterFlags.Stats,
        MeterTranslator.MaxBands,
        MaxColor: 0);

    private static uint ActionBits => Actions.Aggregate(0u, (bits, action) => bits | (1u << (int)action));

    private readonly RuleManager _rules;
    private readonly int _tableCount;
    private readonly string[] _names;

    /// <summary>Describes a pipeline.</summary>
    public TableFeatureCatalogue(RuleManager rules)
    {
        _rules = rules;
        _tableCount = rules.TableCount;
        _names = [.. Enumerable.Range(0, _tableCount).Select(table => string.Create(CultureInfo.InvariantCulture, $"table{table}"))];
    }

    /// <summary>All tables.</summary>
    /// <param name="isAware">Whether the reader knows our match field.</param>
    public TableFeatures Describe(bool isAware) => new([.. Enumerable.Range(0, _tableCount).Select(table => Describe(table, isAware))]);

    /// <summary>Takes over what a controller wants the tables to be: names and capacities, as all else is what it is.</summary>
    /// <exception cref="OpenFlowErrorException">TableFeaturesFailed; nothing has changed.</exception>
    public void Configure(TableFeatures wanted, bool isAware)
    {
        var seen = new HashSet<byte>();
        foreach (var table in wanted.Entries)
        {
            if (table.Table.Value >= _tableCount || !seen.Add(table.Table.Value))
            {
                throw Failed(TableFeaturesFailedCode.BadTable, $"table {table.Table.Value}: allowed are 0..{_tableCount - 1}, each once");
            }

            var number = table.Table.Value;
            TableFeatureCheck.Check(table, Describe(number, isAware), _rules.GetCapacity(number).Count, _rules.MaxRulesPerTable);
        }

        if (seen.Count < _tableCount)
        {
            throw Failed(
                TableFeaturesFailedCode.Eperm,
                $"features of {seen.Count} tables: tables cannot be taken out of the pipeline, a request names all {_tableCount}");
        }

        foreach (var table in wanted.Entries)
        {
            _names[table.Table.Value] = table.Name;
            _rules.SetCapacity(table.Table.Value, (int)table.MaxEntries);
        }
    }

    private static OpenFlowErrorException Failed(TableFeaturesFailedCode code, string detail) => new(ErrorType.TableFeaturesFailed, (ushort)code, detail);

    private TableFeaturesEntry Describe(int table, bool isAware)
    {
        ImmutableArray<uint> instructions =
            [(uint)InstructionType.Meter, (uint)InstructionType.WriteMetadata, (uint)InstructionType.WriteActions, (uint)InstructionType.ApplyActions, (uint)InstructionType.ClearActions];
        if (table < _tableCount - 1)
        {
            instructions = instructions.Insert(0, (uint)InstructionType.GotoTable);
        }

        ImmutableArray<uint> next = [.. Enumerable.Range(table + 1, _tableCount - table - 1).Select(other => (uint)other)];
        ImmutableArray<uint> filter = isAware ? [OxmCatalogue.Filter.Header, OkoExperimenter.Id] : [];
        return new TableFeaturesEntry(
            new TableId((byte)table),
            _names[table],
            AllMetadata,
            AllMetadata,
            Config: 0,
            (uint)_rules.GetCapacity(table).MaxCount,
            [
                new TableFeatureProperty(TableFeatureType.Instructions, instructions),
                new TableFeatureProperty(TableFeatureType.InstructionsMiss, instructions),
                new TableFeatureProperty(TableFeatureType.NextTables, next),
                new TableFeatureProperty(TableFeatureType.NextTablesMiss, next),
                new TableFeatureProperty(TableFeatureType.WriteActions, Actions),
                new TableFeatureProperty(TableFeatureType.WriteActionsMiss, Actions),
                new TableFeatureProperty(TableFeatureType.ApplyActions, Actions),
                new TableFeatureProperty(TableFeatureType.ApplyActionsMiss, Actions),
                new TableFeatureProperty(TableFeatureType.Match, [.. OxmCatalogue.Basics.Select(MatchHeader), .. filter]),
                new TableFeatureProperty(TableFeatureType.Wildcards, [.. OxmCatalogue.Basics.Select(field => field.Header), .. filter]),
                new TableFeatureProperty(TableFeatureType.WriteSetfield, SetFields),
                new TableFeatureProperty(TableFeatureType.WriteSetfieldMiss, SetFields),
                new TableFeatureProperty(TableFeatureType.ApplySetfield, SetFields),
                new TableFeatureProperty(TableFeatureType.ApplySetfieldMiss, SetFields),
            ]);
    }

    /// <summary>The header as a match has it: with the mask bit, and value and mask as payload, where masks are allowed.</summary>
    private static uint MatchHeader(OxmField field) => field.Maskable ? (field.Header | HasMask) + (uint)field.LengthBytes : field.Header;
}
