using System.Runtime.InteropServices;
using Oko.Datapath.Interop;

namespace Oko.Datapath.AfXdp;

/// <summary>
/// Packets on their way to a test run with live frames: a BPF array map with one large value that the process has mapped,
/// so the XDP program reads what the worker wrote without a system call. Each lane of the port has a part of it. Made and closed by the
/// control thread, the parts are written by their workers.
/// </summary>
/// <remarks>
/// A lane's part of the value, in host byte order:
/// <code>
///        0   u64 next               counts the frames the program has filled
///       64   u32 lengths[256]       of the packets, in bytes
///     1088   packets[256]           1600 bytes each
/// </code>
/// 1600 and not 2048 bytes, so that the first lines of the packets do not all fall into the same sets of the cache.
/// </remarks>
internal sealed unsafe class InjectMap : IDisposable
{
    /// <summary>Most packets of one run; more bring nothing.</summary>
    internal const int Capacity = 256;

    /// <summary>Longest packet: an Ethernet frame of MTU 1500. Longer ones leave by the TX ring.</summary>
    internal const int MaxPacketSize = 1514;

    /// <summary>Shortest packet: an Ethernet header.</summary>
    internal const int MinPacketSize = 14;

    /// <summary>Bytes per packet.</summary>
    internal const int SlotSize = 1600;

    /// <summary>Offset of <c>next</c>.</summary>
    internal const int NextOffset = 0;

    /// <summary>Offset of <c>lengths</c>.</summary>
    internal const int LengthsOffset = 64;

    /// <summary>Offset of <c>packets</c>.</summary>
    internal const int PacketsOffset = LengthsOffset + (Capacity * sizeof(uint));

    /// <summary>The interface that frames of a test run come from: the loopback device of the namespace.</summary>
    internal const int TestRunInterface = 1;

    /// <summary>Bytes of a lane's part.</summary>
    internal const int LaneSize = PacketsOffset + (Capacity * SlotSize);

    private readonly int _size;
    private byte* _value;

    /// <summary>Makes and maps the map.</summary>
    /// <exception cref="SystemCallException">The kernel refuses.</exception>
    internal InjectMap(int lanes)
    {
        Lanes = lanes;
        _size = lanes * LaneSize;
        Handle = SystemCallException.CheckValue(
            LinuxBpf.CreateMap(LinuxBpf.MapTypeArray, sizeof(uint), (uint)_size, 1, LinuxBpf.MapMmapable, "oko_inject"u8), "BPF_MAP_CREATE");
        var address = Mman.Map(0, (nuint)_size, Mman.ProtectRead | Mman.ProtectWrite, Mman.MapShared | Mman.MapPopulate, Handle, 0);
        if (address == Mman.MapFailed)
        {
            var error = Marshal.GetLastPInvokeError();
            Dispose();
            throw new SystemCallException("mmap of a BPF map", error);
        }

        // SAFETY: the mapping is _size long until Dispose, which the owner calls after the worker gave the port up.
        _value = (byte*)address;
    }

    /// <summary>The map.</summary>
    internal int Handle { get; private set; }

    /// <summary>Number of lanes.</summary>
    internal int Lanes { get; }

    /// <summary>A lane's part. SAFETY: <see cref="LaneSize"/> bytes, lane below <see cref="Lanes"/>.</summary>
    internal byte* Part(int lane) => _value + (lane * LaneSize);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_value is not null)
        {
            _ = Mman.Unmap((nint)_value, (nuint)_size);
            _value = null;
        }

        if (Handle >= 0)
        {
            _ = Socket.Close(Handle);
            Handle = -1;
        }
    }
}
