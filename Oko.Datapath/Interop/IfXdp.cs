using System.Runtime.InteropServices;

namespace Oko.Datapath.Interop;

/// <summary>
/// Constants and structures of <c>linux/if_xdp.h</c>. All fields in host byte order. Sizes and offsets are held
/// against the system's header by <c>AbiLayoutTests</c>.
/// </summary>
/// <remarks>Source: Linux kernel documentation, "AF_XDP"; Linux 5.10 has all but the TX budget and several descriptors per packet.</remarks>
internal static class IfXdp
{
    /// <summary><c>XDP_SHARED_UMEM</c>: bind to the UMEM of another socket; allows no other flag.</summary>
    internal const ushort SharedUmem = 1 << 0;

    /// <summary><c>XDP_COPY</c>: insist on copy mode.</summary>
    internal const ushort Copy = 1 << 1;

    /// <summary><c>XDP_ZEROCOPY</c>: insist on zero-copy mode.</summary>
    internal const ushort ZeroCopy = 1 << 2;

    /// <summary><c>XDP_USE_NEED_WAKEUP</c>: the kernel says in the rings when it wants a system call.</summary>
    internal const ushort UseNeedWakeup = 1 << 3;

    /// <summary><c>XDP_USE_SG</c>: packets may take several descriptors; Linux 6.6.</summary>
    internal const ushort UseScatterGather = 1 << 4;

    /// <summary><c>XDP_PKT_CONTD</c>: bit in a descriptor's options, the packet goes on in the next one.</summary>
    internal const uint PacketContinues = 1 << 0;

    /// <summary><c>XDP_RING_NEED_WAKEUP</c>: bit in a ring's flags.</summary>
    internal const uint RingNeedWakeup = 1 << 0;

    /// <summary><c>XDP_OPTIONS_ZEROCOPY</c>: bit in <see cref="Options"/>.</summary>
    internal const uint OptionsZeroCopy = 1 << 0;

    /// <summary><c>XDP_MMAP_OFFSETS</c>.</summary>
    internal const int OptionMmapOffsets = 1;

    /// <summary><c>XDP_RX_RING</c>: entries, a power of two.</summary>
    internal const int OptionReceiveRing = 2;

    /// <summary><c>XDP_TX_RING</c>: entries, a power of two.</summary>
    internal const int OptionTransmitRing = 3;

    /// <summary><c>XDP_UMEM_REG</c>.</summary>
    internal const int OptionUmemRegister = 4;

    /// <summary><c>XDP_UMEM_FILL_RING</c>: entries, a power of two.</summary>
    internal const int OptionFillRing = 5;

    /// <summary><c>XDP_UMEM_COMPLETION_RING</c>: entries, a power of two.</summary>
    internal const int OptionCompletionRing = 6;

    /// <summary><c>XDP_STATISTICS</c>.</summary>
    internal const int OptionStatistics = 7;

    /// <summary><c>XDP_OPTIONS</c>.</summary>
    internal const int OptionOptions = 8;

    /// <summary><c>XDP_MAX_TX_SKB_BUDGET</c>: packets that one sendto may send in copy mode; newer kernels only.</summary>
    internal const int OptionMaxTransmitBudget = 9;

    /// <summary><c>XDP_PGOFF_RX_RING</c>.</summary>
    internal const long PageOffsetReceiveRing = 0;

    /// <summary><c>XDP_PGOFF_TX_RING</c>.</summary>
    internal const long PageOffsetTransmitRing = 0x80000000;

    /// <summary><c>XDP_UMEM_PGOFF_FILL_RING</c>.</summary>
    internal const long PageOffsetFillRing = 0x100000000;

    /// <summary><c>XDP_UMEM_PGOFF_COMPLETION_RING</c>.</summary>
    internal const long PageOffsetCompletionRing = 0x180000000;

    /// <summary><c>struct sockaddr_xdp</c>, 16 bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct SocketAddress
    {
        internal ushort Family;
        internal ushort Flags;
        internal uint InterfaceIndex;
        internal uint QueueId;
        internal uint SharedUmemHandle;
    }

    /// <summary><c>struct xdp_umem_reg</c> up to and including <c>flags</c>, 32 bytes with the padding; newer kernels accept this length.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct UmemRegistration
    {
        internal ulong Address;
        internal ulong Length;
        internal uint ChunkSize;
        internal uint Headroom;
        internal uint Flags;
    }

    /// <summary><c>struct xdp_ring_offset</c>, 32 bytes: places in a ring's mapping.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct RingOffset
    {
        internal ulong Producer;
        internal ulong Consumer;
        internal ulong Descriptors;
        internal ulong Flags;
    }

    /// <summary><c>struct xdp_mmap_offsets</c>, 128 bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct MmapOffsets
    {
        internal RingOffset Receive;
        internal RingOffset Transmit;
        internal RingOffset Fill;
        internal RingOffset Completion;
    }

    /// <summary><c>struct xdp_statistics</c>, 48 bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Statistics
    {
        internal ulong ReceiveDropped;
        internal ulong ReceiveInvalidDescriptors;
        internal ulong TransmitInvalidDescriptors;
        internal ulong ReceiveRingFull;
        internal ulong FillRingEmpty;
        internal ulong TransmitRingEmpty;
    }

    /// <summary><c>struct xdp_options</c>, 4 bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Options
    {
        internal uint Flags;
    }
}
