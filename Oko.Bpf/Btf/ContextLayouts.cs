using System.Collections.Frozen;

namespace Oko.Bpf.Btf;

/// <summary>A context as programs see it.</summary>
/// <param name="Size">Bytes.</param>
/// <param name="Fields">Offset and size of each member, in bytes.</param>
internal sealed record ContextLayout(uint Size, IReadOnlyDictionary<string, (uint Offset, uint Size)> Fields);

/// <summary>The types whose layout does not depend on a kernel. Source: Linux, include/uapi/linux/bpf.h. Whether a program may
/// read a member is the verifier's question.</summary>
internal static class ContextLayouts
{
    private static readonly FrozenDictionary<string, ContextLayout> Contexts = new Dictionary<string, ContextLayout>
    {
        ["xdp_md"] = Words("data data_end data_meta ingress_ifindex rx_queue_index egress_ifindex"),
        ["__sk_buff"] = Words(
            "len pkt_type mark queue_mapping protocol vlan_present vlan_tci vlan_proto priority ingress_ifindex ifindex tc_index cb:20 hash tc_classid " +
            "data data_end napi_id family remote_ip4 local_ip4 remote_ip6:16 local_ip6:16 remote_port local_port data_meta flow_keys:8 tstamp:8 wire_len " +
            "gso_segs sk:8 gso_size tstamp_type:1 :3 hwtstamp:8"),
    }.ToFrozenDictionary();

    private static readonly FrozenSet<string> PacketHeaders = FrozenSet.ToFrozenSet(
    [
        "ethhdr", "vlan_hdr", "vlan_ethhdr", "iphdr", "ipv6hdr", "ipv6_opt_hdr", "ipv6_rt_hdr", "frag_hdr", "in6_addr", "tcphdr", "udphdr", "icmphdr",
        "icmp6hdr", "igmphdr", "arphdr", "sctphdr", "sctp_chunkhdr", "dccp_hdr", "ip_auth_hdr", "ip_esp_hdr", "gre_base_hdr", "vxlanhdr", "genevehdr",
        "mpls_label", "mpls_shim_hdr",
    ]);

    /// <summary>The context of a name, or null.</summary>
    internal static ContextLayout? Find(string name) => Contexts.GetValueOrDefault(name);

    /// <summary>Whether a struct describes a header of packets, whose layout a protocol defines.</summary>
    internal static bool IsPacketHeader(string name) => PacketHeaders.Contains(name);

    /// <summary>Members one behind the other: "name" has 4 bytes, "name:n" has n, ":n" is a gap.</summary>
    private static ContextLayout Words(string members)
    {
        uint offset = 0;
        var fields = new Dictionary<string, (uint, uint)>();
        foreach (var member in members.Split(' '))
        {
            var parts = member.Split(':');
            var size = parts.Length == 1 ? 4 : uint.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture);
            if (parts[0].Length > 0)
            {
                fields.Add(parts[0], (offset, size));
            }

            offset += size;
        }

        return new ContextLayout(offset, fields);
    }
}
