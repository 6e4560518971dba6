using System.Runtime.InteropServices;

namespace Oko.Bpf.Execution;

// SAFETY: whoever fills the context keeps the packet's bytes in place until the filter has returned.

/// <summary>What a filter is given: the packet and where it came from. In unmanaged or stack memory of the worker
/// that runs the filter; it must not move during the run.</summary>
/// <remarks>
/// The layout is fixed, since verified programs read it by offset (the verifier rewrites <c>struct xdp_md</c> and
/// <c>struct __sk_buff</c> accesses to it). 48 bytes, host byte order unless said otherwise:
/// <code>
///  0 Packet   8 PacketEnd   16 Length   24 InPort  28 RxQueue   32 TimeNanoseconds   40 Protocol  44 Worker
/// </code>
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = SizeBytes)]
public unsafe struct FilterContext
{
    /// <summary>Size of the structure in bytes.</summary>
    public const int SizeBytes = 48;

    /// <summary>Longest packet in bytes. What the verifier proves holds for packets up to this length.</summary>
    public const int MaxPacketBytes = 65535;

    /// <summary>Offset of <see cref="Packet"/>.</summary>
    public const int PacketOffset = 0;

    /// <summary>Offset of <see cref="PacketEnd"/>.</summary>
    public const int PacketEndOffset = 8;

    /// <summary>Offset of <see cref="Length"/>.</summary>
    public const int LengthOffset = 16;

    /// <summary>Offset of <see cref="InPort"/>.</summary>
    public const int InPortOffset = 24;

    /// <summary>Offset of <see cref="RxQueue"/>.</summary>
    public const int RxQueueOffset = 28;

    /// <summary>Offset of <see cref="TimeNanoseconds"/>.</summary>
    public const int TimeNanosecondsOffset = 32;

    /// <summary>Offset of <see cref="Protocol"/>.</summary>
    public const int ProtocolOffset = 40;

    /// <summary>Offset of <see cref="Worker"/>.</summary>
    public const int WorkerOffset = 44;

    /// <summary>First byte of the packet, its Ethernet header.</summary>
    [FieldOffset(PacketOffset)] public byte* Packet;

    /// <summary>One past the last byte of the packet.</summary>
    [FieldOffset(PacketEndOffset)] public byte* PacketEnd;

    /// <summary>Length of the packet in bytes: <see cref="PacketEnd"/> - <see cref="Packet"/>, at most <see cref="MaxPacketBytes"/>.</summary>
    [FieldOffset(LengthOffset)] public ulong Length;

    /// <summary>OpenFlow number of the ingress port.</summary>
    [FieldOffset(InPortOffset)] public uint InPort;

    /// <summary>Receive queue the packet came from.</summary>
    [FieldOffset(RxQueueOffset)] public uint RxQueue;

    /// <summary>Monotonic clock in nanoseconds, read once per batch.</summary>
    [FieldOffset(TimeNanosecondsOffset)] public ulong TimeNanoseconds;

    /// <summary>EtherType in network byte order, as in <c>__sk_buff.protocol</c>.</summary>
    [FieldOffset(ProtocolOffset)] public uint Protocol;

    /// <summary>Number of the worker that runs the filter, 0 to <see cref="Maps.BpfMap.MaxWorkers"/> - 1; chooses the copy of a per-CPU map.</summary>
    [FieldOffset(WorkerOffset)] public uint Worker;
}
