using System.Runtime.CompilerServices;

namespace Oko.Datapath.Packet;

/// <summary>
/// The header fields of one packet in a fixed layout of 64-bit words, host order. Lives on the worker's stack;
/// a mask of a flow entry has the same layout.
/// </summary>
/// <remarks>
/// Fields that cannot occur together share bits, since each one's prerequisites (EtherType, IP protocol) are part
/// of every match that names it: IPv4, ARP and IPv6 addresses; IPv6, MPLS and PBB words; TCP, UDP, SCTP ports and ICMP type and code; ARP
/// and neighbour discovery hardware addresses.
/// <code>
/// word  63..48            47..32       31..16            15..0
///  0    in_port  (32)                  eth_type          vlan_pcp (3) vlan_vid (13)
///  1    eth_dst  (48)                                    L4 source port | ICMP type
///  2    eth_src  (48)                                    L4 destination port | ICMP code
///  3    metadata (64)
///  4-5  ipv6_src (128); ipv4_src, arp_spa in the low 32 bits of word 5
///  6-7  ipv6_dst (128); ipv4_dst, arp_tpa in the low 32 bits of word 7
///  8    arp_sha | nd_sll (48)
///  9    arp_tha | nd_tll (48)
/// 10-11 nd_target (128)
/// 12    ip_proto (8) dscp (6) ecn (2)  arp_op (16)       ipv6_exthdr (9) ipv6_flabel (20)
///                                                        mpls_bos (1) mpls_tc (3) mpls_label (20) | pbb_isid (24)
/// 13    tunnel_id (64)
/// </code>
/// </remarks>
[InlineArray(WordCount)]
public struct FlowKey
{
    /// <summary>Number of 64-bit words.</summary>
    public const int WordCount = 14;

    private ulong _word0;

    /// <summary>Reads a field, right-aligned.</summary>
    public readonly UInt128 Get(FlowField field)
    {
        var place = FieldPlace.Of(field);
        if (place.Width <= 64)
        {
            var value = this[place.Word] >> place.Shift;
            return place.Width == 64 ? value : value & ((1UL << place.Width) - 1);
        }

        return new UInt128(this[place.Word], this[place.Word + 1]);
    }

    /// <summary>Writes a field; bits beyond its width are cut off.</summary>
    public void Set(FlowField field, UInt128 value)
    {
        var place = FieldPlace.Of(field);
        if (place.Width > 64)
        {
            this[place.Word] = (ulong)(value >> 64);
            this[place.Word + 1] = (ulong)value;
            return;
        }

        var mask = place.Width == 64 ? ulong.MaxValue : (1UL << place.Width) - 1;
        this[place.Word] = (this[place.Word] & ~(mask << place.Shift)) | (((ulong)value & mask) << place.Shift);
    }
}
