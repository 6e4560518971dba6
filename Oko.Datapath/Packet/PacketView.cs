using System.Runtime.InteropServices;

namespace Oko.Datapath.Packet;

/// <summary>
/// One packet in a UMEM frame while the pipeline works on it: where its bytes are and where its headers begin. Lives on
/// the worker's stack. Offsets count bytes from <see cref="Data"/>; -1 says that the header is absent or cut short.
/// </summary>
/// <remarks>SAFETY: <see cref="Data"/> points into the frame at UMEM offset <see cref="Address"/>, and <see cref="Length"/>
/// bytes from there lie inside that frame; every offset that is not -1 was checked against Length for the whole fixed
/// part of its header by <see cref="FlowKeyExtractor"/>.</remarks>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct PacketView
{
    /// <summary>First byte of the Ethernet header.</summary>
    public byte* Data;

    /// <summary>Offset of the first byte in the UMEM.</summary>
    public ulong Address;

    /// <summary>OpenFlow metadata.</summary>
    public ulong Metadata;

    /// <summary>OpenFlow tunnel id: what a logical port gave or a set-field wrote.</summary>
    public ulong TunnelId;

    /// <summary>Number of bytes of the packet.</summary>
    public int Length;

    /// <summary>OpenFlow number of the port it came in on.</summary>
    public uint InPort;

    // The offsets, this order: the extractor writes all of them at once.

    /// <summary>Offset of the outermost VLAN tag (its TPID), -1 without one.</summary>
    public int VlanOffset;

    /// <summary>Offset of the IPv4, IPv6 or ARP header.</summary>
    public int L3Offset;

    /// <summary>Offset of the byte that holds the IP protocol number.</summary>
    public int ProtoOffset;

    /// <summary>Offset of the TCP, UDP, SCTP, ICMP or ICMPv6 header; -1 in later fragments.</summary>
    public int L4Offset;

    /// <summary>Offset of the neighbour discovery target address.</summary>
    public int NdTargetOffset;

    /// <summary>Offset of the address in the source link-layer address option.</summary>
    public int NdSllOffset;

    /// <summary>Offset of the address in the target link-layer address option.</summary>
    public int NdTllOffset;

    /// <summary>Offset of the EtherType that describes the payload.</summary>
    public int EthTypeOffset;

    /// <summary>EtherType of the payload; 0x05FF for LLC frames without SNAP.</summary>
    public ushort EthType;

    /// <summary>IP protocol of the upper layer.</summary>
    public byte Proto;

    /// <summary>Whether the IP packet is a fragment, the first included.</summary>
    public bool IsFragment;

    /// <summary>Whether an IPv6 routing header names a later destination, which is then the one in the pseudo-header.</summary>
    public bool IsSourceRouted;
}
