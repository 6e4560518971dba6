using System.Runtime.InteropServices;
using Oko.Datapath.Interop;

namespace Oko.Datapath.AfXdp;

/// <summary>
/// <c>struct xdp_desc</c>: where a packet stands in the UMEM. A value; whoever holds it owns the chunk it points into
/// (see <see cref="Umem"/>).
/// </summary>
/// <remarks>16 bytes, host byte order, as in the RX and TX rings. Source: linux/if_xdp.h, Linux 4.18.</remarks>
[StructLayout(LayoutKind.Sequential)]
public struct FrameDescriptor
{
    /// <summary><c>addr</c>: offset of the first packet byte from the start of the UMEM, in bytes.</summary>
    public ulong Address;

    /// <summary><c>len</c>: length of the packet in bytes.</summary>
    public uint Length;

    /// <summary><c>options</c>: <see cref="IfXdp.PacketContinues"/> or 0, which a packet's last or only descriptor has.</summary>
    public uint Options;

    /// <summary>Makes a descriptor of a whole packet.</summary>
    /// <param name="address">Offset of the first packet byte in the UMEM.</param>
    /// <param name="length">Length in bytes.</param>
    public FrameDescriptor(ulong address, uint length)
    {
        Address = address;
        Length = length;
        Options = 0;
    }
}
