using System.Collections.Immutable;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.OkoExtension;

/// <summary>OFPMP_EXPERIMENTER bodies of our extension; layouts in README.md beside this file.</summary>
internal static class OkoMultipartCodec
{
    internal const int FilterFixedBytes = 88;
    internal const int MapBytes = 56;

    internal static MultipartBody ReadRequest(ref WireReader reader)
    {
        var experimenter = reader.U32();
        var type = reader.U32();
        if (experimenter != OkoExperimenter.Id)
        {
            return new ExperimenterMultipart(experimenter, type, reader.Rest().ToArray());
        }

        var filter = reader.U32();
        switch ((OkoMultipartType)type)
        {
            case OkoMultipartType.FilterDesc:
                reader.Skip(4);
                return new FilterDescriptionRequest(filter);
            case OkoMultipartType.FilterStats:
                reader.Skip(4);
                return new FilterStatsRequest(filter);
            case OkoMultipartType.MapDump:
                var dump = new MapDumpRequest(filter, reader.U16(), reader.U16());
                reader.Skip(8);
                return dump;
            default:
                throw OpenFlowErrorException.BadRequest(BadRequestCode.BadExpType, $"exp_type {type} is none of the Oko extension's multiparts (1 to 3)");
        }
    }

    internal static MultipartBody ReadReply(ref WireReader reader)
    {
        var experimenter = reader.U32();
        var type = reader.U32();
        if (experimenter != OkoExperimenter.Id)
        {
            return new ExperimenterMultipart(experimenter, type, reader.Rest().ToArray());
        }

        switch ((OkoMultipartType)type)
        {
            case OkoMultipartType.FilterDesc:
                var filters = ImmutableArray.CreateBuilder<FilterDescription>();
                while (reader.Remaining > 0)
                {
                    filters.Add(ReadFilter(ref reader));
                }

                return new FilterDescriptionReply(filters.ToImmutable());
            case OkoMultipartType.FilterStats:
                var statistics = ImmutableArray.CreateBuilder<FilterStatistics>();
                while (reader.Remaining > 0)
                {
                    statistics.Add(new FilterStatistics(reader.U32(), reader.U32(), reader.U64(), reader.U64(), reader.U64(), reader.U64(), reader.U64()));
                    reader.Skip(8);
                }

                return new FilterStatsReply(statistics.ToImmutable());
            case OkoMultipartType.MapDump:
                return ReadDump(ref reader);
            default:
                throw OpenFlowErrorException.BadRequest(BadRequestCode.BadExpType, $"exp_type {type} is none of the Oko extension's multiparts (1 to 3)");
        }
    }

    internal static void Write(WireWriter writer, OkoMultipart body)
    {
        writer.U32(OkoExperimenter.Id);
        writer.U32((uint)body.OkoType);
        switch (body)
        {
            case FilterDescriptionRequest request:
                writer.U32(request.FilterId);
                writer.Zeros(4);
                break;
            case FilterStatsRequest request:
                writer.U32(request.FilterId);
                writer.Zeros(4);
                break;
            case MapDumpRequest request:
                writer.U32(request.FilterId);
                writer.U16(request.MapIndex);
                writer.U16(request.Flags);
                writer.Zeros(8);
                break;
            case FilterDescriptionReply reply:
                foreach (var filter in reply.Entries)
                {
                    WriteFilter(writer, filter);
                }

                break;
            case FilterStatsReply reply:
                foreach (var entry in reply.Entries)
                {
                    writer.U32(entry.FilterId);
                    writer.U32(entry.Generation);
                    writer.U64(entry.Runs);
                    writer.U64(entry.Matches);
                    writer.U64(entry.SampledRuns);
                    writer.U64(entry.SampledNanoseconds);
                    writer.U64(entry.UpdatesRefused);
                    writer.Zeros(8);
                }

                break;
            case MapDumpReply reply:
                writer.U32(reply.FilterId);
                writer.U16(reply.MapIndex);
                writer.Zeros(2);
                writer.U32(reply.KeySize);
                writer.U32(reply.ValueSize);
                writer.U32((uint)reply.Entries.Length);
                writer.Zeros(4);
                foreach (var entry in reply.Entries)
                {
                    writer.Bytes(entry.Key, (int)reply.KeySize);
                    writer.Bytes(entry.Value, (int)reply.ValueSize);
                }

                break;
            default:
                throw new ArgumentException($"{body.GetType().Name} is no multipart of the extension", nameof(body));
        }
    }

    private static FilterDescription ReadFilter(ref WireReader reader)
    {
        int length = reader.U16();
        var body = reader.Part(length - 2);
        int maps = body.U16();
        var filter = new FilterDescription(body.U32(), body.U32(), body.U32(), body.U32(), body.U32(), body.Take(32).ToArray(), body.Text(32), []);
        var descriptions = ImmutableArray.CreateBuilder<MapDescription>();
        for (var index = 0; index < maps; index++)
        {
            descriptions.Add(new MapDescription(body.U32(), body.U32(), body.U32(), body.U32(), body.U32(), body.U32(), body.Text(32)));
        }

        return filter with { Maps = descriptions.ToImmutable() };
    }

    private static void WriteFilter(WireWriter writer, FilterDescription filter)
    {
        writer.U16((ushort)(FilterFixedBytes + (MapBytes * filter.Maps.Length)));
        writer.U16((ushort)filter.Maps.Length);
        writer.U32(filter.FilterId);
        writer.U32(filter.Generation);
        writer.U32(filter.Instructions);
        writer.U32(filter.WorstCaseInstructions);
        writer.U32(filter.References);
        writer.Bytes(filter.Sha256, 32);
        writer.Text(filter.Name, 32);
        foreach (var map in filter.Maps)
        {
            writer.U32(map.Type);
            writer.U32(map.KeySize);
            writer.U32(map.ValueSize);
            writer.U32(map.MaxEntries);
            writer.U32(map.Entries);
            writer.U32(map.Flags);
            writer.Text(map.Name, 32);
        }
    }

    private static MapDumpReply ReadDump(ref WireReader reader)
    {
        var filter = reader.U32();
        var map = reader.U16();
        reader.Skip(2);
        var keySize = reader.U32();
        var valueSize = reader.U32();
        var count = reader.U32();
        reader.Skip(4);
        if (((ulong)keySize + valueSize) * count != (ulong)reader.Remaining || (count != 0 && keySize + valueSize == 0))
        {
            throw OpenFlowErrorException.BadRequest(BadRequestCode.BadLen, $"{count} entries of {keySize} + {valueSize} bytes do not make {reader.Remaining}");
        }

        var entries = ImmutableArray.CreateBuilder<MapItem>();
        while (reader.Remaining > 0)
        {
            entries.Add(new MapItem(reader.Take((int)keySize).ToArray(), reader.Take((int)valueSize).ToArray()));
        }

        return new MapDumpReply(filter, map, keySize, valueSize, entries.ToImmutable());
    }
}
