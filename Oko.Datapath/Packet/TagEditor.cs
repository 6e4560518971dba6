using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Oko.Datapath.Packet;

/// <summary>
/// Pushes and pops VLAN tags, MPLS label stack entries and PBB service instance headers. Worker thread; allocates nothing, never
/// throws. Offsets of the view are stale after a change: it must be parsed anew.
/// </summary>
/// <remarks>
/// <para>Source: OpenFlow 1.3.5, 5.12 "Actions" and its table "Existing fields that may be copied into new fields". Each new header goes
/// straight behind the Ethernet addresses, in front of other tags.</para>
/// <para>A frame that had Ethernet's minimum size (60 bytes without checksum) keeps it: a pop pads it with zeros.</para>
/// <para>SAFETY: a push takes bytes in front of Data, at most as many as the caller found in the frame; padding takes bytes behind the
/// packet, likewise.</para>
/// </remarks>
internal static unsafe class TagEditor
{
    private const int AddressBytes = 12, EthernetBytes = 14, VlanBytes = 4, MplsBytes = 4, PbbBytes = 18, MinimumBytes = 60;
    private const uint BottomOfStack = 1 << 8, TtlMask = 0xFF, ServiceIdMask = 0xFFFFFF;

    /// <summary>Pushes a VLAN tag; id and priority are those of the outermost tag, or 0.</summary>
    internal static EditResult PushVlan(ref PacketView packet, in FrameRoom room, ushort etherType)
    {
        var tag = packet.VlanOffset >= 0 && packet.Length >= packet.VlanOffset + VlanBytes
            ? Checksums.ReadWord(packet.Data + packet.VlanOffset + 2) : (ushort)0;
        if (!Grow(ref packet, room, VlanBytes))
        {
            return EditResult.Failed;
        }

        Checksums.WriteWord(packet.Data + AddressBytes, etherType);
        Checksums.WriteWord(packet.Data + AddressBytes + 2, tag);
        return EditResult.Changed;
    }

    /// <summary>Removes the outermost VLAN tag.</summary>
    internal static EditResult PopVlan(ref PacketView packet, in FrameRoom room)
    {
        if (packet.VlanOffset < 0 || packet.Length < EthernetBytes + VlanBytes)
        {
            return EditResult.Unchanged;
        }

        var before = packet.Length;
        CopyAddresses(packet.Data, packet.Data + VlanBytes);
        Move(ref packet, VlanBytes);
        Pad(ref packet, room, before);
        return EditResult.Changed;
    }

    /// <summary>Pushes a label stack entry: label, class and TTL are those of the outermost entry; without one label and class are 0,
    /// the TTL is that of the IP header, or 0.</summary>
    internal static EditResult PushMpls(ref PacketView packet, in FrameRoom room, ushort etherType)
    {
        uint entry;
        if (FindMpls(packet) is >= 0 and var outermost)
        {
            entry = ReadDouble(packet.Data + outermost) & ~BottomOfStack;
        }
        else
        {
            entry = BottomOfStack | TtlEditor.ReadNw(packet);
        }

        if (!Grow(ref packet, room, MplsBytes))
        {
            return EditResult.Failed;
        }

        // The type that stood there is lost: who pops the entry says what is behind it.
        Checksums.WriteWord(packet.Data + AddressBytes, etherType);
        WriteDouble(packet.Data + EthernetBytes, entry);
        return EditResult.Changed;
    }

    /// <summary>Removes the outermost label stack entry; what is behind has this EtherType.</summary>
    internal static EditResult PopMpls(ref PacketView packet, in FrameRoom room, ushort etherType)
    {
        var offset = FindMpls(packet);
        if (offset < 0)
        {
            return EditResult.Unchanged;
        }

        Checksums.WriteWord(packet.Data + offset - 2, etherType);
        Shrink(ref packet, room, offset, MplsBytes);
        return EditResult.Changed;
    }

    /// <summary>Pushes a service instance header: addresses copied, I-SID of the outermost one or 0, priority that of the VLAN tag
    /// or 0. The whole frame becomes the customer's.</summary>
    internal static EditResult PushPbb(ref PacketView packet, in FrameRoom room, ushort etherType)
    {
        var tag = FindPbb(packet) is >= 0 and var existing ? ReadDouble(packet.Data + existing) & ServiceIdMask : 0;
        if (packet.VlanOffset >= 0 && packet.Length >= packet.VlanOffset + VlanBytes)
        {
            tag |= (uint)(Checksums.ReadWord(packet.Data + packet.VlanOffset + 2) >> 13) << 29;
        }

        if (packet.Length < EthernetBytes || room.Front < PbbBytes)
        {
            return EditResult.Failed;
        }

        Move(ref packet, -PbbBytes);
        CopyAddresses(packet.Data + PbbBytes, packet.Data);
        Checksums.WriteWord(packet.Data + AddressBytes, etherType);
        WriteDouble(packet.Data + EthernetBytes, tag);
        return EditResult.Changed;
    }

    /// <summary>Removes everything in front of the customer's frame.</summary>
    internal static EditResult PopPbb(ref PacketView packet, in FrameRoom room)
    {
        var offset = FindPbb(packet);
        if (offset < 0 || packet.Length < offset + 4 + EthernetBytes)
        {
            return EditResult.Unchanged;
        }

        var before = packet.Length;
        Move(ref packet, offset + 4);
        Pad(ref packet, room, before);
        return EditResult.Changed;
    }

    /// <summary>Offset of the outermost label stack entry, or -1.</summary>
    internal static int FindMpls(in PacketView packet) => packet.EthType is 0x8847 or 0x8848 ? FindBehindType(packet) : -1;

    /// <summary>Offset of the tag of the outermost service instance header, or -1.</summary>
    internal static int FindPbb(in PacketView packet) => packet.EthType == 0x88E7 ? FindBehindType(packet) : -1;

    internal static uint ReadDouble(byte* at) => BinaryPrimitives.ReverseEndianness(Unsafe.ReadUnaligned<uint>(at));

    internal static void WriteDouble(byte* at, uint value) => Unsafe.WriteUnaligned(at, BinaryPrimitives.ReverseEndianness(value));

    /// <summary>Replaces the bits of the mask in the label stack entry or service tag at an offset, -1 for none.</summary>
    internal static bool EditDouble(ref PacketView packet, int offset, uint mask, uint bits)
    {
        if (offset < 0)
        {
            return false;
        }

        WriteDouble(packet.Data + offset, (ReadDouble(packet.Data + offset) & ~mask) | (bits & mask));
        return true;
    }

    private static int FindBehindType(in PacketView packet) => packet.Length >= packet.EthTypeOffset + 6 ? packet.EthTypeOffset + 2 : -1;

    /// <summary>Makes room behind the addresses.</summary>
    private static bool Grow(ref PacketView packet, in FrameRoom room, int bytes)
    {
        if (packet.Length < EthernetBytes || room.Front < bytes)
        {
            return false;
        }

        Move(ref packet, -bytes);
        CopyAddresses(packet.Data + bytes, packet.Data);
        return true;
    }

    /// <summary>Takes bytes at an offset out.</summary>
    private static void Shrink(ref PacketView packet, in FrameRoom room, int offset, int bytes)
    {
        var before = packet.Length;
        Buffer.MemoryCopy(packet.Data, packet.Data + bytes, offset, offset);
        Move(ref packet, bytes);
        Pad(ref packet, room, before);
    }

    // Both halves are read before one is written: the places overlap.
    private static void CopyAddresses(byte* from, byte* to)
    {
        var first = Unsafe.ReadUnaligned<ulong>(from);
        var rest = Unsafe.ReadUnaligned<uint>(from + 8);
        Unsafe.WriteUnaligned(to, first);
        Unsafe.WriteUnaligned(to + 8, rest);
    }

    private static void Move(ref PacketView packet, int bytes)
    {
        packet.Data += bytes;
        packet.Address = (ulong)((long)packet.Address + bytes);
        packet.Length -= bytes;
    }

    private static void Pad(ref PacketView packet, in FrameRoom room, int before)
    {
        var missing = Math.Min(MinimumBytes, before) - packet.Length;
        if (missing > 0 && missing <= room.Behind)
        {
            new Span<byte>(packet.Data + packet.Length, missing).Clear();
            packet.Length += missing;
        }
    }
}

/// <summary>Bytes of a packet's frame that are free around it.</summary>
internal readonly record struct FrameRoom(int Front, int Behind);
