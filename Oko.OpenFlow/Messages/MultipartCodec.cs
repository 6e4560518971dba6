using System.Collections.Immutable;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Messages;

/// <summary>Multipart bodies, bytes to objects and back. Source: OpenFlow 1.3.5, 7.3.5 "Multipart Messages".</summary>
internal static class MultipartCodec
{
    private const ushort MoreFlag = 1;
    private const int PortNameBytes = 16;

    internal static MultipartRequest ReadRequest(ref WireReader reader)
    {
        var (type, more) = ReadHead(ref reader);
        MultipartBody body = type switch
        {
            MultipartType.Desc or MultipartType.Table or MultipartType.PortDesc or MultipartType.GroupDesc or MultipartType.GroupFeatures
                or MultipartType.MeterFeatures => new EmptyRequest(type),
            MultipartType.Flow => ReadSelection(ref reader, static (t, p, g, c, m, f) => new FlowStatsRequest(t, p, g, c, m, f)),
            MultipartType.Aggregate => ReadSelection(ref reader, static (t, p, g, c, m, f) => new AggregateStatsRequest(t, p, g, c, m, f)),
            MultipartType.PortStats => new PortStatsRequest(new PortNumber(ReadPadded(ref reader))),
            MultipartType.Queue => new QueueStatsRequest(new PortNumber(reader.U32()), new QueueId(reader.U32())),
            MultipartType.Group => new GroupStatsRequest(new GroupId(ReadPadded(ref reader))),
            MultipartType.Meter or MultipartType.MeterConfig => new MeterRequest(type, new MeterId(ReadPadded(ref reader))),
            MultipartType.TableFeatures => TableFeaturesCodec.Read(ref reader),
            MultipartType.Experimenter => OkoMultipartCodec.ReadRequest(ref reader),
            _ => throw Unknown(type),
        };
        reader.ExpectEnd();
        return new MultipartRequest(body, more);
    }

    internal static MultipartReply ReadReply(ref WireReader reader)
    {
        var (type, more) = ReadHead(ref reader);
        MultipartBody body;
        switch (type)
        {
            case MultipartType.Desc:
                body = new DescriptionReply(reader.Text(256), reader.Text(256), reader.Text(256), reader.Text(32), reader.Text(256));
                break;
            case MultipartType.Flow:
                body = new FlowStatsReply(ReadEntries(ref reader, ReadFlow));
                break;
            case MultipartType.Aggregate:
                body = new AggregateStatsReply(reader.U64(), reader.U64(), ReadPadded(ref reader));
                break;
            case MultipartType.Table:
                body = new TableStatsReply(ReadEntries(ref reader, ReadTable));
                break;
            case MultipartType.PortStats:
                body = new PortStatsReply(ReadEntries(ref reader, ReadPortStats));
                break;
            case MultipartType.PortDesc:
                body = new PortDescriptionReply(ReadEntries(ref reader, ReadPort));
                break;
            case MultipartType.GroupFeatures:
                body = new GroupFeaturesReply(reader.U32(), (GroupCapabilities)reader.U32(), ReadFour(ref reader), ReadFour(ref reader));
                break;
            case MultipartType.MeterFeatures:
                body = new MeterFeaturesReply(reader.U32(), reader.U32(), (MeterFlags)reader.U32(), reader.U8(), reader.U8());
                reader.Skip(2);
                break;
            case MultipartType.TableFeatures:
                body = TableFeaturesCodec.Read(ref reader);
                break;
            case MultipartType.Experimenter:
                body = OkoMultipartCodec.ReadReply(ref reader);
                break;
            case MultipartType.Group:
                body = new GroupStatsReply(ReadEntries(ref reader, GroupCodec.ReadStats));
                break;
            case MultipartType.GroupDesc:
                body = new GroupDescriptionReply(ReadEntries(ref reader, GroupCodec.ReadDescription));
                break;
            case MultipartType.Meter:
                body = new MeterStatsReply(ReadEntries(ref reader, MeterCodec.ReadStats));
                break;
            case MultipartType.MeterConfig:
                body = new MeterConfigurationReply(ReadEntries(ref reader, MeterCodec.ReadConfiguration));
                break;
            case MultipartType.Queue:
                body = new QueueStatsReply(ReadEntries(ref reader, QueueCodec.ReadStats));
                break;
            default:
                throw Unknown(type);
        }

        reader.ExpectEnd();
        return new MultipartReply(body, more);
    }

    internal static void Write(WireWriter writer, MultipartBody body, bool more, bool isRequest)
    {
        writer.U16((ushort)body.MultipartType);
        writer.U16(more ? MoreFlag : (ushort)0);
        writer.Zeros(4);
        WriteBody(writer, body, isRequest);
    }

    /// <summary>Writes one entry of a reply that consists of entries; the splitter measures by it.</summary>
    internal static void WriteFlow(WireWriter writer, FlowStatsEntry flow)
    {
        var start = writer.Length;
        writer.U16(0);
        writer.U8(flow.Table.Value);
        writer.Zeros(1);
        Durations.Write(writer, flow.Duration);
        writer.U16(flow.Priority);
        writer.U16(flow.IdleTimeoutSeconds);
        writer.U16(flow.HardTimeoutSeconds);
        writer.U16((ushort)flow.Flags);
        writer.Zeros(4);
        writer.U64(flow.Cookie.Value);
        writer.U64(flow.PacketCount);
        writer.U64(flow.ByteCount);
        MatchCodec.Write(writer, flow.Match);
        InstructionCodec.WriteList(writer, flow.Instructions);
        writer.PatchU16(start, writer.Length - start);
    }

    internal static PortDescription ReadPort(ref WireReader reader)
    {
        var number = new PortNumber(reader.U32());
        reader.Skip(4);
        var address = (ulong)reader.Integer(6);
        reader.Skip(2);
        return new PortDescription
        {
            Number = number, HardwareAddress = address, Name = reader.Text(PortNameBytes), Config = (PortConfig)reader.U32(),
            State = (PortState)reader.U32(), Current = (PortFeatures)reader.U32(), Advertised = (PortFeatures)reader.U32(),
            Supported = (PortFeatures)reader.U32(), Peer = (PortFeatures)reader.U32(), CurrentSpeedKbps = reader.U32(), MaxSpeedKbps = reader.U32(),
        };
    }

    internal static void WritePort(WireWriter writer, PortDescription port)
    {
        writer.U32(port.Number.Value);
        writer.Zeros(4);
        writer.Integer(port.HardwareAddress, 6);
        writer.Zeros(2);
        writer.Text(port.Name, PortNameBytes);
        writer.U32((uint)port.Config);
        writer.U32((uint)port.State);
        writer.U32((uint)port.Current);
        writer.U32((uint)port.Advertised);
        writer.U32((uint)port.Supported);
        writer.U32((uint)port.Peer);
        writer.U32(port.CurrentSpeedKbps);
        writer.U32(port.MaxSpeedKbps);
    }

    internal delegate T EntryReader<out T>(ref WireReader reader);

    private delegate MultipartBody SelectionMaker(TableId table, PortNumber port, GroupId group, Cookie cookie, ulong mask, FlowMatch match);

    internal static ImmutableArray<T> ReadEntries<T>(ref WireReader reader, EntryReader<T> read)
    {
        var entries = ImmutableArray.CreateBuilder<T>();
        while (reader.Remaining > 0)
        {
            entries.Add(read(ref reader));
        }

        return entries.ToImmutable();
    }

    private static (MultipartType Type, bool More) ReadHead(ref WireReader reader)
    {
        var type = (MultipartType)reader.U16();
        var flags = reader.U16();
        reader.Skip(4);
        return (type, (flags & MoreFlag) != 0);
    }

    private static uint ReadPadded(ref WireReader reader)
    {
        var value = reader.U32();
        reader.Skip(4);
        return value;
    }

    private static ImmutableArray<uint> ReadFour(ref WireReader reader) => [reader.U32(), reader.U32(), reader.U32(), reader.U32()];

    private static MultipartBody ReadSelection(ref WireReader reader, SelectionMaker make)
    {
        var table = new TableId(reader.U8());
        reader.Skip(3);
        var port = new PortNumber(reader.U32());
        var group = new GroupId(reader.U32());
        reader.Skip(4);
        var cookie = new Cookie(reader.U64());
        var mask = reader.U64();
        return make(table, port, group, cookie, mask, MatchCodec.Read(ref reader));
    }

    private static FlowStatsEntry ReadFlow(ref WireReader reader)
    {
        int length = reader.U16();
        var body = reader.Part(length - 2);
        var table = new TableId(body.U8());
        body.Skip(1);
        var duration = Durations.Read(ref body);
        var priority = body.U16();
        var idle = body.U16();
        var hard = body.U16();
        var flags = (FlowModFlags)body.U16();
        body.Skip(4);
        return new FlowStatsEntry
        {
            Table = table, Duration = duration, Priority = priority, IdleTimeoutSeconds = idle, HardTimeoutSeconds = hard, Flags = flags,
            Cookie = new Cookie(body.U64()), PacketCount = body.U64(), ByteCount = body.U64(), Match = MatchCodec.Read(ref body),
            Instructions = InstructionCodec.ReadList(ref body),
        };
    }

    private static TableStatsEntry ReadTable(ref WireReader reader)
    {
        var table = new TableId(reader.U8());
        reader.Skip(3);
        return new TableStatsEntry(table, reader.U32(), reader.U64(), reader.U64());
    }

    private static PortStatsEntry ReadPortStats(ref WireReader reader)
    {
        var port = new PortNumber(ReadPadded(ref reader));
        var entry = new PortStatsEntry
        {
            Port = port, ReceivedPackets = reader.U64(), SentPackets = reader.U64(), ReceivedBytes = reader.U64(), SentBytes = reader.U64(),
            ReceiveDropped = reader.U64(), SendDropped = reader.U64(), ReceiveErrors = reader.U64(), SendErrors = reader.U64(),
        };
        reader.Skip(32);
        return entry with { Duration = Durations.Read(ref reader) };
    }

    private static void WriteBody(WireWriter writer, MultipartBody body, bool isRequest)
    {
        switch (body)
        {
            case EmptyRequest:
                break;
            case OkoMultipart oko:
                OkoMultipartCodec.Write(writer, oko);
                break;
            case ExperimenterMultipart experimenter:
                writer.U32(experimenter.Experimenter);
                writer.U32(experimenter.ExpType);
                writer.Bytes(experimenter.Data);
                break;
            case DescriptionReply description:
                writer.Text(description.Manufacturer, 256);
                writer.Text(description.Hardware, 256);
                writer.Text(description.Software, 256);
                writer.Text(description.SerialNumber, 32);
                writer.Text(description.Datapath, 256);
                break;
            case FlowStatsRequest flow:
                WriteSelection(writer, flow.Table, flow.OutPort, flow.OutGroup, flow.Cookie, flow.CookieMask, flow.Match);
                break;
            case AggregateStatsRequest flow:
                WriteSelection(writer, flow.Table, flow.OutPort, flow.OutGroup, flow.Cookie, flow.CookieMask, flow.Match);
                break;
            case FlowStatsReply flows:
                foreach (var flow in flows.Entries)
                {
                    WriteFlow(writer, flow);
                }

                break;
            case AggregateStatsReply sums:
                writer.U64(sums.PacketCount);
                writer.U64(sums.ByteCount);
                WritePadded(writer, sums.FlowCount);
                break;
            case TableStatsReply tables:
                foreach (var table in tables.Entries)
                {
                    writer.U8(table.Table.Value);
                    writer.Zeros(3);
                    writer.U32(table.ActiveCount);
                    writer.U64(table.LookupCount);
                    writer.U64(table.MatchedCount);
                }

                break;
            case PortStatsRequest port:
                WritePadded(writer, port.Port.Value);
                break;
            case PortStatsReply ports:
                foreach (var port in ports.Entries)
                {
                    WritePortStats(writer, port);
                }

                break;
            case PortDescriptionReply ports:
                foreach (var port in ports.Ports)
                {
                    WritePort(writer, port);
                }

                break;
            case QueueStatsRequest queue:
                writer.U32(queue.Port.Value);
                writer.U32(queue.Queue.Value);
                break;
            case GroupStatsRequest group:
                WritePadded(writer, group.Group.Value);
                break;
            case MeterRequest meter:
                WritePadded(writer, meter.Meter.Value);
                break;
            case GroupStatsReply groups:
                foreach (var group in groups.Entries)
                {
                    GroupCodec.WriteStats(writer, group);
                }

                break;
            case GroupDescriptionReply groups:
                foreach (var group in groups.Groups)
                {
                    GroupCodec.WriteDescription(writer, group);
                }

                break;
            case MeterStatsReply meters:
                foreach (var meter in meters.Entries)
                {
                    MeterCodec.WriteStats(writer, meter);
                }

                break;
            case MeterConfigurationReply meters:
                foreach (var meter in meters.Meters)
                {
                    MeterCodec.WriteConfiguration(writer, meter);
                }

                break;
            case GroupFeaturesReply features:
                writer.U32(features.Types);
                writer.U32((uint)features.Capabilities);
                foreach (var value in features.MaxGroups.Concat(features.Actions))
                {
                    writer.U32(value);
                }

                break;
            case MeterFeaturesReply features:
                writer.U32(features.MaxMeter);
                writer.U32(features.BandTypes);
                writer.U32((uint)features.Capabilities);
                writer.U8(features.MaxBands);
                writer.U8(features.MaxColor);
                writer.Zeros(2);
                break;
            case TableFeatures tables:
                TableFeaturesCodec.Write(writer, tables);
                break;
            case QueueStatsReply queues:
                foreach (var queue in queues.Queues)
                {
                    QueueCodec.WriteStats(writer, queue);
                }

                break;
            default:
                throw new ArgumentException($"{body.GetType().Name} is no body of a multipart {(isRequest ? "request" : "reply")}", nameof(body));
        }
    }

    private static void WritePadded(WireWriter writer, uint value)
    {
        writer.U32(value);
        writer.Zeros(4);
    }

    private static void WriteSelection(
        WireWriter writer, TableId table, PortNumber port, GroupId group, Cookie cookie, ulong mask, FlowMatch match)
    {
        writer.U8(table.Value);
        writer.Zeros(3);
        writer.U32(port.Value);
        writer.U32(group.Value);
        writer.Zeros(4);
        writer.U64(cookie.Value);
        writer.U64(mask);
        MatchCodec.Write(writer, match);
    }

    private static void WritePortStats(WireWriter writer, PortStatsEntry port)
    {
        WritePadded(writer, port.Port.Value);
        foreach (var counter in new[]
        {
            port.ReceivedPackets, port.SentPackets, port.ReceivedBytes, port.SentBytes, port.ReceiveDropped, port.SendDropped,
            port.ReceiveErrors, port.SendErrors, 0UL, 0UL, 0UL, 0UL,
        })
        {
            writer.U64(counter);
        }

        Durations.Write(writer, port.Duration);
    }

    private static OpenFlowErrorException Unknown(MultipartType type) =>
        OpenFlowErrorException.BadRequest(BadRequestCode.BadMultipart, $"multipart type {(ushort)type} is unknown");
}
