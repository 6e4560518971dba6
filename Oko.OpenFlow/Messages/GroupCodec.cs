using System.Collections.Immutable;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Messages;

/// <summary>Group messages, bytes to objects and back. Source: OpenFlow 1.3.5, 7.3.4.2 and 7.3.5.9 to 7.3.5.11.</summary>
internal static class GroupCodec
{
    private const int BucketBytes = 16, StatsBytes = 40, CounterBytes = 16;

    internal static GroupMod ReadMod(ref WireReader reader)
    {
        var command = (GroupModCommand)reader.U16();
        var type = (GroupType)reader.U8();
        reader.Skip(1);
        return new GroupMod(command, type, new GroupId(reader.U32()), ReadBuckets(ref reader));
    }

    internal static void WriteMod(WireWriter writer, GroupMod mod)
    {
        writer.U16((ushort)mod.Command);
        writer.U8((byte)mod.GroupType);
        writer.Zeros(1);
        writer.U32(mod.Group.Value);
        WriteBuckets(writer, mod.Buckets);
    }

    internal static GroupDescription ReadDescription(ref WireReader reader)
    {
        int length = reader.U16();
        var body = reader.Part(length - 2);
        var type = (GroupType)body.U8();
        body.Skip(1);
        return new GroupDescription(type, new GroupId(body.U32()), ReadBuckets(ref body));
    }

    internal static void WriteDescription(WireWriter writer, GroupDescription group)
    {
        var start = writer.Length;
        writer.U16(0);
        writer.U8((byte)group.GroupType);
        writer.Zeros(1);
        writer.U32(group.Group.Value);
        WriteBuckets(writer, group.Buckets);
        writer.PatchU16(start, writer.Length - start);
    }

    internal static GroupStatsEntry ReadStats(ref WireReader reader)
    {
        int length = reader.U16();
        var body = reader.Part(length - 2);
        body.Skip(2);
        var entry = new GroupStatsEntry { Group = new GroupId(body.U32()), ReferenceCount = body.U32() };
        body.Skip(4);
        return entry with { Processed = TrafficCounts.Read(ref body), Duration = Durations.Read(ref body), Buckets = TrafficCounts.ReadAll(ref body) };
    }

    internal static void WriteStats(WireWriter writer, GroupStatsEntry group)
    {
        writer.U16((ushort)(StatsBytes + (CounterBytes * group.Buckets.Length)));
        writer.Zeros(2);
        writer.U32(group.Group.Value);
        writer.U32(group.ReferenceCount);
        writer.Zeros(4);
        TrafficCounts.Write(writer, group.Processed);
        Durations.Write(writer, group.Duration);
        foreach (var bucket in group.Buckets)
        {
            TrafficCounts.Write(writer, bucket);
        }
    }

    private static ImmutableArray<GroupBucket> ReadBuckets(ref WireReader reader)
    {
        var buckets = ImmutableArray.CreateBuilder<GroupBucket>();
        while (reader.Remaining > 0)
        {
            int length = reader.U16();
            if (length < BucketBytes || (length & 7) != 0)
            {
                throw new OpenFlowErrorException(
                    ErrorType.GroupModFailed, (ushort)GroupModFailedCode.BadBucket,
                    $"bucket {buckets.Count} of {length} bytes: allowed are multiples of 8 from {BucketBytes} on");
            }

            var body = reader.Part(length - 2);
            var weight = body.U16();
            var port = new PortNumber(body.U32());
            var watched = new GroupId(body.U32());
            body.Skip(4);
            buckets.Add(new GroupBucket(weight, port, watched, ActionCodec.ReadList(ref body, body.Remaining)));
        }

        return buckets.ToImmutable();
    }

    private static void WriteBuckets(WireWriter writer, ImmutableArray<GroupBucket> buckets)
    {
        foreach (var bucket in buckets)
        {
            var start = writer.Length;
            writer.U16(0);
            writer.U16(bucket.Weight);
            writer.U32(bucket.WatchPort.Value);
            writer.U32(bucket.WatchGroup.Value);
            writer.Zeros(4);
            ActionCodec.WriteList(writer, bucket.Actions);
            writer.PatchU16(start, writer.Length - start);
        }
    }
}
