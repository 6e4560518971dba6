using Oko.Datapath.Packet;
using Oko.Datapath.Tables;

namespace Oko.Agent.Rules;

/// <summary>
/// What is known about the headers of a packet that matched an entry, as far as set-field depends on it; changes along
/// an action list. A value; any thread.
/// </summary>
/// <remarks>Source: OpenFlow 1.3.5, 5.12 "Actions" and 7.2.5 "Action Structures": the match of the flow entry must contain the
/// prerequisites of the field to be set. Push and pop of VLAN tags along the list count; the EtherType is that of the payload
/// behind the tags, so they do not change it.</remarks>
/// <param name="EtherType">Known EtherType, or -1.</param>
/// <param name="IpProtocol">Known IP protocol, or -1.</param>
/// <param name="IcmpType">Known ICMPv6 type, or -1.</param>
/// <param name="VlanTags">Tags the packet has at least.</param>
internal readonly record struct MatchFacts(int EtherType, int IpProtocol, int IcmpType, int VlanTags)
{
    private const int Ipv4 = 0x0800, Arp = 0x0806, Ipv6 = 0x86DD;
    private const int Icmp = 1, Tcp = 6, Udp = 17, Icmpv6 = 58, Sctp = 132;
    private const int NeighbourSolicitation = 135, NeighbourAdvertisement = 136;
    private const uint VlanPresent = 0x1000;

    /// <summary>Nothing is known.</summary>
    public static MatchFacts None { get; } = new(-1, -1, -1, 0);

    /// <summary>What the header part of a match says.</summary>
    public static MatchFacts Of(in FlowPattern pattern)
    {
        var facts = None with { VlanTags = ((uint)pattern.Get(FlowField.VlanVid).Value & VlanPresent) != 0 ? 1 : 0 };
        facts = facts.With(FlowField.EthType, pattern);
        facts = facts.With(FlowField.IpProto, pattern);

        // Ports stand in the same place.
        return facts.IsIcmpv6 ? facts.With(FlowField.Icmpv6Type, pattern) : facts;
    }

    /// <summary>What is known once a field has a value.</summary>
    public MatchFacts After(FlowField field, UInt128 value) => field switch
    {
        FlowField.EthType => this with { EtherType = (int)(uint)value },
        FlowField.IpProto => this with { IpProtocol = (int)(uint)value },
        FlowField.Icmpv6Type => this with { IcmpType = (int)(uint)value },
        _ => this,
    };

    /// <summary>Whether the packet certainly has the header that a field stands in.</summary>
    public bool Allows(FlowField field)
    {
        switch (field)
        {
            case FlowField.VlanVid or FlowField.VlanPcp:
                return VlanTags > 0;
            case FlowField.IpDscp or FlowField.IpEcn or FlowField.IpProto:
                return IsIp;
            case FlowField.Ipv4Src or FlowField.Ipv4Dst:
                return EtherType == Ipv4;
            case FlowField.Ipv6Src or FlowField.Ipv6Dst or FlowField.Ipv6FlowLabel:
                return EtherType == Ipv6;
            case FlowField.TcpSrc or FlowField.TcpDst:
                return IsIp && IpProtocol == Tcp;
            case FlowField.UdpSrc or FlowField.UdpDst:
                return IsIp && IpProtocol == Udp;
            case FlowField.SctpSrc or FlowField.SctpDst:
                return IsIp && IpProtocol == Sctp;
            case FlowField.Icmpv4Type or FlowField.Icmpv4Code:
                return EtherType == Ipv4 && IpProtocol == Icmp;
            case FlowField.Icmpv6Type or FlowField.Icmpv6Code:
                return IsIcmpv6;
            case FlowField.Ipv6NdTarget:
                return IsIcmpv6 && IcmpType is (NeighbourSolicitation or NeighbourAdvertisement);
            case FlowField.Ipv6NdSll:
                return IsIcmpv6 && IcmpType == NeighbourSolicitation;
            case FlowField.Ipv6NdTll:
                return IsIcmpv6 && IcmpType == NeighbourAdvertisement;
            case FlowField.MplsLabel or FlowField.MplsTc or FlowField.MplsBos:
                return IsMpls;
            case FlowField.PbbIsid:
                return IsPbb;
            case FlowField.ArpOp or FlowField.ArpSpa or FlowField.ArpTpa or FlowField.ArpSha or FlowField.ArpTha:
                return EtherType == Arp;
            default:
                return true;
        }
    }

    /// <summary>What is known once there is another header behind the addresses and tags, or another EtherType.</summary>
    public MatchFacts Behind(int etherType) => this with { EtherType = etherType, IpProtocol = -1, IcmpType = -1 };

    /// <summary>Whether there certainly is an MPLS label stack entry.</summary>
    public bool IsMpls => EtherType is 0x8847 or 0x8848;

    /// <summary>Whether there certainly is a PBB service instance header.</summary>
    public bool IsPbb => EtherType == 0x88E7;

    /// <summary>Whether there certainly is an IP header.</summary>
    public bool IsIp => EtherType is Ipv4 or Ipv6;

    private bool IsIcmpv6 => EtherType == Ipv6 && IpProtocol == Icmpv6;

    // Fields that it depends on are named whole or not at all.
    private MatchFacts With(FlowField field, in FlowPattern pattern)
    {
        var (value, mask) = pattern.Get(field);
        return mask == 0 ? this : After(field, value);
    }
}
