using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Oko.Datapath.Packet;

/// <summary>
/// Writes header fields into a packet and keeps its checksums right. Worker thread; allocates nothing, never throws. A field
/// whose header the packet lacks is left alone.
/// </summary>
/// <remarks>SAFETY: the offsets of a <see cref="PacketView"/> that are not -1 were checked for the whole fixed header.
/// Source: OpenFlow 1.3.5, 5.12 "Actions" (set-field recalculates header checksums where needed).</remarks>
public static unsafe class HeaderEditor
{
    private const byte Tcp = 6, Udp = 17, Icmpv6 = 58, Sctp = 132;

    /// <summary>Whether a field says what stands behind it, so that offsets must be found anew once it is set.</summary>
    public static bool MovesHeaders(FlowField field) =>
        field is FlowField.EthType or FlowField.IpProto or FlowField.Icmpv6Type or FlowField.Icmpv6Code;

    /// <summary>Sets a field; true if the packet has its header, so that its key must be taken anew.</summary>
    public static bool Set(ref PacketView packet, FlowField field, UInt128 value)
    {
        var low = (ulong)value;
        switch (field)
        {
            case FlowField.EthDst:
                return WriteAddress(ref packet, 0, low);
            case FlowField.EthSrc:
                return WriteAddress(ref packet, 6, low);
            case FlowField.EthType:
                return WriteWordAt(ref packet, packet.EthTypeOffset, (ushort)low);
            case FlowField.VlanVid:
                return EditTag(ref packet, 0x0FFF, (ushort)(low & 0x0FFF));
            case FlowField.VlanPcp:
                return EditTag(ref packet, 0xE000, (ushort)(low << 13));
            case FlowField.IpDscp:
                return EditTrafficClass(ref packet, 0xFC, (byte)(low << 2));
            case FlowField.IpEcn:
                return EditTrafficClass(ref packet, 0x03, (byte)(low & 3));
            case FlowField.IpProto:
                return SetProtocol(ref packet, (byte)low);
            case FlowField.Ipv4Src:
            case FlowField.Ipv4Dst:
                return SetIpv4Address(ref packet, field == FlowField.Ipv4Src ? 12 : 16, (uint)low);
            case FlowField.Ipv6Src:
            case FlowField.Ipv6Dst:
                return SetIpv6Address(ref packet, field == FlowField.Ipv6Src ? 8 : 24, value);
            case FlowField.Ipv6FlowLabel:
                return SetFlowLabel(ref packet, (uint)low);
            case FlowField.TcpSrc:
            case FlowField.TcpDst:
                return SetPort(ref packet, Tcp, field == FlowField.TcpSrc ? 0 : 2, (ushort)low);
            case FlowField.UdpSrc:
            case FlowField.UdpDst:
                return SetPort(ref packet, Udp, field == FlowField.UdpSrc ? 0 : 2, (ushort)low);
            case FlowField.SctpSrc:
            case FlowField.SctpDst:
                return SetPort(ref packet, Sctp, field == FlowField.SctpSrc ? 0 : 2, (ushort)low);
            case FlowField.Icmpv4Type:
            case FlowField.Icmpv4Code:
                return SetIcmp(ref packet, 1, field == FlowField.Icmpv4Type, (byte)low);
            case FlowField.Icmpv6Type:
            case FlowField.Icmpv6Code:
                return SetIcmp(ref packet, Icmpv6, field == FlowField.Icmpv6Type, (byte)low);
            case FlowField.Ipv6NdTarget:
                return EditCovered(ref packet, packet.NdTargetOffset, value, 16);
            case FlowField.Ipv6NdSll:
                return EditCovered(ref packet, packet.NdSllOffset, value, 6);
            case FlowField.Ipv6NdTll:
                return EditCovered(ref packet, packet.NdTllOffset, value, 6);
            case FlowField.MplsLabel:
                return TagEditor.EditDouble(ref packet, TagEditor.FindMpls(packet), 0xFFFFF000, (uint)low << 12);
            case FlowField.MplsTc:
                return TagEditor.EditDouble(ref packet, TagEditor.FindMpls(packet), 0xE00, (uint)low << 9);
            case FlowField.MplsBos:
                return TagEditor.EditDouble(ref packet, TagEditor.FindMpls(packet), 0x100, (uint)low << 8);
            case FlowField.PbbIsid:
                return TagEditor.EditDouble(ref packet, TagEditor.FindPbb(packet), 0xFFFFFF, (uint)low);
            case FlowField.ArpOp:
                return IsArp(packet) && WriteWordAt(ref packet, packet.L3Offset + 6, (ushort)low);
            case FlowField.ArpSha:
                return IsArp(packet) && WriteAddress(ref packet, packet.L3Offset + 8, low);
            case FlowField.ArpTha:
                return IsArp(packet) && WriteAddress(ref packet, packet.L3Offset + 18, low);
            case FlowField.ArpSpa:
                return IsArp(packet) && WriteDouble(packet.Data + packet.L3Offset + 14, (uint)low);
            case FlowField.ArpTpa:
                return IsArp(packet) && WriteDouble(packet.Data + packet.L3Offset + 24, (uint)low);
            default:
                return false;
        }
    }

    private static bool IsArp(in PacketView packet) => packet.EthType == 0x0806 && packet.L3Offset >= 0;

    private static bool IsIpv4(in PacketView packet) => packet.EthType == 0x0800 && packet.L3Offset >= 0;

    private static bool IsIpv6(in PacketView packet) => packet.EthType == 0x86DD && packet.L3Offset >= 0;

    private static bool WriteAddress(ref PacketView packet, int offset, ulong address)
    {
        if (packet.Length < offset + 6)
        {
            return false;
        }

        Checksums.WriteWord(packet.Data + offset, (ushort)(address >> 32));
        WriteDouble(packet.Data + offset + 2, (uint)address);
        return true;
    }

    private static bool WriteDouble(byte* at, uint value)
    {
        Unsafe.WriteUnaligned(at, BinaryPrimitives.ReverseEndianness(value));
        return true;
    }

    private static bool WriteWordAt(ref PacketView packet, int offset, ushort value)
    {
        if (packet.Length < offset + 2)
        {
            return false;
        }

        Checksums.WriteWord(packet.Data + offset, value);
        return true;
    }

    private static bool EditTag(ref PacketView packet, ushort mask, ushort bits)
    {
        if (packet.VlanOffset < 0 || packet.Length < packet.VlanOffset + 4)
        {
            return false;
        }

        var at = packet.Data + packet.VlanOffset + 2;
        Checksums.WriteWord(at, (ushort)((Checksums.ReadWord(at) & ~mask) | (bits & mask)));
        return true;
    }

    private static bool EditTrafficClass(ref PacketView packet, byte mask, byte bits)
    {
        if (IsIpv4(packet))
        {
            var header = packet.Data + packet.L3Offset;
            ReplaceIpv4Word(header, 0, (ushort)((Checksums.ReadWord(header) & ~(uint)mask) | (uint)(bits & mask)));
            return true;
        }

        if (!IsIpv6(packet))
        {
            return false;
        }

        var at = packet.Data + packet.L3Offset;
        var word = Checksums.ReadWord(at);
        Checksums.WriteWord(at, (ushort)((word & ~((uint)mask << 4)) | ((uint)(bits & mask) << 4)));
        return true;
    }

    private static bool SetFlowLabel(ref PacketView packet, uint label)
    {
        if (!IsIpv6(packet))
        {
            return false;
        }

        var at = packet.Data + packet.L3Offset;
        at[1] = (byte)((at[1] & 0xF0u) | ((label >> 16) & 0x0F));
        Checksums.WriteWord(at + 2, (ushort)label);
        return true;
    }

    private static bool SetProtocol(ref PacketView packet, byte protocol)
    {
        if (packet.ProtoOffset < 0)
        {
            return false;
        }

        // The pseudo-header holds the protocol: the transport checksum follows, in the header as it was parsed.
        if (packet.L4Offset >= 0)
        {
            ReplaceCovered(ref packet, packet.Proto, protocol, pseudoHeader: true);
        }

        if (IsIpv4(packet))
        {
            var header = packet.Data + packet.L3Offset;
            ReplaceIpv4Word(header, 8, (ushort)((header[8] << 8) | protocol));
        }
        else
        {
            packet.Data[packet.ProtoOffset] = protocol;
        }

        return true;
    }

    private static bool SetIpv4Address(ref PacketView packet, int at, uint address)
    {
        if (!IsIpv4(packet))
        {
            return false;
        }

        var header = packet.Data + packet.L3Offset;
        for (var half = 0; half < 2; half++)
        {
            var before = Checksums.ReadWord(header + at + (half * 2));
            var after = (ushort)(address >> (half == 0 ? 16 : 0));
            ReplaceCovered(ref packet, before, after, pseudoHeader: true);
            ReplaceIpv4Word(header, at + (half * 2), after);
        }

        return true;
    }

    private static bool SetIpv6Address(ref PacketView packet, int at, UInt128 address)
    {
        if (!IsIpv6(packet))
        {
            return false;
        }

        var header = packet.Data + packet.L3Offset + at;
        // RFC 8200, 8.1: on the way to a routing header's last stop, its address is in the pseudo-header, not this one.
        var covered = at == 8 || !packet.IsSourceRouted;
        for (var word = 0; word < 8; word++)
        {
            var after = (ushort)(address >> (112 - (16 * word)));
            if (covered)
            {
                ReplaceCovered(ref packet, Checksums.ReadWord(header + (word * 2)), after, pseudoHeader: true);
            }

            Checksums.WriteWord(header + (word * 2), after);
        }

        return true;
    }

    private static bool SetPort(ref PacketView packet, byte protocol, int at, ushort port)
    {
        if (packet.L4Offset < 0 || packet.Proto != protocol)
        {
            return false;
        }

        var header = packet.Data + packet.L4Offset;
        ReplaceCovered(ref packet, Checksums.ReadWord(header + at), port, pseudoHeader: false);
        Checksums.WriteWord(header + at, port);
        if (protocol == Sctp && !packet.IsFragment)
        {
            // A fragment does not hold what the CRC covers.
            Checksums.WriteSctp(header, Checksums.TransportBytes(packet));
        }

        return true;
    }

    private static bool SetIcmp(ref PacketView packet, byte protocol, bool type, byte value)
    {
        if (packet.L4Offset < 0 || packet.Proto != protocol)
        {
            return false;
        }

        var header = packet.Data + packet.L4Offset;
        var after = type ? (ushort)((value << 8) | header[1]) : (ushort)((header[0] << 8) | value);
        ReplaceCovered(ref packet, Checksums.ReadWord(header), after, pseudoHeader: false);
        Checksums.WriteWord(header, after);
        return true;
    }

    /// <summary>Replaces bytes that the transport checksum covers; the offset is even within the transport header.</summary>
    private static bool EditCovered(ref PacketView packet, int offset, UInt128 value, int count)
    {
        if (offset < 0)
        {
            return false;
        }

        var at = packet.Data + offset;
        for (var done = 0; done < count; done += 2)
        {
            var after = (ushort)(value >> (8 * (count - 2 - done)));
            ReplaceCovered(ref packet, Checksums.ReadWord(at + done), after, pseudoHeader: false);
            Checksums.WriteWord(at + done, after);
        }

        return true;
    }

    private static void ReplaceIpv4Word(byte* header, int at, ushort after)
    {
        var checksum = Checksums.Update(Checksums.ReadWord(header + 10), Checksums.ReadWord(header + at), after);
        Checksums.WriteWord(header + at, after);
        Checksums.WriteWord(header + 10, checksum);
    }

    /// <summary>Updates the transport checksum for one changed word of the transport or the pseudo-header.</summary>
    private static void ReplaceCovered(ref PacketView packet, ushort before, ushort after, bool pseudoHeader)
    {
        if (packet.L4Offset < 0)
        {
            return;
        }

        int at;
        switch (packet.Proto)
        {
            case Tcp:
                at = 16;
                break;
            case Udp:
                at = 6;
                break;
            case Icmpv6:
                at = 2;
                break;
            case 1 when !pseudoHeader:
                at = 2;
                break;
            default:
                return;                     // ICMP has no pseudo-header; SCTP's CRC is written by SetPort
        }

        var field = packet.Data + packet.L4Offset + at;
        var checksum = Checksums.ReadWord(field);
        if (packet.Proto == Udp && checksum == 0)
        {
            return;                         // RFC 768: the sender computed none
        }

        checksum = Checksums.Update(checksum, before, after);
        Checksums.WriteWord(field, packet.Proto == Udp && checksum == 0 ? (ushort)0xFFFF : checksum);
    }
}
