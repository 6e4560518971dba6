using System.Collections.Immutable;
using System.Globalization;
using Oko.Agent.Rules.Groups;
using Oko.Agent.Rules.Meters;
using Oko.Datapath.Packet;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;

namespace Oko.Agent.Controllers;

/// <summary>What the flow tables can do, as OFPMP_TABLE_FEATURES says it. Immutable, any thread.</summary>
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

    private readonly int _tableCount;
    private readonly uint _maxEntries;

    /// <summary>Describes a pipeline.</summary>
    /// <param name="tableCount">Number of tables.</param>
    /// <param name="maxEntries">Entries that one table holds at most.</param>
    public TableFeatureCatalogue(int tableCount, uint maxEntries)
    {
        _tableCount = tableCount;
        _maxEntries = maxEntries;
    }

    /// <summary>All tables.</summary>
    /// <param name="isAware">Whether the reader knows our match field.</param>
    public TableFeatures Describe(bool isAware) => new([.. Enumerable.Range(0, _tableCount).Select(table => Describe(table, isAware))]);

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
            string.Create(CultureInfo.InvariantCulture, $"table{table}"),
            AllMetadata,
            AllMetadata,
            Config: 0,
            _maxEntries,
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
