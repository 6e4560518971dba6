namespace Oko.Datapath.Packet;

/// <summary>The match fields of OpenFlow 1.3, numbered as their OXM field numbers. Source: OpenFlow 1.3.5, 7.2.3.7 "Flow Match Fields".</summary>
public enum FlowField : byte
{
    /// <summary>Ingress port.</summary>
    InPort = 0,

    /// <summary>Physical ingress port.</summary>
    InPhyPort = 1,

    /// <summary>Metadata passed between tables.</summary>
    Metadata = 2,

    /// <summary>Ethernet destination.</summary>
    EthDst = 3,

    /// <summary>Ethernet source.</summary>
    EthSrc = 4,

    /// <summary>EtherType of the payload behind VLAN tags.</summary>
    EthType = 5,

    /// <summary>VLAN id with bit 0x1000 for "tagged"; 0 without a tag.</summary>
    VlanVid = 6,

    /// <summary>VLAN priority.</summary>
    VlanPcp = 7,

    /// <summary>DSCP, 6 bits.</summary>
    IpDscp = 8,

    /// <summary>ECN, 2 bits.</summary>
    IpEcn = 9,

    /// <summary>IP protocol.</summary>
    IpProto = 10,

    /// <summary>IPv4 source.</summary>
    Ipv4Src = 11,

    /// <summary>IPv4 destination.</summary>
    Ipv4Dst = 12,

    /// <summary>TCP source port.</summary>
    TcpSrc = 13,

    /// <summary>TCP destination port.</summary>
    TcpDst = 14,

    /// <summary>UDP source port.</summary>
    UdpSrc = 15,

    /// <summary>UDP destination port.</summary>
    UdpDst = 16,

    /// <summary>SCTP source port.</summary>
    SctpSrc = 17,

    /// <summary>SCTP destination port.</summary>
    SctpDst = 18,

    /// <summary>ICMP type.</summary>
    Icmpv4Type = 19,

    /// <summary>ICMP code.</summary>
    Icmpv4Code = 20,

    /// <summary>ARP opcode.</summary>
    ArpOp = 21,

    /// <summary>ARP source IPv4 address.</summary>
    ArpSpa = 22,

    /// <summary>ARP target IPv4 address.</summary>
    ArpTpa = 23,

    /// <summary>ARP source hardware address.</summary>
    ArpSha = 24,

    /// <summary>ARP target hardware address.</summary>
    ArpTha = 25,

    /// <summary>IPv6 source.</summary>
    Ipv6Src = 26,

    /// <summary>IPv6 destination.</summary>
    Ipv6Dst = 27,

    /// <summary>IPv6 flow label, 20 bits.</summary>
    Ipv6FlowLabel = 28,

    /// <summary>ICMPv6 type.</summary>
    Icmpv6Type = 29,

    /// <summary>ICMPv6 code.</summary>
    Icmpv6Code = 30,

    /// <summary>Target address of neighbour discovery.</summary>
    Ipv6NdTarget = 31,

    /// <summary>Source link-layer address option of neighbour solicitation.</summary>
    Ipv6NdSll = 32,

    /// <summary>Target link-layer address option of neighbour advertisement.</summary>
    Ipv6NdTll = 33,

    /// <summary>MPLS label.</summary>
    MplsLabel = 34,

    /// <summary>MPLS traffic class.</summary>
    MplsTc = 35,

    /// <summary>MPLS bottom of stack.</summary>
    MplsBos = 36,

    /// <summary>PBB I-SID.</summary>
    PbbIsid = 37,

    /// <summary>Logical port metadata.</summary>
    TunnelId = 38,

    /// <summary>IPv6 extension header pseudo-field.</summary>
    Ipv6ExtHdr = 39,
}
