using System.Buffers.Binary;

namespace Oko.Datapath.Tests;

/// <summary>Builds small frames for tests, with right checksums.</summary>
public static class Frames
{
    public static byte[] Ethernet(ulong destination, ulong source, ushort type, byte[] payload)
    {
        var frame = new byte[14 + payload.Length];
        Put48(frame, destination);
        Put48(frame.AsSpan(6), source);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), type);
        payload.CopyTo(frame, 14);
        return frame;
    }

    public static byte[] Vlan(byte[] frame, ushort tag, ushort type = 0x8100)
    {
        var tagged = new byte[frame.Length + 4];
        frame.AsSpan(0, 12).CopyTo(tagged);
        BinaryPrimitives.WriteUInt16BigEndian(tagged.AsSpan(12), type);
        BinaryPrimitives.WriteUInt16BigEndian(tagged.AsSpan(14), tag);
        frame.AsSpan(12).CopyTo(tagged.AsSpan(16));
        return tagged;
    }

    public static byte[] Udp4(uint source = 0x0A000001, uint destination = 0x0A000002, ushort from = 1000, ushort to = 2000, int payload = 18,
        byte protocol = 17)
    {
        var segment = Transport(protocol, from, to, payload);
        var header = new byte[20];
        header[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(2), (ushort)(20 + segment.Length));
        header[8] = 64;
        header[9] = protocol;
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(12), source);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(16), destination);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), (ushort)~Sum(header));
        WriteTransportChecksum(segment, protocol, header.AsSpan(12, 8));
        return Ethernet(0x020000000002, 0x020000000001, 0x0800, [.. header, .. segment]);
    }

    public static byte[] Tcp6(UInt128 source, UInt128 destination, ushort from = 1000, ushort to = 2000)
    {
        var segment = Transport(6, from, to, 10);
        var header = new byte[40];
        header[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(4), (ushort)segment.Length);
        header[6] = 6;
        header[7] = 64;
        BinaryPrimitives.WriteUInt128BigEndian(header.AsSpan(8), source);
        BinaryPrimitives.WriteUInt128BigEndian(header.AsSpan(24), destination);
        WriteTransportChecksum(segment, 6, header.AsSpan(8, 32));
        return Ethernet(0x020000000002, 0x020000000001, 0x86DD, [.. header, .. segment]);
    }

    /// <summary>Whether the IPv4 header and the TCP or UDP checksum of an untagged frame are right.</summary>
    public static bool ChecksumsAreRight(byte[] frame, int offset = 14)
    {
        var ip = frame.AsSpan(offset);
        if (ip[0] >> 4 == 6)
        {
            return Fold(Raw(ip.Slice(40)) + Raw(ip.Slice(8, 32)) + ip[6] + (uint)(ip.Length - 40)) == 0xFFFF;
        }

        var total = BinaryPrimitives.ReadUInt16BigEndian(ip[2..]);
        return Sum(ip[..20]) == 0xFFFF && Fold(Raw(ip[20..total]) + Raw(ip.Slice(12, 8)) + ip[9] + (uint)(total - 20)) == 0xFFFF;
    }

    private static byte[] Transport(byte protocol, ushort from, ushort to, int payload)
    {
        var segment = new byte[(protocol == 6 ? 20 : 8) + payload];
        BinaryPrimitives.WriteUInt16BigEndian(segment, from);
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(2), to);
        if (protocol == 6)
        {
            segment[12] = 0x50;
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(4), (ushort)segment.Length);
        }

        for (var index = 0; index < payload; index++)
        {
            segment[^(index + 1)] = (byte)index;
        }

        return segment;
    }

    private static void WriteTransportChecksum(byte[] segment, byte protocol, ReadOnlySpan<byte> addresses)
    {
        var at = protocol == 6 ? 16 : 6;
        var sum = Fold(Raw(segment) + Raw(addresses) + protocol + (uint)segment.Length);
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(at), (ushort)~sum);
    }

    private static void Put48(Span<byte> target, ulong value)
    {
        for (var index = 0; index < 6; index++)
        {
            target[index] = (byte)(value >> (40 - (8 * index)));
        }
    }

    private static ushort Sum(ReadOnlySpan<byte> bytes) => Fold(Raw(bytes));

    private static uint Raw(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (var index = 0; index < bytes.Length; index++)
        {
            sum += index % 2 == 0 ? (uint)bytes[index] << 8 : bytes[index];
        }

        return sum;
    }

    private static ushort Fold(uint sum)
    {
        while (sum >> 16 != 0)
        {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return (ushort)sum;
    }
}
