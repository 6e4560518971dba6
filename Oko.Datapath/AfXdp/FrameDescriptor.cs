using System.Runtime.InteropServices;

namespace Oko.Datapath.AfXdp;

/// <summary><c>struct xdp_desc</c>: where a packet lies in the UMEM. 16 bytes, host byte order.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct FrameDescriptor
{
    /// <summary>Offset of the packet's first byte in the UMEM.</summary>
    public ulong Address;

    /// <summary>Size of the packet in bytes.</summary>
    public uint Length;

    /// <summary>Option bits (<c>XDP_PKT_CONTD</c>); 0 here, since packets are never split over frames.</summary>
    public uint Options;
}
