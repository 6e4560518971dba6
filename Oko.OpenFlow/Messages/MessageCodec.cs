using System.Collections.Immutable;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Bundles;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Messages;

/// <summary>Whole messages, bytes to objects and back, both directions. Source: OpenFlow 1.3.5, 7 "The OpenFlow Switch Protocol".</summary>
public static class MessageCodec
{
    /// <summary>Bytes of the header.</summary>
    public const int HeaderBytes = 8;

    /// <summary>Version of OpenFlow 1.3 on the wire.</summary>
    public const byte Version = 4;

    /// <summary>Reads one framed message.</summary>
    /// <exception cref="OpenFlowErrorException">What is wrong with it, as the error reply to send.</exception>
    public static OpenFlowMessage Decode(ReadOnlySpan<byte> message)
    {
        var reader = new WireReader(message);
        var version = reader.U8();
        var type = (MessageType)reader.U8();
        var length = reader.U16();
        var xid = reader.U32();
        if (length != message.Length)
        {
            throw OpenFlowErrorException.BadRequest(BadRequestCode.BadLen, $"the header says {length} bytes, there are {message.Length}");
        }

        if (version != Version && type is not (MessageType.Hello or MessageType.EchoRequest or MessageType.EchoReply or MessageType.Error))
        {
            throw OpenFlowErrorException.BadRequest(BadRequestCode.BadVersion, $"version 0x{version:x2}; this is OpenFlow 1.3, 0x04");
        }

        // Flow-mods come by the hundred thousand and are not copied for their transaction id.
        return type == MessageType.FlowMod ? FlowCodec.ReadMod(ref reader, xid) : ReadBody(version, type, ref reader) with { Xid = xid };
    }

    /// <summary>Reads a multipart request that came in parts, as <see cref="MultipartAssembler"/> puts it together.</summary>
    /// <exception cref="OpenFlowErrorException">What is wrong with it, as the error reply to send.</exception>
    internal static OpenFlowMessage DecodeAssembled(ReadOnlySpan<byte> request)
    {
        var reader = new WireReader(request);
        reader.Skip(4);
        var xid = reader.U32();
        return MultipartCodec.ReadRequest(ref reader) with { Xid = xid, More = false };
    }

    /// <summary>Writes a message. It must fit 65,535 bytes: see <see cref="MultipartSplitter"/> for long replies.</summary>
    /// <exception cref="OverflowException">It does not fit.</exception>
    public static byte[] Encode(OpenFlowMessage message)
    {
        var writer = new WireWriter();
        Encode(message, writer);
        return writer.ToArray();
    }

    /// <summary>Writes a message behind what the writer holds.</summary>
    public static void Encode(OpenFlowMessage message, WireWriter writer)
    {
        var start = writer.Length;
        writer.U8(message is Hello hello ? hello.HeaderVersion : Version);
        writer.U8((byte)message.Type);
        writer.U16(0);
        writer.U32(message.Xid);
        WriteBody(writer, message);
        writer.PatchU16(start + 2, writer.Length - start);
    }

    private static OpenFlowMessage ReadBody(byte version, MessageType type, ref WireReader reader)
    {
        switch (type)
        {
            case MessageType.Hello:
                return ReadHello(version, ref reader);
            case MessageType.EchoRequest:
                return new EchoRequest(reader.Rest().ToArray());
            case MessageType.EchoReply:
                return new EchoReply(reader.Rest().ToArray());
            case MessageType.Error:
                return ReadError(ref reader);
            case MessageType.Experimenter:
                return ExperimenterCodec.Read(ref reader);
            case MessageType.FeaturesRequest:
                return End(new FeaturesRequest(), reader);
            case MessageType.FeaturesReply:
                return ReadFeaturesReply(ref reader);
            case MessageType.GetConfigRequest:
                return End(new GetConfigRequest(), reader);
            case MessageType.GetConfigReply:
                return End(new GetConfigReply((ConfigFlags)reader.U16(), reader.U16()), reader);
            case MessageType.SetConfig:
                return End(new SetConfig((ConfigFlags)reader.U16(), reader.U16()), reader);
            case MessageType.BarrierRequest:
                return End(new BarrierRequest(), reader);
            case MessageType.BarrierReply:
                return End(new BarrierReply(), reader);
            case MessageType.RoleRequest:
                return End(new RoleRequest(ReadRole(ref reader), reader.U64()), reader);
            case MessageType.RoleReply:
                return End(new RoleReply(ReadRole(ref reader), reader.U64()), reader);
            case MessageType.GetAsyncRequest:
                return End(new GetAsyncRequest(), reader);
            case MessageType.GetAsyncReply:
                return End(new GetAsyncReply(ReadMasks(ref reader)), reader);
            case MessageType.SetAsync:
                return End(new SetAsync(ReadMasks(ref reader)), reader);
            case MessageType.QueueGetConfigRequest:
                var port = new PortNumber(reader.U32());
                reader.Skip(4);
                return End(new QueueGetConfigRequest(port), reader);
            case MessageType.QueueGetConfigReply:
                var queuePort = new PortNumber(reader.U32());
                reader.Skip(4);
                return new QueueGetConfigReply(queuePort, MultipartCodec.ReadEntries(ref reader, QueueCodec.Read));
            case MessageType.GroupMod:
                return GroupCodec.ReadMod(ref reader);
            case MessageType.MeterMod:
                return MeterCodec.ReadMod(ref reader);
            case MessageType.PortMod:
                return ReadPortMod(ref reader);
            case MessageType.TableMod:
                var table = new TableId(reader.U8());
                reader.Skip(3);
                return End(new TableMod(table, reader.U32()), reader);
            case MessageType.PacketOut:
                return ReadPacketOut(ref reader);
            case MessageType.PacketIn:
                return ReadPacketIn(ref reader);
            case MessageType.FlowRemoved:
                return End(FlowCodec.ReadRemoved(ref reader), reader);
            case MessageType.PortStatus:
                var reason = (PortReason)reader.U8();
                reader.Skip(7);
                return End(new PortStatus(reason, MultipartCodec.ReadPort(ref reader)), reader);
            case MessageType.MultipartRequest:
                return MultipartCodec.ReadRequest(ref reader);
            case MessageType.MultipartReply:
                return MultipartCodec.ReadReply(ref reader);
            default:
                throw OpenFlowErrorException.BadRequest(BadRequestCode.BadType, $"message type {(byte)type} is unknown");
        }
    }

    private static void WriteBody(WireWriter writer, OpenFlowMessage message)
    {
        switch (message)
        {
            case Hello { Bitmap: { } bitmap }:
                writer.U16(1);
                writer.U16((ushort)(4 + (4 * bitmap.Length)));
                foreach (var word in bitmap)
                {
                    writer.U32(word);
                }

                writer.PadTo8();
                break;
            case Hello or FeaturesRequest or GetConfigRequest or BarrierRequest or BarrierReply or GetAsyncRequest:
                break;
            case EchoRequest echo:
                writer.Bytes(echo.Data);
                break;
            case EchoReply echo:
                writer.Bytes(echo.Data);
                break;
            case ErrorMessage error:
                writer.U16((ushort)error.ErrorType);
                writer.U16(error.Code);
                if (error.ErrorType == ErrorType.Experimenter)
                {
                    writer.U32(error.Experimenter);
                }

                writer.Bytes(error.Data);
                break;
            case OkoMessage oko:
                ExperimenterCodec.Write(writer, oko);
                break;
            case BundleControl control:
                BundleCodec.Write(writer, control);
                break;
            case BundleAdd add:
                BundleCodec.Write(writer, add);
                break;
            case ExperimenterMessage experimenter:
                writer.U32(experimenter.Experimenter);
                writer.U32(experimenter.ExpType);
                writer.Bytes(experimenter.Body);
                break;
            case FeaturesReply features:
                writer.U64(features.DatapathId);
                writer.U32(features.BufferCount);
                writer.U8(features.TableCount);
                writer.U8(features.AuxiliaryId);
                writer.Zeros(2);
                writer.U32((uint)features.Capabilities);
                writer.U32(0);
                break;
            case GetConfigReply config:
                writer.U16((ushort)config.Flags);
                writer.U16(config.MissSendLength);
                break;
            case SetConfig config:
                writer.U16((ushort)config.Flags);
                writer.U16(config.MissSendLength);
                break;
            case RoleRequest role:
                writer.U32((uint)role.Role);
                writer.Zeros(4);
                writer.U64(role.GenerationId);
                break;
            case RoleReply role:
                writer.U32((uint)role.Role);
                writer.Zeros(4);
                writer.U64(role.GenerationId);
                break;
            case GetAsyncReply asynchronous:
                WriteMasks(writer, asynchronous.Masks);
                break;
            case SetAsync asynchronous:
                WriteMasks(writer, asynchronous.Masks);
                break;
            case QueueGetConfigRequest queue:
                writer.U32(queue.Port.Value);
                writer.Zeros(4);
                break;
            case QueueGetConfigReply queue:
                writer.U32(queue.Port.Value);
                writer.Zeros(4);
                foreach (var description in queue.Queues)
                {
                    QueueCodec.Write(writer, description);
                }

                break;
            case FlowMod flow:
                FlowCodec.WriteMod(writer, flow);
                break;
            case GroupMod group:
                GroupCodec.WriteMod(writer, group);
                break;
            case MeterMod meter:
                MeterCodec.WriteMod(writer, meter);
                break;
            case PortMod port:
                writer.U32(port.Port.Value);
                writer.Zeros(4);
                writer.Integer(port.HardwareAddress, 6);
                writer.Zeros(2);
                writer.U32((uint)port.Config);
                writer.U32((uint)port.Mask);
                writer.U32((uint)port.Advertise);
                writer.Zeros(4);
                break;
            case TableMod table:
                writer.U8(table.Table.Value);
                writer.Zeros(3);
                writer.U32(table.Config);
                break;
            case PacketOut packet:
                WritePacketOut(writer, packet);
                break;
            case PacketIn packet:
                writer.U32(packet.Buffer.Value);
                writer.U16(packet.TotalLength);
                writer.U8((byte)packet.Reason);
                writer.U8(packet.Table.Value);
                writer.U64(packet.Cookie.Value);
                MatchCodec.Write(writer, packet.Match);
                writer.Zeros(2);
                writer.Bytes(packet.Data);
                break;
            case FlowRemoved removed:
                FlowCodec.WriteRemoved(writer, removed);
                break;
            case PortStatus status:
                writer.U8((byte)status.Reason);
                writer.Zeros(7);
                MultipartCodec.WritePort(writer, status.Port);
                break;
            case MultipartRequest request:
                MultipartCodec.Write(writer, request.Body, request.More, isRequest: true);
                break;
            case MultipartReply reply:
                MultipartCodec.Write(writer, reply.Body, reply.More, isRequest: false);
                break;
            default:
                throw new ArgumentException($"{message.GetType().Name} is no message of OpenFlow 1.3", nameof(message));
        }
    }

    private static T End<T>(T message, in WireReader reader)
        where T : OpenFlowMessage
    {
        reader.ExpectEnd();
        return message;
    }

    private static Hello ReadHello(byte version, ref WireReader reader)
    {
        ImmutableArray<uint>? bitmap = null;
        while (reader.Remaining >= 4)
        {
            var type = reader.U16();
            int length = reader.U16();
            if (length < 4)
            {
                throw OpenFlowErrorException.BadRequest(BadRequestCode.BadLen, $"hello element of {length} bytes");
            }

            var body = reader.Part(length - 4);
            if (type == 1)
            {
                var words = ImmutableArray.CreateBuilder<uint>();
                while (body.Remaining >= 4)
                {
                    words.Add(body.U32());
                }

                bitmap = words.ToImmutable();
            }

            reader.Skip(Math.Min((8 - (length & 7)) & 7, reader.Remaining));
        }

        return new Hello(version, bitmap);
    }

    private static ErrorMessage ReadError(ref WireReader reader)
    {
        var type = (ErrorType)reader.U16();
        var code = reader.U16();
        var experimenter = type == ErrorType.Experimenter ? reader.U32() : 0;
        return new ErrorMessage(type, code, reader.Rest().ToArray(), experimenter);
    }

    private static FeaturesReply ReadFeaturesReply(ref WireReader reader)
    {
        var id = reader.U64();
        var buffers = reader.U32();
        var tables = reader.U8();
        var auxiliary = reader.U8();
        reader.Skip(2);
        var capabilities = (Capabilities)reader.U32();
        reader.Skip(4);
        return End(new FeaturesReply(id, buffers, tables, auxiliary, capabilities), reader);
    }

    private static ControllerRole ReadRole(ref WireReader reader)
    {
        var role = (ControllerRole)reader.U32();
        reader.Skip(4);
        return role;
    }

    private static AsyncMasks ReadMasks(ref WireReader reader) =>
        new(reader.U32(), reader.U32(), reader.U32(), reader.U32(), reader.U32(), reader.U32());

    private static void WriteMasks(WireWriter writer, AsyncMasks masks)
    {
        writer.U32(masks.PacketIn);
        writer.U32(masks.PacketInSlave);
        writer.U32(masks.PortStatus);
        writer.U32(masks.PortStatusSlave);
        writer.U32(masks.FlowRemoved);
        writer.U32(masks.FlowRemovedSlave);
    }

    private static PortMod ReadPortMod(ref WireReader reader)
    {
        var port = new PortNumber(reader.U32());
        reader.Skip(4);
        var address = (ulong)reader.Integer(6);
        reader.Skip(2);
        var config = (PortConfig)reader.U32();
        var mask = (PortConfig)reader.U32();
        var advertise = (PortFeatures)reader.U32();
        reader.Skip(4);
        return End(new PortMod(port, address, config, mask, advertise), reader);
    }

    private static PacketOut ReadPacketOut(ref WireReader reader)
    {
        var buffer = new BufferId(reader.U32());
        var port = new PortNumber(reader.U32());
        int length = reader.U16();
        reader.Skip(6);
        if (length > reader.Remaining)
        {
            throw OpenFlowErrorException.BadRequest(BadRequestCode.BadLen, $"actions of {length} bytes, {reader.Remaining} are there");
        }

        return new PacketOut(buffer, port, ActionCodec.ReadList(ref reader, length), reader.Rest().ToArray());
    }

    private static void WritePacketOut(WireWriter writer, PacketOut packet)
    {
        writer.U32(packet.Buffer.Value);
        writer.U32(packet.InPort.Value);
        var at = writer.Length;
        writer.U16(0);
        writer.Zeros(6);
        var actions = writer.Length;
        ActionCodec.WriteList(writer, packet.Actions);
        writer.PatchU16(at, writer.Length - actions);
        writer.Bytes(packet.Data);
    }

    private static PacketIn ReadPacketIn(ref WireReader reader)
    {
        var buffer = new BufferId(reader.U32());
        var total = reader.U16();
        var reason = (PacketInReason)reader.U8();
        var table = new TableId(reader.U8());
        var cookie = new Cookie(reader.U64());
        var match = MatchCodec.Read(ref reader);
        reader.Skip(2);
        return new PacketIn(buffer, total, reason, table, cookie, match, reader.Rest().ToArray());
    }
}
