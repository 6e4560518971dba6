using System.Buffers.Binary;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Tests.Packet;

/// <summary>A packet of random content, with what a switch should see in it. Built without the code under test.</summary>
internal sealed class SamplePacket
{
    private readonly Random _random;
    private byte[] _inner = [];
    private ushort _type;

    private SamplePacket(string name, int seed)
    {
        Name = name;
        _random = new Random(seed);
    }

    public string Name { get; }

    public byte[] Bytes { get; private set; } = [];

    public Dictionary<FlowField, UInt128> Fields { get; } = [];

    /// <summary>Offset of the IP header, or -1.</summary>
    public int L3 { get; private set; } = -1;

    /// <summary>Offset of the transport header, or -1.</summary>
    public int L4 { get; private set; } = -1;

    public byte Protocol { get; private set; }

    public override string ToString() => Name;

    /// <summary>One packet of each kind that the switch tells apart.</summary>
    public static IEnumerable<SamplePacket> All(int seed)
    {
        foreach (var (tags, tagName) in new[] { (0, ""), (1, "vlan "), (2, "qinq ") })
        {
            foreach (var version in new[] { 4, 6 })
            {
                foreach (var (protocol, name) in new[] { ((byte)6, "tcp"), ((byte)17, "udp"), ((byte)132, "sctp"), ((byte)(version == 4 ? 1 : 58), "icmp"), ((byte)89, "ospf") })
                {
                    yield return Make($"{tagName}{name}{version}", seed, packet => packet.Ip(version, protocol).Ethernet(tags));
                }
            }
        }

        yield return Make("udp4 without checksum", seed, packet => packet.Ip(4, 17, udpChecksum: false).Ethernet());
        yield return Make("tcp4 with options", seed, packet => packet.Ip(4, 6, options: 8).Ethernet());
        yield return Make("tcp4 padded", seed, packet => packet.Ip(4, 6).Ethernet(0, padding: 9));
        yield return Make("udp6 padded", seed, packet => packet.Ip(6, 17).Ethernet(0, padding: 9));
        yield return Make("udp4 first fragment", seed, packet => packet.Ip(4, 17, fragment: 0x2000).Ethernet());
        yield return Make("udp4 later fragment", seed, packet => packet.Ip(4, 17, fragment: 0x2010).Ethernet());
        yield return Make("udp4 last fragment", seed, packet => packet.Ip(4, 17, fragment: 0x0010).Ethernet());
        yield return Make("tcp6 behind extension headers", seed, packet => packet.Ip(6, 6, extensions: [0, 60, 51], extensionBits: 64 + 8 + 4).Ethernet());
        yield return Make("udp6 first fragment", seed, packet => packet.Ip(6, 17, fragment: 1, extensions: [44], extensionBits: 16).Ethernet());
        yield return Make("udp6 later fragment", seed, packet => packet.Ip(6, 17, fragment: 0x0100, extensions: [0, 44], extensionBits: 64 + 16).Ethernet());
        yield return Make("neighbour solicitation", seed, packet => packet.Ip(6, 58, discovery: 135).Ethernet());
        yield return Make("neighbour advertisement", seed, packet => packet.Ip(6, 58, discovery: 136).Ethernet());
        yield return Make("arp", seed, packet => packet.Arp().Ethernet());
        yield return Make("vlan arp", seed, packet => packet.Arp().Ethernet(1));
        yield return Make("llc", seed, packet => packet.Unknown(0).Ethernet());
        yield return Make("snap arp", seed, packet => packet.Arp().Ethernet(0, snap: true));
        yield return Make("vlan snap udp4", seed, packet => packet.Ip(4, 17).Ethernet(1, snap: true));
        yield return Make("mpls ip4", seed, packet => packet.Ip(4, 6).Mpls(1).Ethernet());
        yield return Make("mpls stack ip6", seed, packet => packet.Ip(6, 17).Mpls(3).Ethernet());
        yield return Make("vlan mpls", seed, packet => packet.Unknown(0x88B5).Mpls(2).Ethernet(1));
        yield return Make("mpls multicast", seed, packet => packet.Ip(4, 17).Mpls(1, type: 0x8848).Ethernet());
        yield return Make("pbb", seed, packet => packet.Ip(4, 6).Pbb().Ethernet());
        yield return Make("btag pbb", seed, packet => packet.Arp().Pbb().Ethernet(1));
        yield return Make("esp6", seed, packet => packet.Ip(6, 50, extensionBits: 2).Ethernet());
        yield return Make("no next header", seed, packet => packet.Ip(6, 59, extensions: [0], extensionBits: 64 + 1).Ethernet());
        yield return Make("all extension headers in order", seed, packet => packet.Ip(6, 6, extensions: [0, 60, 43, 44, 51, 60], extensionBits: 64 + 8 + 32 + 16 + 4).Ethernet());
        yield return Make("extension headers out of order", seed, packet => packet.Ip(6, 6, extensions: [43, 0], extensionBits: 32 + 64 + 256).Ethernet());
        yield return Make("extension header twice", seed, packet => packet.Ip(6, 6, extensions: [43, 43], extensionBits: 32 + 128).Ethernet());
        yield return Make("three destination headers", seed, packet => packet.Ip(6, 6, extensions: [60, 60, 60], extensionBits: 8 + 128).Ethernet());
        yield return Make("unknown type", seed, packet => packet.Unknown(0x88B5).Ethernet());
    }

    public FlowKey ExpectedKey()
    {
        FlowKey key = default;
        foreach (var (field, value) in Fields)
        {
            key.Set(field, value);
        }

        return key;
    }

    /// <summary>Whether all checksums of a frame laid out like this one are right.</summary>
    public bool ChecksumsAreRight(ReadOnlySpan<byte> frame)
    {
        if (L3 < 0)
        {
            return true;
        }

        var header = frame[L3..];
        var isIpv4 = header[0] >> 4 == 4;
        if (isIpv4 && Fold(Sum(header[..((header[0] & 15) * 4)])) != 0xFFFF)
        {
            return false;
        }

        if (L4 < 0)
        {
            return true;
        }

        var end = L3 + (isIpv4 ? BinaryPrimitives.ReadUInt16BigEndian(header[2..]) : 40 + BinaryPrimitives.ReadUInt16BigEndian(header[4..]));
        var segment = frame[L4..end];
        var pseudo = Sum(isIpv4 ? header.Slice(12, 8) : header.Slice(8, 32)) + Protocol + (uint)segment.Length;
        return Protocol switch
        {
            17 when segment[6] == 0 && segment[7] == 0 => isIpv4,
            6 or 17 or 58 => Fold(Sum(segment) + pseudo) == 0xFFFF,
            1 => Fold(Sum(segment)) == 0xFFFF,
            132 => BinaryPrimitives.ReadUInt32LittleEndian(segment[8..]) == Crc32C(segment),
            _ => true,
        };
    }

    private static SamplePacket Make(string name, int seed, Action<SamplePacket> build)
    {
        var packet = new SamplePacket(name, seed);
        build(packet);
        return packet;
    }

    private SamplePacket Unknown(ushort type)
    {
        _type = type;
        _inner = RandomBytes(_random.Next(46, 60));
        return this;
    }

    private SamplePacket Arp()
    {
        _type = 0x0806;
        _inner = [0, 1, 8, 0, 6, 4, .. RandomBytes(22 + 18)];
        Fields[FlowField.ArpOp] = Number(_inner[6..8]);
        Fields[FlowField.ArpSha] = Number(_inner[8..14]);
        Fields[FlowField.ArpSpa] = Number(_inner[14..18]);
        Fields[FlowField.ArpTha] = Number(_inner[18..24]);
        Fields[FlowField.ArpTpa] = Number(_inner[24..28]);
        return this;
    }

    private SamplePacket Ip(int version, byte protocol, int fragment = 0, int options = 0, byte[]? extensions = null, int extensionBits = 0, byte discovery = 0, bool udpChecksum = true)
    {
        Protocol = protocol;
        var isLater = version == 4 ? (fragment & 0x1FFF) != 0 : (fragment & 0xFFF8) != 0;
        var segment = Transport(protocol, version, discovery, isLater);
        var trafficClass = (byte)_random.Next(256);
        Fields[FlowField.IpDscp] = (UInt128)(trafficClass >> 2);
        Fields[FlowField.IpEcn] = (UInt128)(trafficClass & 3);
        Fields[FlowField.IpProto] = protocol;
        var addresses = RandomBytes(version == 4 ? 8 : 32);
        if (!isLater)
        {
            WriteChecksum(segment, addresses, udpChecksum);
        }

        if (version == 4)
        {
            _type = 0x0800;
            byte[] header = [(byte)(0x45 + (options / 4)), trafficClass, 0, 0, .. RandomBytes(2), (byte)(fragment >> 8), (byte)fragment, 64, protocol, 0, 0, .. addresses, .. RandomBytes(options)];
            BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(2), (ushort)(header.Length + segment.Length));
            BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), (ushort)~Fold(Sum(header)));
            Fields[FlowField.Ipv4Src] = Number(addresses[..4]);
            Fields[FlowField.Ipv4Dst] = Number(addresses[4..]);
            L4 = isLater ? -1 : header.Length;
            _inner = [.. header, .. segment];
        }
        else
        {
            _type = 0x86DD;
            var chain = Extensions(extensions ?? [], protocol, fragment);
            var label = (uint)_random.Next(1 << 20);
            byte[] header = [0, 0, 0, 0, 0, 0, extensions is null ? protocol : extensions[0], 64, .. addresses];
            BinaryPrimitives.WriteUInt32BigEndian(header, 0x60000000u | ((uint)trafficClass << 20) | label);
            BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(4), (ushort)(chain.Length + segment.Length));
            Fields[FlowField.Ipv6FlowLabel] = label;
            Fields[FlowField.Ipv6ExtHdr] = (UInt128)extensionBits;
            Fields[FlowField.Ipv6Src] = Number(addresses[..16]);
            Fields[FlowField.Ipv6Dst] = Number(addresses[16..]);
            L4 = isLater ? -1 : 40 + chain.Length;
            _inner = [.. header, .. chain, .. segment];
        }

        L3 = 0;
        return this;
    }

    private byte[] Extensions(byte[] kinds, byte protocol, int fragment)
    {
        var chain = new List<byte>();
        for (var index = 0; index < kinds.Length; index++)
        {
            var next = index + 1 < kinds.Length ? kinds[index + 1] : protocol;
            var units = (byte)_random.Next(1, 3);
            chain.AddRange(kinds[index] switch
            {
                44 => [next, 0, (byte)(fragment >> 8), (byte)fragment, .. RandomBytes(4)],
                51 => [next, units, .. RandomBytes(((units + 2) * 4) - 2)],
                43 => [next, units, 0, 0, .. RandomBytes(((units + 1) * 8) - 4)],
                _ => (byte[])[next, units, .. RandomBytes(((units + 1) * 8) - 2)],
            });
        }

        return [.. chain];
    }

    private byte[] Transport(byte protocol, int version, byte discovery, bool isLater)
    {
        var payload = RandomBytes(_random.Next(30, 60));
        if (isLater)
        {
            return payload;
        }

        var ports = RandomBytes(4);
        var (source, destination) = protocol switch
        {
            6 => (FlowField.TcpSrc, FlowField.TcpDst),
            17 => (FlowField.UdpSrc, FlowField.UdpDst),
            132 => (FlowField.SctpSrc, FlowField.SctpDst),
            1 => (FlowField.Icmpv4Type, FlowField.Icmpv4Code),
            58 => (FlowField.Icmpv6Type, FlowField.Icmpv6Code),
            _ => default,
        };
        switch (protocol)
        {
            case 6 or 17 or 132:
                Fields[source] = Number(ports[..2]);
                Fields[destination] = Number(ports[2..]);
                byte[] header = protocol == 6 ? [.. RandomBytes(8), 0x50, .. RandomBytes(3), 0, 0, 0, 0]
                    : protocol == 17 ? [(byte)((8 + payload.Length) >> 8), (byte)(8 + payload.Length), 0, 0] : [.. RandomBytes(4), 0, 0, 0, 0];
                return [.. ports, .. header, .. payload];
            case 1 or 58:
                ports[0] = discovery != 0 ? discovery : (byte)_random.Next(1, 130);
                ports[1] = discovery != 0 ? (byte)0 : ports[1];
                Fields[source] = ports[0];
                Fields[destination] = ports[1];
                return [ports[0], ports[1], 0, 0, .. discovery != 0 ? Discovery(discovery) : payload];
            default:
                return payload;
        }
    }

    private byte[] Discovery(byte type)
    {
        var target = RandomBytes(16);
        var address = RandomBytes(6);
        Fields[FlowField.Ipv6NdTarget] = Number(target);
        Fields[type == 135 ? FlowField.Ipv6NdSll : FlowField.Ipv6NdTll] = Number(address);
        // The nonce comes first, and the option of the other kind must be left alone.
        return [0, 0, 0, 0, .. target, 14, 1, .. RandomBytes(6), type == 135 ? (byte)2 : (byte)1, 1, .. RandomBytes(6), type == 135 ? (byte)1 : (byte)2, 1, .. address];
    }

    private void WriteChecksum(byte[] segment, byte[] addresses, bool udpChecksum)
    {
        var at = Protocol switch { 6 => 16, 17 => 6, 1 or 58 => 2, 132 => 8, _ => -1 };
        if (Protocol == 132)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(segment.AsSpan(8), Crc32C(segment));
        }
        else if (at >= 0 && (Protocol != 17 || udpChecksum))
        {
            var pseudo = Protocol == 1 ? 0 : Sum(addresses) + Protocol + (uint)segment.Length;
            var sum = (ushort)~Fold(Sum(segment) + pseudo);
            BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(at), sum == 0 ? (ushort)0xFFFF : sum);
        }
    }

    /// <summary>Puts label stack entries in front: what stands behind them is hidden from then on.</summary>
    private SamplePacket Mpls(int entries, ushort type = 0x8847)
    {
        _type = type;
        for (var index = 0; index < entries; index++)
        {
            var entry = RandomBytes(4);
            entry[2] = (byte)(index == 0 ? entry[2] | 1 : entry[2] & 0xFE);
            _inner = [.. entry, .. _inner];
        }

        HideInner();
        var outermost = (uint)Number(_inner[..4]);
        Fields[FlowField.MplsLabel] = outermost >> 12;
        Fields[FlowField.MplsTc] = (outermost >> 9) & 7;
        Fields[FlowField.MplsBos] = (outermost >> 8) & 1;
        return this;
    }

    /// <summary>Puts a service instance header and the customer's Ethernet header in front.</summary>
    private SamplePacket Pbb()
    {
        _inner = [.. RandomBytes(4 + 12), (byte)(_type >> 8), (byte)_type, .. _inner];
        _type = 0x88E7;
        HideInner();
        Fields[FlowField.PbbIsid] = Number(_inner[1..4]);
        return this;
    }

    private void HideInner()
    {
        Fields.Clear();
        L3 = L4 = -1;
        Protocol = 0;
    }

    private void Ethernet(int tags = 0, bool snap = false, int padding = 0)
    {
        var addresses = RandomBytes(12);
        Fields[FlowField.EthDst] = Number(addresses[..6]);
        Fields[FlowField.EthSrc] = Number(addresses[6..]);
        Fields[FlowField.EthType] = _type == 0 ? 0x05FFu : (UInt128)_type;
        var head = new List<byte>(addresses);
        for (var tag = 0; tag < tags; tag++)
        {
            var bits = RandomBytes(2);
            if (tag == 0)
            {
                Fields[FlowField.VlanVid] = Number(bits) & 0x0FFF | 0x1000;
                Fields[FlowField.VlanPcp] = Number(bits) >> 13;
            }

            head.AddRange([tag + 1 < tags ? (byte)0x88 : (byte)0x81, tag + 1 < tags ? (byte)0xA8 : (byte)0, .. bits]);
        }

        if (snap || _type == 0)
        {
            head.AddRange([0, (byte)_inner.Length]);
            head.AddRange(snap ? [0xAA, 0xAA, 3, 0, 0, 0] : [0x42, 0x42, 3]);
        }

        if (_type != 0)
        {
            head.AddRange([(byte)(_type >> 8), (byte)_type]);
        }

        L3 = L3 < 0 ? -1 : head.Count;
        L4 = L4 < 0 ? -1 : head.Count + L4;
        Bytes = [.. head, .. _inner, .. RandomBytes(padding)];
    }

    private byte[] RandomBytes(int count)
    {
        var bytes = new byte[count];
        _random.NextBytes(bytes);
        return bytes;
    }

    private static UInt128 Number(ReadOnlySpan<byte> bytes)
    {
        UInt128 value = 0;
        foreach (var part in bytes)
        {
            value = (value << 8) | part;
        }

        return value;
    }

    private static uint Sum(ReadOnlySpan<byte> bytes)
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

    /// <summary>RFC 9260, appendix A, bit by bit; the checksum field counts as zero.</summary>
    private static uint Crc32C(ReadOnlySpan<byte> segment)
    {
        var crc = uint.MaxValue;
        for (var index = 0; index < segment.Length; index++)
        {
            crc ^= index is >= 8 and < 12 ? (byte)0 : segment[index];
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
            }
        }

        return ~crc;
    }
}
