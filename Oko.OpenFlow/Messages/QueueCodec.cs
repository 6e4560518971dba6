using System.Collections.Immutable;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Messages;

/// <summary>Queues, bytes to objects and back. Source: OpenFlow 1.3.5, 7.2.2, 7.3.5.8 and 7.3.6.</summary>
internal static class QueueCodec
{
    private const int HeaderBytes = 16, PropertyHeaderBytes = 8, RatePropertyBytes = 16;
    private const ushort MinRate = 1, MaxRate = 2;

    internal static QueueDescription Read(ref WireReader reader)
    {
        var queue = new QueueId(reader.U32());
        var port = new PortNumber(reader.U32());
        int length = reader.U16();
        var body = reader.Part(length - 10);
        body.Skip(6);
        var properties = ImmutableArray.CreateBuilder<QueueProperty>();
        while (body.Remaining > 0)
        {
            properties.Add(ReadProperty(ref body));
        }

        return new QueueDescription(queue, port, properties.ToImmutable());
    }

    internal static void Write(WireWriter writer, QueueDescription queue)
    {
        writer.U32(queue.Queue.Value);
        writer.U32(queue.Port.Value);
        writer.U16((ushort)(HeaderBytes + queue.Properties.Sum(SizeOf)));
        writer.Zeros(6);
        foreach (var property in queue.Properties)
        {
            writer.U16(property.Type);
            writer.U16((ushort)SizeOf(property));
            writer.Zeros(4);
            if (property.Type is MinRate or MaxRate)
            {
                writer.U16(property.Rate);
                writer.Zeros(6);
            }
            else
            {
                writer.Bytes(property.Data.AsSpan());
            }
        }
    }

    internal static QueueStatsEntry ReadStats(ref WireReader reader) =>
        new(new PortNumber(reader.U32()), new QueueId(reader.U32()), reader.U64(), reader.U64(), reader.U64(), Durations.Read(ref reader));

    internal static void WriteStats(WireWriter writer, QueueStatsEntry queue)
    {
        writer.U32(queue.Port.Value);
        writer.U32(queue.Queue.Value);
        writer.U64(queue.SentBytes);
        writer.U64(queue.SentPackets);
        writer.U64(queue.Errors);
        Durations.Write(writer, queue.Duration);
    }

    private static int SizeOf(QueueProperty property) =>
        property.Type is MinRate or MaxRate ? RatePropertyBytes : PropertyHeaderBytes + property.Data.Length;

    private static QueueProperty ReadProperty(ref WireReader reader)
    {
        var type = reader.U16();
        int length = reader.U16();
        var body = reader.Part(length - 4);
        body.Skip(4);
        if (type is not (MinRate or MaxRate))
        {
            return new QueueProperty(type, 0, [.. body.Rest()]);
        }

        var rate = body.U16();
        body.Skip(6);
        body.ExpectEnd();
        return new QueueProperty(type, rate, []);
    }
}
