namespace Oko.Datapath.Packet;

/// <summary>Reads and writes the TTL of MPLS label stack entries, IPv4 and IPv6. Worker thread; allocates nothing, never
/// throws.</summary>
/// <remarks>Source: OpenFlow 1.3.5, 5.12 "Actions". A TTL of 1 or 0 is not decremented: the packet is not to be forwarded (RFC 1812,
/// 5.3.1; RFC 3032, 2.4.2). SAFETY: an offset that is found lies, with the fixed header behind it, inside the packet.</remarks>
internal static unsafe class TtlEditor
{
    private const int MplsBytes = 4, Ipv4Bytes = 20, Ipv6Bytes = 40;
    private const uint BottomOfStack = 1 << 8, TtlMask = 0xFF;

    /// <summary>TTL or hop limit of the IP header; 0 without one.</summary>
    internal static byte ReadNw(in PacketView packet) => packet.EthType switch
    {
        0x0800 when packet.L3Offset >= 0 => packet.Data[packet.L3Offset + 8],
        0x86DD when packet.L3Offset >= 0 => packet.Data[packet.L3Offset + 7],
        _ => 0,
    };

    /// <summary>Writes the TTL or hop limit of the IP header.</summary>
    internal static EditResult SetNw(ref PacketView packet, byte ttl)
    {
        if (packet.L3Offset < 0 || packet.EthType is not (0x0800 or 0x86DD))
        {
            return EditResult.Unchanged;
        }

        WriteIp(packet.Data + packet.L3Offset, packet.EthType == 0x0800, ttl);
        return EditResult.Changed;
    }

    /// <summary>Decrements the TTL or hop limit of the IP header.</summary>
    internal static EditResult DecNw(ref PacketView packet)
    {
        if (packet.L3Offset < 0 || packet.EthType is not (0x0800 or 0x86DD))
        {
            return EditResult.Unchanged;
        }

        var ttl = ReadNw(packet);
        return ttl <= 1 ? EditResult.Failed : SetNw(ref packet, (byte)(ttl - 1));
    }

    /// <summary>Writes the TTL of the outermost label stack entry.</summary>
    internal static EditResult SetMpls(ref PacketView packet, byte ttl) =>
        TagEditor.EditDouble(ref packet, TagEditor.FindMpls(packet), TtlMask, ttl) ? EditResult.Changed : EditResult.Unchanged;

    /// <summary>Decrements the TTL of the outermost label stack entry.</summary>
    internal static EditResult DecMpls(ref PacketView packet)
    {
        var offset = TagEditor.FindMpls(packet);
        if (offset < 0)
        {
            return EditResult.Unchanged;
        }

        var ttl = packet.Data[offset + 3];
        return ttl <= 1 ? EditResult.Failed : SetMpls(ref packet, (byte)(ttl - 1));
    }

    /// <summary>Copies the TTL of the header behind the outermost label stack entry to that entry.</summary>
    internal static EditResult CopyOut(ref PacketView packet)
    {
        var outer = TagEditor.FindMpls(packet);
        switch (FindInner(packet, outer))
        {
            case InnerHeader.Mpls:
                return SetMpls(ref packet, packet.Data[outer + MplsBytes + 3]);
            case InnerHeader.Ipv4:
                return SetMpls(ref packet, packet.Data[outer + MplsBytes + 8]);
            case InnerHeader.Ipv6:
                return SetMpls(ref packet, packet.Data[outer + MplsBytes + 7]);
            default:
                return EditResult.Unchanged;
        }
    }

    /// <summary>Copies the TTL of the outermost label stack entry to the header behind it.</summary>
    internal static EditResult CopyIn(ref PacketView packet)
    {
        var outer = TagEditor.FindMpls(packet);
        var kind = FindInner(packet, outer);
        switch (kind)
        {
            case InnerHeader.Mpls:
                packet.Data[outer + MplsBytes + 3] = packet.Data[outer + 3];
                return EditResult.Changed;
            case InnerHeader.Ipv4 or InnerHeader.Ipv6:
                WriteIp(packet.Data + outer + MplsBytes, kind == InnerHeader.Ipv4, packet.Data[outer + 3]);
                return EditResult.Changed;
            default:
                return EditResult.Unchanged;
        }
    }

    /// <summary>What stands behind a label stack entry. Behind the last one nothing says what it is; like routers we look at the
    /// version of the IP header.</summary>
    private static InnerHeader FindInner(in PacketView packet, int outer)
    {
        var inner = outer + MplsBytes;
        var left = packet.Length - inner;
        if (outer < 0 || left < MplsBytes)
        {
            return InnerHeader.None;
        }

        if ((TagEditor.ReadDouble(packet.Data + outer) & BottomOfStack) == 0)
        {
            return InnerHeader.Mpls;
        }

        return (packet.Data[inner] >> 4) switch
        {
            4 when left >= Ipv4Bytes => InnerHeader.Ipv4,
            6 when left >= Ipv6Bytes => InnerHeader.Ipv6,
            _ => InnerHeader.None,
        };
    }

    private static void WriteIp(byte* header, bool isIpv4, byte ttl)
    {
        if (!isIpv4)
        {
            header[7] = ttl;
            return;
        }

        var before = Checksums.ReadWord(header + 8);
        var after = (ushort)((ttl << 8) | (before & 0xFF));
        Checksums.WriteWord(header + 10, Checksums.Update(Checksums.ReadWord(header + 10), before, after));
        header[8] = ttl;
    }

    private enum InnerHeader
    {
        None,
        Mpls,
        Ipv4,
        Ipv6,
    }
}
