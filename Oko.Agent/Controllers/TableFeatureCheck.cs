using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Controllers;

/// <summary>Says whether a table can be what a controller wants it to be. Stateless.</summary>
/// <remarks>Every table of this switch can do everything, and none can be made to do less; so the features must be those that are
/// there, in any order, and only the number of entries can be smaller. Properties for the table-miss entry may be left out where
/// they equal the others. Source: OpenFlow 1.3.5, 7.3.5.5 "Table Features".</remarks>
internal static class TableFeatureCheck
{
    private const uint KnownConfig = 3;

    /// <summary>Checks one table.</summary>
    /// <param name="wanted">What the controller sent.</param>
    /// <param name="present">What the table is.</param>
    /// <param name="count">Entries that the table holds.</param>
    /// <param name="maxCount">The most it could hold.</param>
    /// <exception cref="OpenFlowErrorException">TableFeaturesFailed with the code that fits.</exception>
    public static void Check(TableFeaturesEntry wanted, TableFeaturesEntry present, int count, int maxCount)
    {
        var table = wanted.Table.Value;
        if (wanted.MetadataMatch != present.MetadataMatch || wanted.MetadataWrite != present.MetadataWrite)
        {
            throw Failed(TableFeaturesFailedCode.BadMetadata, $"table {table}: all 64 bits of the metadata can be matched and written, and that cannot be changed");
        }

        if ((wanted.Config & ~KnownConfig) != 0)
        {
            throw Failed(TableFeaturesFailedCode.BadArgument, $"table {table}: config 0x{wanted.Config:x}, where bits above 3 are unknown");
        }

        if (wanted.MaxEntries < Math.Max(1, count) || wanted.MaxEntries > maxCount)
        {
            throw Failed(TableFeaturesFailedCode.BadArgument, $"table {table}: {wanted.MaxEntries} entries; allowed are {Math.Max(1, count)}..{maxCount}");
        }

        var properties = new Dictionary<TableFeatureType, HashSet<uint>>();
        foreach (var property in wanted.Properties)
        {
            CheckProperty(table, property, present);
            if (!properties.TryAdd(property.Type, [.. property.Values]))
            {
                throw Failed(TableFeaturesFailedCode.BadType, $"table {table}: property {property.Type} is there twice");
            }
        }

        foreach (var property in present.Properties)
        {
            if (!properties.TryGetValue(property.Type, out var values) && !(IsForMiss(property.Type) && properties.TryGetValue(property.Type - 1, out values)))
            {
                throw Failed(TableFeaturesFailedCode.Eperm, $"table {table}: property {property.Type} is missing, and features cannot be taken away");
            }

            if (!values.IsSupersetOf(property.Values))
            {
                throw Failed(TableFeaturesFailedCode.Eperm, $"table {table}: property {property.Type} names less than the table can do, and features cannot be taken away");
            }
        }
    }

    private static void CheckProperty(byte table, TableFeatureProperty property, TableFeaturesEntry present)
    {
        var known = present.Properties.FirstOrDefault(other => other.Type == property.Type)
            ?? throw Failed(TableFeaturesFailedCode.BadType, $"table {table}: property type {(ushort)property.Type} is not known");
        foreach (var value in property.Values)
        {
            if (!known.Values.Contains(value))
            {
                throw Failed(TableFeaturesFailedCode.BadArgument, $"table {table}: property {property.Type} names 0x{value:x}, which the table cannot do");
            }
        }
    }

    private static bool IsForMiss(TableFeatureType type) => type is TableFeatureType.InstructionsMiss or TableFeatureType.NextTablesMiss
        or TableFeatureType.WriteActionsMiss or TableFeatureType.ApplyActionsMiss or TableFeatureType.WriteSetfieldMiss or TableFeatureType.ApplySetfieldMiss;

    private static OpenFlowErrorException Failed(TableFeaturesFailedCode code, string detail) => new(ErrorType.TableFeaturesFailed, (ushort)code, detail);
}
