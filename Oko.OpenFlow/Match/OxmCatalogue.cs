using System.Collections.Immutable;
using Oko.OpenFlow.OkoExtension;

namespace Oko.OpenFlow.Match;

/// <summary>Every match field that can be named: the 40 of OpenFlow 1.3 and the filter of our extension.
/// Source: OpenFlow 1.3.5, 7.2.3.7 "Flow Match Fields", table 13.</summary>
public static class OxmCatalogue
{
    /// <summary>OFPXMC_OPENFLOW_BASIC.</summary>
    public const ushort BasicClass = 0x8000;

    /// <summary>OFPXMC_EXPERIMENTER.</summary>
    public const ushort ExperimenterClass = 0xFFFF;

    /// <summary>OXM_OF_IN_PORT.</summary>
    public static readonly OxmField InPort = Basic(0, "in_port", 4, 32, false, null);

    /// <summary>OXM_OF_IN_PHY_PORT.</summary>
    public static readonly OxmField InPhyPort = Basic(1, "in_phy_port", 4, 32, false, new OxmPrerequisite(0, []));

    /// <summary>OXM_OF_METADATA.</summary>
    public static readonly OxmField Metadata = Basic(2, "metadata", 8, 64, true, null);

    /// <summary>OXM_OF_ETH_DST.</summary>
    public static readonly OxmField EthDst = Basic(3, "eth_dst", 6, 48, true, null);

    /// <summary>OXM_OF_ETH_SRC.</summary>
    public static readonly OxmField EthSrc = Basic(4, "eth_src", 6, 48, true, null);

    /// <summary>OXM_OF_ETH_TYPE.</summary>
    public static readonly OxmField EthType = Basic(5, "eth_type", 2, 16, false, null);

    /// <summary>OXM_OF_VLAN_VID.</summary>
    public static readonly OxmField VlanVid = Basic(6, "vlan_vid", 2, 13, true, null);

    /// <summary>OXM_OF_VLAN_PCP.</summary>
    public static readonly OxmField VlanPcp = Basic(7, "vlan_pcp", 1, 3, false, new OxmPrerequisite(6, []));

    /// <summary>OXM_OF_IP_DSCP.</summary>
    public static readonly OxmField IpDscp = Basic(8, "ip_dscp", 1, 6, false, new OxmPrerequisite(5, [0x0800, 0x86DD]));

    /// <summary>OXM_OF_IP_ECN.</summary>
    public static readonly OxmField IpEcn = Basic(9, "ip_ecn", 1, 2, false, new OxmPrerequisite(5, [0x0800, 0x86DD]));

    /// <summary>OXM_OF_IP_PROTO.</summary>
    public static readonly OxmField IpProto = Basic(10, "ip_proto", 1, 8, false, new OxmPrerequisite(5, [0x0800, 0x86DD]));

    /// <summary>OXM_OF_IPV4_SRC.</summary>
    public static readonly OxmField Ipv4Src = Basic(11, "ipv4_src", 4, 32, true, new OxmPrerequisite(5, [0x0800]));

    /// <summary>OXM_OF_IPV4_DST.</summary>
    public static readonly OxmField Ipv4Dst = Basic(12, "ipv4_dst", 4, 32, true, new OxmPrerequisite(5, [0x0800]));

    /// <summary>OXM_OF_TCP_SRC.</summary>
    public static readonly OxmField TcpSrc = Basic(13, "tcp_src", 2, 16, false, new OxmPrerequisite(10, [6]));

    /// <summary>OXM_OF_TCP_DST.</summary>
    public static readonly OxmField TcpDst = Basic(14, "tcp_dst", 2, 16, false, new OxmPrerequisite(10, [6]));

    /// <summary>OXM_OF_UDP_SRC.</summary>
    public static readonly OxmField UdpSrc = Basic(15, "udp_src", 2, 16, false, new OxmPrerequisite(10, [17]));

    /// <summary>OXM_OF_UDP_DST.</summary>
    public static readonly OxmField UdpDst = Basic(16, "udp_dst", 2, 16, false, new OxmPrerequisite(10, [17]));

    /// <summary>OXM_OF_SCTP_SRC.</summary>
    public static readonly OxmField SctpSrc = Basic(17, "sctp_src", 2, 16, false, new OxmPrerequisite(10, [132]));

    /// <summary>OXM_OF_SCTP_DST.</summary>
    public static readonly OxmField SctpDst = Basic(18, "sctp_dst", 2, 16, false, new OxmPrerequisite(10, [132]));

    /// <summary>OXM_OF_ICMPV4_TYPE.</summary>
    public static readonly OxmField Icmpv4Type = Basic(19, "icmpv4_type", 1, 8, false, new OxmPrerequisite(10, [1]));

    /// <summary>OXM_OF_ICMPV4_CODE.</summary>
    public static readonly OxmField Icmpv4Code = Basic(20, "icmpv4_code", 1, 8, false, new OxmPrerequisite(10, [1]));

    /// <summary>OXM_OF_ARP_OP.</summary>
    public static readonly OxmField ArpOp = Basic(21, "arp_op", 2, 16, false, new OxmPrerequisite(5, [0x0806]));

    /// <summary>OXM_OF_ARP_SPA.</summary>
    public static readonly OxmField ArpSpa = Basic(22, "arp_spa", 4, 32, true, new OxmPrerequisite(5, [0x0806]));

    /// <summary>OXM_OF_ARP_TPA.</summary>
    public static readonly OxmField ArpTpa = Basic(23, "arp_tpa", 4, 32, true, new OxmPrerequisite(5, [0x0806]));

    /// <summary>OXM_OF_ARP_SHA.</summary>
    public static readonly OxmField ArpSha = Basic(24, "arp_sha", 6, 48, true, new OxmPrerequisite(5, [0x0806]));

    /// <summary>OXM_OF_ARP_THA.</summary>
    public static readonly OxmField ArpTha = Basic(25, "arp_tha", 6, 48, true, new OxmPrerequisite(5, [0x0806]));

    /// <summary>OXM_OF_IPV6_SRC.</summary>
    public static readonly OxmField Ipv6Src = Basic(26, "ipv6_src", 16, 128, true, new OxmPrerequisite(5, [0x86DD]));

    /// <summary>OXM_OF_IPV6_DST.</summary>
    public static readonly OxmField Ipv6Dst = Basic(27, "ipv6_dst", 16, 128, true, new OxmPrerequisite(5, [0x86DD]));

    /// <summary>OXM_OF_IPV6_FLABEL.</summary>
    public static readonly OxmField Ipv6Flabel = Basic(28, "ipv6_flabel", 4, 20, true, new OxmPrerequisite(5, [0x86DD]));

    /// <summary>OXM_OF_ICMPV6_TYPE.</summary>
    public static readonly OxmField Icmpv6Type = Basic(29, "icmpv6_type", 1, 8, false, new OxmPrerequisite(10, [58]));

    /// <summary>OXM_OF_ICMPV6_CODE.</summary>
    public static readonly OxmField Icmpv6Code = Basic(30, "icmpv6_code", 1, 8, false, new OxmPrerequisite(10, [58]));

    /// <summary>OXM_OF_IPV6_ND_TARGET.</summary>
    public static readonly OxmField Ipv6NdTarget = Basic(31, "ipv6_nd_target", 16, 128, false, new OxmPrerequisite(29, [135, 136]));

    /// <summary>OXM_OF_IPV6_ND_SLL.</summary>
    public static readonly OxmField Ipv6NdSll = Basic(32, "ipv6_nd_sll", 6, 48, false, new OxmPrerequisite(29, [135]));

    /// <summary>OXM_OF_IPV6_ND_TLL.</summary>
    public static readonly OxmField Ipv6NdTll = Basic(33, "ipv6_nd_tll", 6, 48, false, new OxmPrerequisite(29, [136]));

    /// <summary>OXM_OF_MPLS_LABEL.</summary>
    public static readonly OxmField MplsLabel = Basic(34, "mpls_label", 4, 20, false, new OxmPrerequisite(5, [0x8847, 0x8848]));

    /// <summary>OXM_OF_MPLS_TC.</summary>
    public static readonly OxmField MplsTc = Basic(35, "mpls_tc", 1, 3, false, new OxmPrerequisite(5, [0x8847, 0x8848]));

    /// <summary>OXM_OF_MPLS_BOS.</summary>
    public static readonly OxmField MplsBos = Basic(36, "mpls_bos", 1, 1, false, new OxmPrerequisite(5, [0x8847, 0x8848]));

    /// <summary>OXM_OF_PBB_ISID.</summary>
    public static readonly OxmField PbbIsid = Basic(37, "pbb_isid", 3, 24, true, new OxmPrerequisite(5, [0x88E7]));

    /// <summary>OXM_OF_TUNNEL_ID.</summary>
    public static readonly OxmField TunnelId = Basic(38, "tunnel_id", 8, 64, true, null);

    /// <summary>OXM_OF_IPV6_EXTHDR.</summary>
    public static readonly OxmField Ipv6Exthdr = Basic(39, "ipv6_exthdr", 2, 9, true, new OxmPrerequisite(5, [0x86DD]));

    /// <summary>The filter of the Oko extension: matches packets for which that filter says match.</summary>
    public static readonly OxmField Filter = new(ExperimenterClass, 0, OkoExperimenter.Id, "filter", 4, 32, false, null);

    /// <summary>The standard fields, by number.</summary>
    public static readonly ImmutableArray<OxmField> Basics =
    [
        InPort, InPhyPort, Metadata, EthDst, EthSrc, EthType, VlanVid, VlanPcp,
        IpDscp, IpEcn, IpProto, Ipv4Src, Ipv4Dst, TcpSrc, TcpDst, UdpSrc,
        UdpDst, SctpSrc, SctpDst, Icmpv4Type, Icmpv4Code, ArpOp, ArpSpa, ArpTpa,
        ArpSha, ArpTha, Ipv6Src, Ipv6Dst, Ipv6Flabel, Icmpv6Type, Icmpv6Code, Ipv6NdTarget,
        Ipv6NdSll, Ipv6NdTll, MplsLabel, MplsTc, MplsBos, PbbIsid, TunnelId, Ipv6Exthdr,
    ];

    private static readonly Dictionary<string, OxmField> ByName =
        Basics.Append(Filter).ToDictionary(field => field.Name, StringComparer.Ordinal);

    /// <summary>The field of a class and number, or null.</summary>
    public static OxmField? Find(ushort oxmClass, byte number, uint experimenter) => oxmClass switch
    {
        BasicClass when number < Basics.Length => Basics[number],
        ExperimenterClass when experimenter == OkoExperimenter.Id && number == Filter.Number => Filter,
        _ => null,
    };

    /// <summary>The field of a name, or null.</summary>
    public static OxmField? Find(string name) => ByName.GetValueOrDefault(name);

    private static OxmField Basic(byte number, string name, int bytes, int bits, bool maskable, OxmPrerequisite? prerequisite) =>
        new(BasicClass, number, 0, name, bytes, bits, maskable, prerequisite);
}
