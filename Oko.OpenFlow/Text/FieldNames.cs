using Oko.OpenFlow.Match;

namespace Oko.OpenFlow.Text;

/// <summary>A protocol that one word of a match stands for.</summary>
/// <param name="Name">The word, as <c>tcp6</c>.</param>
/// <param name="EthType">The EtherType it means.</param>
/// <param name="IpProto">The IP protocol it means, or null.</param>
internal sealed record ProtocolWord(string Name, ushort EthType, byte? IpProto);

/// <summary>
/// Names of match fields in flow syntax. <c>ovs-ofctl</c> has names older than OpenFlow 1.3 (<c>nw_src</c>, <c>tp_dst</c>) whose field depends
/// on the protocol matched; both kinds are known here. Source: manual page ovs-fields(7) of Open vSwitch 3.1. Stateless.
/// </summary>
internal static class FieldNames
{
    public const ushort Ipv4 = 0x0800;
    public const ushort Arp = 0x0806;
    public const ushort Ipv6 = 0x86DD;
    public const byte Icmpv4 = 1;
    public const byte Tcp = 6;
    public const byte Udp = 17;
    public const byte Icmpv6 = 58;
    public const byte Sctp = 132;

    private static readonly ProtocolWord[] Words =
    [
        new("tcp", Ipv4, Tcp), new("udp", Ipv4, Udp), new("icmp", Ipv4, Icmpv4), new("sctp", Ipv4, Sctp),
        new("tcp6", Ipv6, Tcp), new("udp6", Ipv6, Udp), new("icmp6", Ipv6, Icmpv6), new("sctp6", Ipv6, Sctp),
        new("ip", Ipv4, null), new("ipv6", Ipv6, null), new("arp", Arp, null), new("rarp", 0x8035, null),
        new("mpls", 0x8847, null), new("mplsm", 0x8848, null),
    ];

    private static readonly Dictionary<string, ProtocolWord> WordsByName = Words.ToDictionary(word => word.Name, StringComparer.Ordinal);

    private static readonly Dictionary<string, OxmField> Fixed = new(StringComparer.Ordinal)
    {
        ["dl_src"] = OxmCatalogue.EthSrc,
        ["dl_dst"] = OxmCatalogue.EthDst,
        ["dl_type"] = OxmCatalogue.EthType,
        ["dl_vlan_pcp"] = OxmCatalogue.VlanPcp,
        ["ip_src"] = OxmCatalogue.Ipv4Src,
        ["ip_dst"] = OxmCatalogue.Ipv4Dst,
        ["nw_ecn"] = OxmCatalogue.IpEcn,
        ["ipv6_label"] = OxmCatalogue.Ipv6Flabel,
        ["nd_target"] = OxmCatalogue.Ipv6NdTarget,
        ["nd_sll"] = OxmCatalogue.Ipv6NdSll,
        ["nd_tll"] = OxmCatalogue.Ipv6NdTll,
        ["tun_id"] = OxmCatalogue.TunnelId,
    };

    /// <summary>The protocol a word stands for, or null.</summary>
    public static ProtocolWord? Word(string name) => WordsByName.GetValueOrDefault(name);

    /// <summary>The word for what a match says, or null.</summary>
    public static ProtocolWord? Word(ushort ethType, byte? ipProto) =>
        Words.FirstOrDefault(word => word.EthType == ethType && word.IpProto == ipProto)
            ?? Words.FirstOrDefault(word => word.EthType == ethType && word.IpProto is null);

    /// <summary>The field of a name whose meaning depends on no other field, or null.</summary>
    public static OxmField? Find(string name) => Fixed.GetValueOrDefault(name) ?? OxmCatalogue.Find(name);

    /// <summary>Whether the meaning of a name depends on the protocol matched.</summary>
    public static bool IsGeneric(string name) => name is "nw_proto" or "nw_src" or "nw_dst" or "tp_src" or "tp_dst" or "icmp_type" or "icmp_code";

    /// <summary>The field that a name means for the protocol matched.</summary>
    /// <exception cref="FormatException">The protocol has no such field.</exception>
    public static OxmField Resolve(string name, ushort? ethType, byte? ipProto) => (name, ethType, ipProto) switch
    {
        ("nw_proto", Arp, _) => OxmCatalogue.ArpOp,
        ("nw_proto", Ipv4 or Ipv6, _) => OxmCatalogue.IpProto,
        ("nw_src", Ipv4, _) => OxmCatalogue.Ipv4Src,
        ("nw_dst", Ipv4, _) => OxmCatalogue.Ipv4Dst,
        ("nw_src", Arp, _) => OxmCatalogue.ArpSpa,
        ("nw_dst", Arp, _) => OxmCatalogue.ArpTpa,
        ("tp_src", Ipv4 or Ipv6, Tcp) => OxmCatalogue.TcpSrc,
        ("tp_dst", Ipv4 or Ipv6, Tcp) => OxmCatalogue.TcpDst,
        ("tp_src", Ipv4 or Ipv6, Udp) => OxmCatalogue.UdpSrc,
        ("tp_dst", Ipv4 or Ipv6, Udp) => OxmCatalogue.UdpDst,
        ("tp_src", Ipv4 or Ipv6, Sctp) => OxmCatalogue.SctpSrc,
        ("tp_dst", Ipv4 or Ipv6, Sctp) => OxmCatalogue.SctpDst,
        ("icmp_type" or "tp_src", Ipv4, Icmpv4) => OxmCatalogue.Icmpv4Type,
        ("icmp_code" or "tp_dst", Ipv4, Icmpv4) => OxmCatalogue.Icmpv4Code,
        ("icmp_type" or "tp_src", Ipv6, Icmpv6) => OxmCatalogue.Icmpv6Type,
        ("icmp_code" or "tp_dst", Ipv6, Icmpv6) => OxmCatalogue.Icmpv6Code,
        _ => throw new FormatException($"{name} has no meaning for the protocol matched; add {Needs(name)} before it"),
    };

    /// <summary>The name that <c>ovs-ofctl</c> prints in a match.</summary>
    public static string InMatch(OxmField field) => field.Class != OxmCatalogue.BasicClass ? field.Name : field.Number switch
    {
        3 => "dl_dst",
        4 => "dl_src",
        5 => "dl_type",
        9 => "nw_ecn",
        10 => "nw_proto",
        11 => "nw_src",
        12 => "nw_dst",
        13 or 15 or 17 => "tp_src",
        14 or 16 or 18 => "tp_dst",
        19 or 29 => "icmp_type",
        20 or 30 => "icmp_code",
        _ => Shared(field),
    };

    /// <summary>The name that <c>ovs-ofctl</c> prints in a set_field action.</summary>
    public static string InSetField(OxmField field) => field.Class != OxmCatalogue.BasicClass ? field.Name : field.Number switch
    {
        9 => "nw_ecn",
        11 => "ip_src",
        12 => "ip_dst",
        19 => "icmp_type",
        20 => "icmp_code",
        _ => Shared(field),
    };

    private static string Shared(OxmField field) => field.Number switch
    {
        28 => "ipv6_label",
        31 => "nd_target",
        32 => "nd_sll",
        33 => "nd_tll",
        38 => "tun_id",
        _ => field.Name,
    };

    private static string Needs(string name) => name switch
    {
        "nw_src" or "nw_dst" => "ip or arp (for IPv6: ipv6 and ipv6_src, ipv6_dst)",
        "nw_proto" => "ip, ipv6 or arp",
        "tp_src" or "tp_dst" => "tcp, udp, sctp, tcp6, udp6 or sctp6",
        _ => "icmp or icmp6",
    };
}
