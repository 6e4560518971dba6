using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Oko.Datapath.Packet;

/// <summary>Finds the headers of a packet and fills its <see cref="FlowKey"/>. Worker thread; allocates nothing, never throws.</summary>
/// <remarks>
/// Packets are hostile: each header's fixed part is compared with what is left of the packet before a byte of it is
/// read, and a header that does not fit is treated as absent, as are the transport headers of later fragments. What the
/// IP header calls the packet's end counts as well, so Ethernet padding is never taken for ports. VLAN
/// tags and IPv6 extension headers are skipped up to a bound, so the work per packet is bounded as well.
/// Source: OpenFlow 1.3.5, 5.3 "Matching" and 7.2.3.8 "Header Match Fields".
/// </remarks>
public static unsafe class FlowKeyExtractor
{
    private const int EthernetBytes = 14;
    private const int MaxVlanTags = 8;
    private const int MaxExtensionHeaders = 8;
    private const ushort Vlan = 0x8100, ServiceVlan = 0x88A8, Ipv4 = 0x0800, Arp = 0x0806, Ipv6 = 0x86DD, NoType = 0x05FF;
    private const ushort MplsUnicast = 0x8847, MplsMulticast = 0x8848, Pbb = 0x88E7;
    private const byte Icmp = 1, Tcp = 6, Udp = 17, Icmpv6 = 58, Sctp = 132;

    /// <summary>Parses the packet anew; <see cref="PacketView.InPort"/>, Metadata and TunnelId go into the key as they are.</summary>
    // SAFETY: every access is preceded by a comparison of its end with packet.Length, see the remarks of PacketView.
    public static void Extract(ref PacketView packet, out FlowKey key)
    {
        key = default;

        // SAFETY: the offsets are eight numbers one behind the other, the place of the EtherType last.
        Unsafe.As<int, Vector256<int>>(ref packet.VlanOffset) = Vector256.Create(-1, -1, -1, -1, -1, -1, -1, 12);
        packet.EthType = 0;
        packet.Proto = 0;
        packet.IsFragment = packet.IsSourceRouted = false;
        key[6] = packet.Metadata;
        key[7] = packet.TunnelId;
        if (packet.Length < EthernetBytes)
        {
            key[0] = (ulong)packet.InPort << 32;
            return;
        }

        var data = packet.Data;
        key[4] = (Read64(data) >> 16) << 16;
        key[5] = (Read64(data + 6) >> 16) << 16;
        ulong vlan = 0;
        var offset = 12;
        var type = Read16(data + offset);
        if (type is Vlan or ServiceVlan && packet.Length >= EthernetBytes + 4)
        {
            packet.VlanOffset = offset;
            for (var tags = 0; type is Vlan or ServiceVlan && tags < MaxVlanTags && offset + 6 <= packet.Length; tags++)
            {
                if (tags == 0)
                {
                    var tag = Read16(data + offset + 2);
                    vlan = 0x1000u | (tag & 0x0FFFu) | ((ulong)(tag >> 13) << 13);
                }

                offset += 4;
                type = Read16(data + offset);
            }
        }

        packet.EthTypeOffset = offset;
        offset += 2;
        if (type < 0x0600)
        {
            // IEEE 802.3 length; with an LLC/SNAP header of OUI 0 the type stands behind that.
            var snap = packet.Length - offset >= 8 && Read32(data + offset) == 0xAAAA0300 && Read16(data + offset + 4) == 0;
            type = snap && Read16(data + offset + 6) >= 0x0600 ? Read16(data + offset + 6) : NoType;
            packet.EthTypeOffset = snap ? offset + 6 : packet.EthTypeOffset;
            offset += snap ? 8 : 0;
        }

        packet.EthType = type;
        key[0] = ((ulong)packet.InPort << 32) | ((ulong)type << 16) | vlan;
        switch (type)
        {
            case Ipv4:
                ExtractIpv4(ref packet, ref key, offset);
                break;
            case Ipv6:
                ExtractIpv6(ref packet, ref key, offset);
                break;
            case Arp:
                ExtractArp(ref packet, ref key, offset);
                break;
            case MplsUnicast or MplsMulticast when packet.Length - offset >= 4:
                // label (20) class (3) bottom of stack (1) TTL (8), RFC 3032, 2.1.
                var entry = Read32(data + offset);
                key[3] = (entry >> 12) | ((entry & 0xE00) << 11) | ((entry & 0x100) << 15);
                break;
            case Pbb when packet.Length - offset >= 4:
                key[3] = Read32(data + offset) & 0xFFFFFF;
                break;
        }
    }

    /// <summary>What <see cref="Extract"/> would give after a VLAN tag was pushed or popped, found from what it gave before where that says enough.</summary>
    /// <param name="packet">The packet as it is now, its offsets as they were.</param>
    /// <param name="key">The key as it was.</param>
    /// <param name="grown">Bytes by which the packet grew: 4, or -4; anything else (it was padded) has it parsed anew.</param>
    internal static void FollowTag(ref PacketView packet, ref FlowKey key, int grown)
    {
        // With a tag more than before, the bound on tags may hide what is behind; with one less, another may be outermost; a packet that ends
        // in the tags is left to the parser.
        const int mostTagBytes = (MaxVlanTags - 2) * 4;
        var data = packet.Data;
        var isPush = grown == 4;
        var isKnown = packet.EthType is not (Vlan or ServiceVlan)
            && (isPush ? packet.EthTypeOffset <= 12 + mostTagBytes && Read16(data + 12) is Vlan or ServiceVlan : grown == -4 && Read16(data + 12) is not (Vlan or ServiceVlan));
        if (!isKnown)
        {
            Extract(ref packet, out key);
            return;
        }

        ulong vlan = 0;
        if (isPush)
        {
            var tag = Read16(data + 14);
            vlan = 0x1000u | (tag & 0x0FFFu) | ((ulong)(tag >> 13) << 13);
        }

        key[0] = (key[0] & ~0xFFFFUL) | vlan;
        packet.VlanOffset = isPush ? 12 : -1;
        packet.EthTypeOffset += grown;
        Shift(ref packet.L3Offset, grown);
        Shift(ref packet.L4Offset, grown);
        Shift(ref packet.ProtoOffset, grown);
        Shift(ref packet.NdTargetOffset, grown);
        Shift(ref packet.NdSllOffset, grown);
        Shift(ref packet.NdTllOffset, grown);
    }

    private static void Shift(ref int offset, int by) => offset += offset < 0 ? 0 : by;

    private static void ExtractIpv4(ref PacketView packet, ref FlowKey key, int offset)
    {
        var left = packet.Length - offset;
        var header = packet.Data + offset;
        if (left < 20)
        {
            return;
        }

        var headerBytes = (header[0] & 0x0F) * 4;
        if (header[0] >> 4 != 4 || headerBytes < 20 || headerBytes > left)
        {
            return;
        }

        packet.L3Offset = offset;
        packet.ProtoOffset = offset + 9;
        packet.Proto = header[9];
        key[1] = Read32(header + 12);
        key[2] = Read32(header + 16);
        key[3] = ((ulong)header[9] << 56) | ((ulong)header[1] << 48);
        var fragment = Read16(header + 6);
        packet.IsFragment = (fragment & 0x3FFF) != 0;
        var laterFragment = (fragment & 0x1FFF) != 0;
        if (!laterFragment)
        {
            ExtractTransport(ref packet, ref key, offset + headerBytes, offset + Math.Min(left, Read16(header + 2)));
        }
    }

    private static void ExtractIpv6(ref PacketView packet, ref FlowKey key, int offset)
    {
        if (packet.Length - offset < 40 || packet.Data[offset] >> 4 != 6)
        {
            return;
        }

        var header = packet.Data + offset;
        packet.L3Offset = offset;
        var word = Read32(header);
        key[8] = Read64(header + 8);
        key[1] = Read64(header + 16);
        key[9] = Read64(header + 24);
        key[2] = Read64(header + 32);
        var next = header[6];
        packet.ProtoOffset = offset + 6;
        var at = offset + 40;
        // 0 is a jumbogram, whose length stands in a hop-by-hop option; it cannot be longer than the frame either.
        var payload = Read16(header + 4);
        var end = payload == 0 && next == 0 ? packet.Length : Math.Min(packet.Length, at + payload);
        var laterFragment = false;
        var extensions = default(ExtensionHeaders);
        for (var count = 0; count < MaxExtensionHeaders && end - at >= 8; count++)
        {
            var extension = packet.Data + at;
            int bytes;
            if (next is 0 or 43 or 60 or 135)           // hop-by-hop, routing, destination options, mobility
            {
                bytes = (extension[1] + 1) * 8;
                packet.IsSourceRouted |= next == 43 && extension[3] != 0;
            }
            else if (next == 51)                        // authentication header
            {
                bytes = (extension[1] + 2) * 4;
            }
            else if (next == 44)                        // fragment
            {
                bytes = 8;
                packet.IsFragment = (Read16(extension + 2) & 0xFFF9) != 0;
                laterFragment = (Read16(extension + 2) & 0xFFF8) != 0;
            }
            else
            {
                break;
            }

            if (bytes > end - at)
            {
                break;
            }

            packet.ProtoOffset = at;
            extensions.Note(next);
            next = extension[0];
            at += bytes;
            if (laterFragment)
            {
                break;
            }
        }

        packet.Proto = next;
        extensions.Note(next);
        key[3] = ((ulong)extensions.Bits << 20) | ((ulong)next << 56) | ((ulong)((word >> 20) & 0xFF) << 48) | (word & 0xFFFFF);
        if (!laterFragment)
        {
            ExtractTransport(ref packet, ref key, at, end);
        }
    }

    private static void ExtractArp(ref PacketView packet, ref FlowKey key, int offset)
    {
        var header = packet.Data + offset;
        // Ethernet and IPv4 addresses only: other sizes have their fields elsewhere.
        if (packet.Length - offset < 28 || Read32(header) != 0x00010800 || Read16(header + 4) != 0x0604)
        {
            return;
        }

        packet.L3Offset = offset;
        key[3] = (ulong)Read16(header + 6) << 32;
        key[10] = Read64(header + 8) >> 16;
        key[1] = Read32(header + 14);
        key[11] = Read64(header + 18) >> 16;
        key[2] = Read32(header + 24);
    }

    /// <param name="packet">The packet, with the protocol found.</param>
    /// <param name="key">Gets the fields.</param>
    /// <param name="offset">Where the transport header begins.</param>
    /// <param name="end">Where the IP packet ends, at most the packet's length.</param>
    private static void ExtractTransport(ref PacketView packet, ref FlowKey key, int offset, int end)
    {
        var left = end - offset;
        var header = packet.Data + offset;
        switch (packet.Proto)
        {
            case Tcp when left >= 20:
            case Udp when left >= 8:
            case Sctp when left >= 12:
                packet.L4Offset = offset;
                key[4] |= Read16(header);
                key[5] |= Read16(header + 2);
                break;
            case Icmp when left >= 4 && packet.EthType == Ipv4:
                packet.L4Offset = offset;
                key[4] |= header[0];
                key[5] |= header[1];
                break;
            case Icmpv6 when left >= 4 && packet.EthType == Ipv6:
                packet.L4Offset = offset;
                key[4] |= header[0];
                key[5] |= header[1];
                if (header[0] is 135 or 136 && header[1] == 0 && left >= 24)
                {
                    ExtractNeighbourDiscovery(ref packet, ref key, offset, end);
                }

                break;
        }
    }

    private static void ExtractNeighbourDiscovery(ref PacketView packet, ref FlowKey key, int offset, int end)
    {
        var type = packet.Data[offset];
        packet.NdTargetOffset = offset + 8;
        key[12] = Read64(packet.Data + offset + 8);
        key[13] = Read64(packet.Data + offset + 16);
        var at = offset + 24;
        while (end - at >= 8)
        {
            var option = packet.Data + at;
            if (option[1] == 0 || option[1] * 8 > end - at)
            {
                return;
            }

            // Source address in solicitations, target address in advertisements, as the fields' prerequisites say.
            if (option[0] == 1 && type == 135 && packet.NdSllOffset < 0)
            {
                packet.NdSllOffset = at + 2;
                key[10] = Read64(option) & 0xFFFFFFFFFFFF;
            }
            else if (option[0] == 2 && type == 136 && packet.NdTllOffset < 0)
            {
                packet.NdTllOffset = at + 2;
                key[11] = Read64(option) & 0xFFFFFFFFFFFF;
            }

            at += option[1] * 8;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ushort Read16(byte* at) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<ushort>(at));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Read32(byte* at) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<uint>(at));

    // Reads of 48-bit addresses load 64 bits: in the Ethernet header the two bytes behind them are the next header's, in ARP
    // and neighbour discovery the caller checked the larger structure.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Read64(byte* at) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<ulong>(at));
}
