using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Oko.Datapath.Packet;

/// <summary>Internet checksums (RFC 1071, RFC 1624) and the CRC32c of SCTP (RFC 9260), on packet bytes in network order.</summary>
public static unsafe class Checksums
{
    /// <summary>The checksum after one 16-bit word changed. All values as they stand in the packet, read big-endian.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Update(ushort checksum, ushort before, ushort after)
    {
        // RFC 1624, equation 3.
        var sum = (uint)(ushort)~checksum + (ushort)~before + after;
        sum = (sum & 0xFFFF) + (sum >> 16);
        sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~sum;
    }

    /// <summary>Adds the big-endian 16-bit words of a block to a sum; an odd last byte counts as the high half of a word.</summary>
    // SAFETY: the caller has checked that count bytes from data lie inside the packet.
    public static ulong Add(ulong sum, byte* data, int count)
    {
        while (count >= 4)
        {
            sum += BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<uint>(data));
            data += 4;
            count -= 4;
        }

        if (count >= 2)
        {
            sum += BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<ushort>(data));
            data += 2;
            count -= 2;
        }

        return count == 1 ? sum + ((ulong)data[0] << 8) : sum;
    }

    /// <summary>Folds a sum to 16 bits.</summary>
    public static ushort Fold(ulong sum)
    {
        while (sum >> 16 != 0)
        {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return (ushort)sum;
    }

    /// <summary>
    /// Completes the checksum of a TCP, UDP or SCTP packet whose sender left it to hardware that does not exist; true if it did.
    /// </summary>
    /// <remarks>
    /// On virtual links Linux hands packets over with only the pseudo-header's sum in the checksum field (SCTP: 0), and what tells
    /// so (skb metadata) does not reach an AF_XDP socket. Such a packet is known by just that: its field equals the
    /// folded pseudo-header sum. A packet with a correct full checksum has this value once in 65,536 and gets the same
    /// correct checksum again, so nothing right is made wrong.
    /// </remarks>
    public static bool CompletePartial(ref PacketView packet)
    {
        // A fragment does not hold what the checksum covers; Linux completes it before it fragments.
        if (packet.L4Offset < 0 || packet.IsFragment || packet.Proto is not (6 or 17 or 132))
        {
            return false;
        }

        // SAFETY: L3Offset and L4Offset are set, so both fixed headers lie inside the packet, as do the bytes counted here.
        var l3 = packet.Data + packet.L3Offset;
        var l4 = packet.Data + packet.L4Offset;
        if (packet.Proto == 132)
        {
            if (Unsafe.ReadUnaligned<uint>(l4 + 8) != 0)
            {
                return false;
            }

            WriteSctp(l4, TransportBytes(packet));
            return true;
        }

        var field = l4 + (packet.Proto == 6 ? 16 : 6);
        var bytes = TransportBytes(packet);
        var pseudo = packet.EthType == 0x0800 ? Add(0, l3 + 12, 8) : Add(0, l3 + 8, 32);
        var partial = Fold(pseudo + packet.Proto + (uint)bytes);
        if (ReadWord(field) != partial)
        {
            return false;
        }

        WriteWord(field, 0);
        var full = (ushort)~Fold(Add(partial, l4, bytes));
        WriteWord(field, full == 0 && packet.Proto == 17 ? (ushort)0xFFFF : full);
        return true;
    }

    /// <summary>
    /// Bytes from the transport header to the end of the IP packet, or of the frame if that is shorter. For packets whose
    /// L4Offset is set; then it covers at least the fixed transport header.
    /// </summary>
    internal static int TransportBytes(in PacketView packet)
    {
        var left = packet.Length - packet.L4Offset;
        var header = packet.Data + packet.L3Offset;
        if (packet.EthType == 0x0800)
        {
            return Math.Min(left, ReadWord(header + 2) - (packet.L4Offset - packet.L3Offset));
        }

        var payload = ReadWord(header + 4);
        return payload == 0 ? left : Math.Min(left, payload + 40 - (packet.L4Offset - packet.L3Offset));
    }

    /// <summary>Writes the CRC32c of an SCTP packet.</summary>
    /// <param name="packet">SAFETY: at least 12 bytes; bytes of them lie inside the packet.</param>
    /// <param name="bytes">Size of the SCTP packet in bytes.</param>
    public static void WriteSctp(byte* packet, int bytes)
    {
        Unsafe.WriteUnaligned(packet + 8, 0u);
        var crc = 0xFFFFFFFFu;
        var at = 0;
        for (; bytes - at >= 8; at += 8)
        {
            crc = BitOperations.Crc32C(crc, Unsafe.ReadUnaligned<ulong>(packet + at));
        }

        for (; at < bytes; at++)
        {
            crc = BitOperations.Crc32C(crc, packet[at]);
        }

        Unsafe.WriteUnaligned(packet + 8, ~crc);
    }

    internal static ushort ReadWord(byte* at) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<ushort>(at));

    internal static void WriteWord(byte* at, ushort value) => Unsafe.WriteUnaligned(at, BinaryPrimitives.ReverseEndianness(value));
}
