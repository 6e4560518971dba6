using System.Buffers.Binary;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Benchmark;

/// <summary>Writes the headers of a packet that has the fields of a <see cref="FlowKey"/>: what <see cref="FlowKeyExtractor"/> does,
/// backwards. Stateless.</summary>
/// <remarks>Ethernet, one VLAN tag, ARP, IPv4, IPv6 without extension headers, TCP, UDP, SCTP, ICMP, MPLS and PBB. Checksums stay 0, and
/// so do the fields of neighbour discovery.</remarks>
public static class FrameWriter
{
    /// <summary>Most bytes that headers take.</summary>
    public const int MaxHeaderBytes = 14 + 4 + 40 + 20;

    private const ushort Vlan = 0x8100, Ipv4 = 0x0800, Arp = 0x0806, Ipv6 = 0x86DD, MplsUnicast = 0x8847, MplsMulticast = 0x8848, Pbb = 0x88E7;
    private const byte Icmp = 1, Tcp = 6, Udp = 17, Icmpv6 = 58, Sctp = 132;

    /// <summary>Writes the headers.</summary>
    /// <param name="key">The fields; those that the packet's type has no place for are passed over.</param>
    /// <param name="packetBytes">Length of the whole packet, for the IP header; the headers count if they are longer.</param>
    /// <param name="frame">At least <see cref="MaxHeaderBytes"/>, all zero.</param>
    /// <returns>How many bytes were written.</returns>
    public static int Write(in FlowKey key, int packetBytes, Span<byte> frame)
    {
        var type = (ushort)key.Get(FlowField.EthType);
        Write48(frame, key.Get(FlowField.EthDst));
        Write48(frame[6..], key.Get(FlowField.EthSrc));
        var at = 12;
        var vlan = (uint)key.Get(FlowField.VlanVid);
        if ((vlan & 0x1000) != 0)
        {
            Write16(frame[at..], Vlan);
            Write16(frame[(at + 2)..], (vlan & 0xFFF) | ((uint)key.Get(FlowField.VlanPcp) << 13));
            at += 4;
        }

        Write16(frame[at..], type);
        at += 2;
        return at + type switch
        {
            Ipv4 => WriteIpv4(key, packetBytes - at, frame[at..]),
            Ipv6 => WriteIpv6(key, packetBytes - at, frame[at..]),
            Arp => WriteArp(key, frame[at..]),
            MplsUnicast or MplsMulticast => WriteMpls(key, frame[at..]),
            Pbb => WritePbb(key, frame[at..]),
            _ => 0,
        };
    }

    private static int WriteIpv4(in FlowKey key, int bytes, Span<byte> header)
    {
        header[0] = 0x45;
        header[1] = (byte)(key[3] >> 48);
        header[8] = 64;
        header[9] = (byte)key.Get(FlowField.IpProto);
        Write32(header[12..], (uint)key[1]);
        Write32(header[16..], (uint)key[2]);
        var written = 20 + WriteTransport(key, header[9], Math.Max(bytes - 20, 0), header[20..]);
        Write16(header[2..], (uint)Math.Max(bytes, written));
        return written;
    }

    private static int WriteIpv6(in FlowKey key, int bytes, Span<byte> header)
    {
        Write32(header, 0x60000000 | ((uint)(key[3] >> 48) & 0xFF) << 20 | ((uint)key[3] & 0xFFFFF));
        header[6] = (byte)key.Get(FlowField.IpProto);
        header[7] = 64;
        BinaryPrimitives.WriteUInt128BigEndian(header[8..], key.Get(FlowField.Ipv6Src));
        BinaryPrimitives.WriteUInt128BigEndian(header[24..], key.Get(FlowField.Ipv6Dst));

        var written = WriteTransport(key, header[6], Math.Max(bytes - 40, 0), header[40..]);
        Write16(header[4..], (uint)Math.Max(bytes - 40, written));
        return 40 + written;
    }

    private static int WriteTransport(in FlowKey key, byte protocol, int bytes, Span<byte> header)
    {
        switch (protocol)
        {
            case Tcp or Udp or Sctp:
                Write16(header, (uint)key[4] & 0xFFFF);
                Write16(header[2..], (uint)key[5] & 0xFFFF);
                break;
            case Icmp or Icmpv6:
                header[0] = (byte)key[4];
                header[1] = (byte)key[5];
                break;
        }

        switch (protocol)
        {
            case Tcp:
                header[12] = 0x50;
                return 20;
            case Udp:
                Write16(header[4..], (uint)Math.Max(bytes, 8));
                return 8;
            case Sctp:
                return 12;
            case Icmp or Icmpv6:
                return 8;
            default:
                return 0;
        }
    }

    private static int WriteArp(in FlowKey key, Span<byte> header)
    {
        Write32(header, 0x00010800);
        Write16(header[4..], 0x0604);
        Write16(header[6..], (uint)key.Get(FlowField.ArpOp));
        Write48(header[8..], key.Get(FlowField.ArpSha));
        Write32(header[14..], (uint)key[1]);
        Write48(header[18..], key.Get(FlowField.ArpTha));
        Write32(header[24..], (uint)key[2]);
        return 28;
    }

    private static int WriteMpls(in FlowKey key, Span<byte> header)
    {
        var bottom = (uint)key.Get(FlowField.MplsBos);
        Write32(header, ((uint)key.Get(FlowField.MplsLabel) << 12) | ((uint)key.Get(FlowField.MplsTc) << 9) | (bottom << 8) | 64);
        return 4;
    }

    private static int WritePbb(in FlowKey key, Span<byte> header)
    {
        Write32(header, (uint)key.Get(FlowField.PbbIsid));
        return 4;
    }

    private static void Write16(Span<byte> at, uint value) => BinaryPrimitives.WriteUInt16BigEndian(at, (ushort)value);

    private static void Write32(Span<byte> at, uint value) => BinaryPrimitives.WriteUInt32BigEndian(at, value);

    private static void Write48(Span<byte> at, UInt128 value)
    {
        Write16(at, (uint)(value >> 32));
        Write32(at[2..], (uint)value);
    }
}
