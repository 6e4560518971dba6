using System.Buffers.Binary;
using System.Text;

namespace Oko.OpenFlow.Channel;

/// <summary>
/// The agreement on a version: our HELLO, what the peer's HELLO means, and the refusal. Static functions over bytes, since a
/// HELLO of a future version is read before anything is agreed. Any thread.
/// </summary>
/// <remarks>The switch speaks OpenFlow 1.3 (0x04) only. A bitmap decides where the peer sends one; else the lower of the two
/// header versions does, so any header of 0x04 and above is welcome. Source: OpenFlow 1.3.5, 6.3.1 "Connection Setup" and 7.5.1
/// "Hello".</remarks>
internal static class HelloExchange
{
    /// <summary>The version of OpenFlow 1.3 in headers.</summary>
    public const byte Version = 4;

    /// <summary>Type of HELLO, <c>OFPT_HELLO</c>.</summary>
    public const byte HelloType = 0;

    /// <summary>Type of ERROR, <c>OFPT_ERROR</c>.</summary>
    public const byte ErrorType = 1;

    /// <summary>Type of ECHO_REQUEST, <c>OFPT_ECHO_REQUEST</c>.</summary>
    public const byte EchoRequestType = 2;

    /// <summary>Type of ECHO_REPLY, <c>OFPT_ECHO_REPLY</c>.</summary>
    public const byte EchoReplyType = 3;

    private const int VersionBitmapElement = 1;

    /// <summary>Our HELLO: 16 bytes, header version 4, bitmap {4}.</summary>
    public static byte[] CreateHello(uint xid)
    {
        var hello = CreateHeader(HelloType, 16, xid);
        BinaryPrimitives.WriteUInt16BigEndian(hello.AsSpan(8), VersionBitmapElement);
        BinaryPrimitives.WriteUInt16BigEndian(hello.AsSpan(10), 8);
        BinaryPrimitives.WriteUInt32BigEndian(hello.AsSpan(12), 1u << Version);
        return hello;
    }

    /// <summary>An ECHO_REQUEST without data.</summary>
    public static byte[] CreateEchoRequest(uint xid) => CreateHeader(EchoRequestType, 8, xid);

    /// <summary>The reply to an ECHO_REQUEST: version, xid and data as in the request.</summary>
    public static byte[] CreateEchoReply(ReadOnlySpan<byte> request)
    {
        var reply = request.ToArray();
        reply[1] = EchoReplyType;
        return reply;
    }

    /// <summary>The refusal, <c>OFPHFC_INCOMPATIBLE</c>, with a text for people as data.</summary>
    public static byte[] CreateIncompatible(ReadOnlySpan<byte> hello, string text)
    {
        var data = Encoding.ASCII.GetBytes(text);
        var error = CreateHeader(ErrorType, 12 + data.Length, BinaryPrimitives.ReadUInt32BigEndian(hello[4..]));
        data.CopyTo(error, 12);
        return error;
    }

    /// <summary>A BAD_REQUEST / BAD_VERSION with the first bytes of the offending message.</summary>
    public static byte[] CreateBadVersion(ReadOnlySpan<byte> message)
    {
        var data = message[..Math.Min(message.Length, 64)];
        var error = CreateHeader(ErrorType, 12 + data.Length, BinaryPrimitives.ReadUInt32BigEndian(message[4..]));
        error[9] = 1;
        data.CopyTo(error.AsSpan(12));
        return error;
    }

    /// <summary>Whether the sender of a HELLO can speak 1.3 with us.</summary>
    /// <param name="hello">The whole message, at least a header.</param>
    /// <param name="offer">What the peer offers, for people.</param>
    public static bool IsCompatible(ReadOnlySpan<byte> hello, out string offer)
    {
        if (TryReadBitmap(hello[8..], out var bitmap))
        {
            offer = $"the version bitmap 0x{bitmap:x}";
            return (bitmap & (1u << Version)) != 0;
        }

        offer = $"version 0x{hello[0]:x2} without a bitmap";
        return hello[0] >= Version;
    }

    /// <summary>Finds the first word of the version bitmap; unknown and broken elements are passed over.</summary>
    private static bool TryReadBitmap(ReadOnlySpan<byte> elements, out uint bitmap)
    {
        while (elements.Length >= 4)
        {
            int size = BinaryPrimitives.ReadUInt16BigEndian(elements[2..]);
            if (size < 4 || size > elements.Length)
            {
                break;
            }

            if (BinaryPrimitives.ReadUInt16BigEndian(elements) == VersionBitmapElement && size >= 8)
            {
                bitmap = BinaryPrimitives.ReadUInt32BigEndian(elements[4..]);
                return true;
            }

            // Elements are padded to 8 bytes; the last one may come without its padding.
            elements = elements[Math.Min((size + 7) & ~7, elements.Length)..];
        }

        bitmap = 0;
        return false;
    }

    private static byte[] CreateHeader(byte type, int size, uint xid)
    {
        var message = new byte[size];
        message[0] = Version;
        message[1] = type;
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), (ushort)size);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(4), xid);
        return message;
    }
}
