using System.Buffers;
using System.Buffers.Binary;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Messages;

/// <summary>Puts the parts of multipart requests together (OFPMPF_REQ_MORE). One per connection, on the channel's thread.</summary>
/// <remarks>Parts belong together by their xid; requests may come interleaved. What is too long is refused once, and the rest of it
/// dropped up to its last part, so that no tail is taken for a request of its own. Source: OpenFlow 1.3.5, 7.3.5 "Multipart
/// Messages".</remarks>
internal sealed class MultipartAssembler
{
    /// <summary>Bytes of unfinished requests that a connection may leave with the switch.</summary>
    public const int MaxBytes = 1 << 20;

    /// <summary>Unfinished requests that a connection may leave with the switch.</summary>
    public const int MaxRequests = 16;

    private const int HeadBytes = 16, TypeOffset = 8, FlagsOffset = 10;
    private const ushort MoreFlag = 1;

    private readonly Dictionary<uint, ArrayBufferWriter<byte>?> _unfinished = [];
    private int _bytes;

    /// <summary>Takes the next message of the connection, of whatever type.</summary>
    /// <returns>The message itself; or for the last part of a request all of it: the first part as it came, then the bodies of the
    /// others; or null while parts are missing or dropped.</returns>
    /// <exception cref="OpenFlowErrorException">BAD_REQUEST / MULTIPART_BUFFER_OVERFLOW, or BAD_MULTIPART for parts of different
    /// types; the request is dropped.</exception>
    /// <exception cref="ChannelFormatException">Too many requests are unfinished: what follows could not be told apart.</exception>
    public byte[]? Accept(byte[] message)
    {
        if (message[1] != (byte)MessageType.MultipartRequest || message.Length < HeadBytes)
        {
            return message;
        }

        var xid = BinaryPrimitives.ReadUInt32BigEndian(message.AsSpan(4));
        var more = (BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(FlagsOffset)) & MoreFlag) != 0;
        var isKnown = _unfinished.TryGetValue(xid, out var parts);
        if (!isKnown)
        {
            if (!more)
            {
                return message;
            }

            if (_unfinished.Count == MaxRequests)
            {
                throw new ChannelFormatException($"{MaxRequests} multipart requests are unfinished and another began; finish each with a part without OFPMPF_REQ_MORE");
            }

            parts = new ArrayBufferWriter<byte>();
            _unfinished.Add(xid, parts);
        }

        if (parts is not null)
        {
            Append(xid, parts, message);
        }

        if (more)
        {
            return null;
        }

        Forget(xid);
        return parts?.WrittenSpan.ToArray();
    }

    private void Append(uint xid, ArrayBufferWriter<byte> parts, byte[] message)
    {
        var isFirst = parts.WrittenCount == 0;
        if (!isFirst && !parts.WrittenSpan.Slice(TypeOffset, 2).SequenceEqual(message.AsSpan(TypeOffset, 2)))
        {
            throw Refuse(xid, message, BadRequestCode.BadMultipart, "the parts of a multipart request are of different types");
        }

        var part = message.AsSpan(isFirst ? 0 : HeadBytes);
        if (_bytes + part.Length > MaxBytes)
        {
            throw Refuse(
                xid, message, BadRequestCode.MultipartBufferOverflow, $"the unfinished multipart requests are longer than {MaxBytes} bytes");
        }

        parts.Write(part);
        _bytes += part.Length;
    }

    /// <summary>Drops a request; while more of it is to come, its xid is remembered without bytes.</summary>
    private OpenFlowErrorException Refuse(uint xid, byte[] message, BadRequestCode code, string detail)
    {
        Forget(xid);
        if ((BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(FlagsOffset)) & MoreFlag) != 0)
        {
            _unfinished.Add(xid, null);
        }

        return OpenFlowErrorException.BadRequest(code, detail);
    }

    private void Forget(uint xid)
    {
        if (_unfinished.Remove(xid, out var parts))
        {
            _bytes -= parts?.WrittenCount ?? 0;
        }
    }
}
