using System.Collections.Immutable;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Messages;

/// <summary>OFPMP_TABLE_FEATURES, which has a small language of its own. Source: OpenFlow 1.3.5, 7.3.5.5 "Table Features".</summary>
internal static class TableFeaturesCodec
{
    private const int FixedBytes = 64;

    internal static TableFeatures Read(ref WireReader reader)
    {
        var entries = ImmutableArray.CreateBuilder<TableFeaturesEntry>();
        while (reader.Remaining > 0)
        {
            int length = reader.U16();
            if (length < FixedBytes)
            {
                throw new OpenFlowErrorException(ErrorType.TableFeaturesFailed, (ushort)TableFeaturesFailedCode.BadLen, $"table features of {length} bytes, at least {FixedBytes} are needed");
            }

            var body = reader.Part(length - 2, ErrorType.TableFeaturesFailed, (ushort)TableFeaturesFailedCode.BadLen);
            var table = new TableId(body.U8());
            body.Skip(5);
            var name = body.Text(32);
            var match = body.U64();
            var write = body.U64();
            var config = body.U32();
            var capacity = body.U32();
            var properties = ImmutableArray.CreateBuilder<TableFeatureProperty>();
            while (body.Remaining > 0)
            {
                properties.Add(ReadProperty(ref body));
            }

            entries.Add(new TableFeaturesEntry(table, name, match, write, config, capacity, properties.ToImmutable()));
        }

        return new TableFeatures(entries.ToImmutable());
    }

    internal static void Write(WireWriter writer, TableFeatures tables)
    {
        foreach (var table in tables.Entries)
        {
            WriteEntry(writer, table);
        }
    }

    internal static void WriteEntry(WireWriter writer, TableFeaturesEntry table)
    {
        var start = writer.Length;
        writer.U16(0);
        writer.U8(table.Table.Value);
        writer.Zeros(5);
        writer.Text(table.Name, 32);
        writer.U64(table.MetadataMatch);
        writer.U64(table.MetadataWrite);
        writer.U32(table.Config);
        writer.U32(table.MaxEntries);
        foreach (var property in table.Properties)
        {
            WriteProperty(writer, property);
        }

        writer.PatchU16(start, writer.Length - start);
    }

    private static bool HoldsTypes(TableFeatureType type) => type is TableFeatureType.Instructions or TableFeatureType.InstructionsMiss
        or TableFeatureType.WriteActions or TableFeatureType.WriteActionsMiss or TableFeatureType.ApplyActions or TableFeatureType.ApplyActionsMiss;

    private static bool HoldsTables(TableFeatureType type) => type is TableFeatureType.NextTables or TableFeatureType.NextTablesMiss;

    private static TableFeatureProperty ReadProperty(ref WireReader body)
    {
        var type = (TableFeatureType)body.U16();
        int length = body.U16();
        if (length < 4)
        {
            throw new OpenFlowErrorException(ErrorType.TableFeaturesFailed, (ushort)TableFeaturesFailedCode.BadLen, $"property of {length} bytes");
        }

        var part = body.Part(length - 4);
        body.Skip(Math.Min((8 - (length & 7)) & 7, body.Remaining));
        var values = ImmutableArray.CreateBuilder<uint>();
        while (part.Remaining > 0)
        {
            if (HoldsTypes(type))
            {
                values.Add(part.U16());
                part.Skip(part.U16() - 4);
            }
            else
            {
                values.Add(HoldsTables(type) ? part.U8() : part.U32());
            }
        }

        return new TableFeatureProperty(type, values.ToImmutable());
    }

    private static void WriteProperty(WireWriter writer, TableFeatureProperty property)
    {
        var start = writer.Length;
        writer.U16((ushort)property.Type);
        writer.U16(0);
        foreach (var value in property.Values)
        {
            if (HoldsTypes(property.Type))
            {
                writer.U16((ushort)value);
                writer.U16(4);
            }
            else if (HoldsTables(property.Type))
            {
                writer.U8((byte)value);
            }
            else
            {
                writer.U32(value);
            }
        }

        // The length leaves the padding out; the padding is there all the same.
        writer.PatchU16(start + 2, writer.Length - start);
        writer.PadTo8(start);
    }
}
