using System.Collections.Immutable;
using System.Text;
using Oko.OpenFlow.Bundles;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.OkoExtension;

/// <summary>OFPT_EXPERIMENTER messages: those of our extension here, bundles in <see cref="BundleCodec"/>; layouts in README.md beside this file.</summary>
internal static class ExperimenterCodec
{
    internal static OpenFlowMessage Read(ref WireReader reader)
    {
        var experimenter = reader.U32();
        var type = reader.U32();
        if (experimenter == BundleCodec.Experimenter)
        {
            return BundleCodec.Read(type, ref reader);
        }

        if (experimenter != OkoExperimenter.Id)
        {
            return new ExperimenterMessage(experimenter, type, reader.Rest().ToArray());
        }

        switch ((OkoMessageType)type)
        {
            case OkoMessageType.FilterUpload:
                return ReadUpload(ref reader);
            case OkoMessageType.FilterStatus:
                return ReadStatus(ref reader);
            case OkoMessageType.FilterUnload:
                var filter = reader.U32();
                var flags = reader.U16();
                reader.Skip(2);
                reader.ExpectEnd();
                return new FilterUnload(filter, (flags & 1) != 0);
            case OkoMessageType.MapUpdate:
                return ReadUpdate(ref reader);
            case OkoMessageType.MapDelete:
                return ReadDelete(ref reader);
            case OkoMessageType.FilterEvent:
                var owner = reader.U32();
                var map = reader.U16();
                reader.Skip(2);
                return new FilterEvent(owner, map, reader.U64(), reader.U64(), reader.Rest().ToArray());
            default:
                throw OpenFlowErrorException.BadRequest(BadRequestCode.BadExpType, $"exp_type {type} is none of the Oko extension's messages (1 to 6)");
        }
    }

    internal static void Write(WireWriter writer, OkoMessage message)
    {
        writer.U32(OkoExperimenter.Id);
        switch (message)
        {
            case FilterUpload upload:
                writer.U32((uint)OkoMessageType.FilterUpload);
                writer.U32(upload.FilterId);
                writer.U16((ushort)upload.Flags);
                writer.Zeros(2);
                writer.U32(upload.TotalLength);
                writer.U32(upload.Offset);
                writer.Bytes(upload.Sha256, 32);
                writer.Text(upload.Name, 32);
                writer.Text(upload.Entry, 32);
                writer.Bytes(upload.Data);
                break;
            case FilterStatus status:
                writer.U32((uint)OkoMessageType.FilterStatus);
                writer.U32(status.FilterId);
                writer.U32(status.Generation);
                writer.U32(status.Instructions);
                writer.U32(status.WorstCaseInstructions);
                writer.U32(status.CodeBytes);
                writer.U16(status.MapCount);
                writer.U16(status.MapsKept);
                var text = Encoding.UTF8.GetBytes(status.Text);
                writer.U32((uint)text.Length);
                writer.Bytes(text);
                break;
            case FilterUnload unload:
                writer.U32((uint)OkoMessageType.FilterUnload);
                writer.U32(unload.FilterId);
                writer.U16(unload.Force ? (ushort)1 : (ushort)0);
                writer.Zeros(2);
                break;
            case MapUpdate update:
                writer.U32((uint)OkoMessageType.MapUpdate);
                WriteMapHead(writer, update.FilterId, update.MapIndex, update.Flags, update.KeySize, update.ValueSize, update.Entries.Length);
                foreach (var entry in update.Entries)
                {
                    writer.Bytes(entry.Key, (int)update.KeySize);
                    writer.Bytes(entry.Value, (int)update.ValueSize);
                }

                break;
            case MapDelete delete:
                writer.U32((uint)OkoMessageType.MapDelete);
                WriteMapHead(writer, delete.FilterId, delete.MapIndex, 0, delete.KeySize, 0, delete.Keys.Length);
                foreach (var key in delete.Keys)
                {
                    writer.Bytes(key, (int)delete.KeySize);
                }

                break;
            case FilterEvent record:
                writer.U32((uint)OkoMessageType.FilterEvent);
                writer.U32(record.FilterId);
                writer.U16(record.MapIndex);
                writer.Zeros(2);
                writer.U64(record.TimeNanoseconds);
                writer.U64(record.Lost);
                writer.Bytes(record.Record);
                break;
            default:
                throw new ArgumentException($"{message.GetType().Name} is no message of the extension", nameof(message));
        }
    }

    private static FilterUpload ReadUpload(ref WireReader reader)
    {
        var filter = reader.U32();
        var flags = (FilterUploadFlags)reader.U16();
        reader.Skip(2);
        return new FilterUpload
        {
            FilterId = filter, Flags = flags, TotalLength = reader.U32(), Offset = reader.U32(), Sha256 = reader.Take(32).ToArray(),
            Name = reader.Text(32), Entry = reader.Text(32), Data = reader.Rest().ToArray(),
        };
    }

    private static FilterStatus ReadStatus(ref WireReader reader)
    {
        var status = new FilterStatus
        {
            FilterId = reader.U32(), Generation = reader.U32(), Instructions = reader.U32(), WorstCaseInstructions = reader.U32(),
            CodeBytes = reader.U32(), MapCount = reader.U16(), MapsKept = reader.U16(),
        };
        var length = reader.U32();
        return status with { Text = Encoding.UTF8.GetString(reader.Take(checked((int)Math.Min(length, int.MaxValue)))) };
    }

    private static MapUpdate ReadUpdate(ref WireReader reader)
    {
        var (filter, map, flags, keySize, valueSize, count) = ReadMapHead(ref reader);
        CheckSize(filter, reader.Remaining, keySize, valueSize, count);
        var entries = ImmutableArray.CreateBuilder<MapItem>((int)count);
        for (uint index = 0; index < count; index++)
        {
            entries.Add(new MapItem(reader.Take((int)keySize).ToArray(), reader.Take((int)valueSize).ToArray()));
        }

        return new MapUpdate(filter, map, flags, keySize, valueSize, entries.ToImmutable());
    }

    private static MapDelete ReadDelete(ref WireReader reader)
    {
        var (filter, map, _, keySize, valueSize, count) = ReadMapHead(ref reader);
        if (valueSize != 0)
        {
            throw new OkoError(OkoErrorType.MapSize, filter, $"MAP_DELETE has value size {valueSize}; it must be 0").ToException();
        }

        CheckSize(filter, reader.Remaining, keySize, 0, count);
        var keys = ImmutableArray.CreateBuilder<byte[]>((int)count);
        for (uint index = 0; index < count; index++)
        {
            keys.Add(reader.Take((int)keySize).ToArray());
        }

        return new MapDelete(filter, map, keySize, keys.ToImmutable());
    }

    private static (uint Filter, ushort Map, ushort Flags, uint KeySize, uint ValueSize, uint Count) ReadMapHead(ref WireReader reader)
    {
        var head = (reader.U32(), reader.U16(), reader.U16(), reader.U32(), reader.U32(), reader.U32());
        reader.Skip(4);
        return head;
    }

    // Sizes are compared in 64 bits before anything is allocated by them; an entry of no bytes would let the count be anything.
    private static void CheckSize(uint filter, int present, uint keySize, uint valueSize, uint count)
    {
        var size = (ulong)keySize + valueSize;
        if (count != 0 && (size == 0 || size > int.MaxValue || size * count != (ulong)present))
        {
            throw new OkoError(OkoErrorType.MapSize, filter, $"{count} entries of {size} bytes do not make the {present} bytes that are there").ToException();
        }

        if (count == 0 && present != 0)
        {
            throw new OkoError(OkoErrorType.MapSize, filter, $"no entries announced, {present} bytes are there").ToException();
        }
    }

    private static void WriteMapHead(WireWriter writer, uint filter, ushort map, ushort flags, uint keySize, uint valueSize, int count)
    {
        writer.U32(filter);
        writer.U16(map);
        writer.U16(flags);
        writer.U32(keySize);
        writer.U32(valueSize);
        writer.U32((uint)count);
        writer.Zeros(4);
    }
}
