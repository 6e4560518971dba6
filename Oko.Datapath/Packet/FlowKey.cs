using System.Runtime.CompilerServices;

namespace Oko.Datapath.Packet;

/// <summary>
/// The header fields of one packet in a fixed layout of 64-bit words, host order. Lives on the worker's stack;
/// a mask of a flow entry has the same layout.
/// </summary>
/// <remarks>
/// Fields that cannot occur together share bits, since each one's prerequisites (EtherType, IP protocol) are part
/// of every match that names it: IPv4, ARP and IPv6 addresses; IPv6, MPLS and PBB words; TCP, UDP, SCTP ports and ICMP type and code; ARP
/// and neighbour discovery hardware addresses. Lookups go by blocks of four words, and pass over blocks in which a mask names nothing:
/// so fields that are matched together stand together, those of an IPv4 flow in the first two blocks.
/// <code>
/// word  63..48            47..32       31..16            15..0
///  0    in_port  (32)                  eth_type          vlan_pcp (3) vlan_vid (13)
///  1    ipv6_src low (64); ipv4_src, arp_spa in the low 32 bits
///  2    ipv6_dst low (64); ipv4_dst, arp_tpa in the low 32 bits
///  3    ip_proto (8) dscp (6) ecn (2)  arp_op (16)       ipv6_exthdr (9) ipv6_flabel (20)
///                                                        mpls_bos (1) mpls_tc (3) mpls_label (20) | pbb_isid (24)
///  4    eth_dst (48)                                     L4 source port | ICMP type
///  5    eth_src (48)                                     L4 destination port | ICMP code
///  6    metadata (64)
///  7    tunnel_id (64)
///  8    ipv6_src high (64)
///  9    ipv6_dst high (64)
/// 10    arp_sha | nd_sll (48)
/// 11    arp_tha | nd_tll (48)
/// 12    nd_target high (64)
/// 13    nd_target low (64)
/// 14-15 always 0
/// </code>
/// </remarks>
[InlineArray(WordCount)]
public struct FlowKey
{
    /// <summary>Number of 64-bit words.</summary>
    public const int WordCount = 16;

    private ulong _word0;

    /// <summary>Reads a field, right-aligned.</summary>
    public readonly UInt128 Get(FlowField field) => FieldPlace.Of(field).Read(this);

    /// <summary>Writes a field; bits beyond its width are cut off.</summary>
    public void Set(FlowField field, UInt128 value)
    {
        var place = FieldPlace.Of(field);
        if (place.Width > 64)
        {
            this[place.HighWord] = (ulong)(value >> 64);
            this[place.Word] = (ulong)value;
            return;
        }

        var mask = place.Width == 64 ? ulong.MaxValue : (1UL << place.Width) - 1;
        this[place.Word] = (this[place.Word] & ~(mask << place.Shift)) | (((ulong)value & mask) << place.Shift);
    }
}
