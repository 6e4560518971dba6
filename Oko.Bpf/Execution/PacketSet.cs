using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Oko.Bpf.Execution;

// SAFETY: records point into the buffer of the same set; both live until Dispose, and the records' lengths are those of the copied packets.

/// <summary>Packets one behind the other in unmanaged memory, for runs in a loop. Immutable; any thread.</summary>
public sealed unsafe class PacketSet : IDisposable
{
    // Packets start at multiples of this, as they do in a receive ring.
    private const int AlignmentBytes = 8;
    private const int BufferAlignmentBytes = 64;

    private readonly PacketRecord[] _records;
    private byte* _buffer;

    /// <summary>Copies packets.</summary>
    /// <param name="packets">Ethernet frames.</param>
    /// <exception cref="ArgumentException">One is longer than <see cref="FilterContext.MaxPacketBytes"/>.</exception>
    /// <exception cref="OutOfMemoryException">There is no memory for them.</exception>
    public PacketSet(IReadOnlyList<byte[]> packets)
    {
        if (packets.Any(packet => packet.Length > FilterContext.MaxPacketBytes))
        {
            throw new ArgumentException($"packets have at most {FilterContext.MaxPacketBytes} bytes", nameof(packets));
        }

        _buffer = (byte*)NativeMemory.AlignedAlloc((nuint)packets.Sum(packet => Padded(packet.Length)), BufferAlignmentBytes);
        _records = new PacketRecord[packets.Count];
        byte* next = _buffer;
        for (int index = 0; index < packets.Count; index++)
        {
            byte[] packet = packets[index];
            packet.CopyTo(new Span<byte>(next, packet.Length));
            uint protocol = packet.Length >= 14 ? BinaryPrimitives.ReadUInt16LittleEndian(packet.AsSpan(12)) : 0u;
            _records[index] = new PacketRecord((nint)next, packet.Length, protocol);
            next += Padded(packet.Length);
        }
    }

    /// <summary>Number of packets.</summary>
    public int Count => _records.Length;

    internal ReadOnlySpan<PacketRecord> Records => _records;

    /// <summary>Frees the packets; no run uses them any more.</summary>
    public void Dispose()
    {
        NativeMemory.AlignedFree(_buffer);
        _buffer = null;
    }

    private static long Padded(int length) => ((long)length + AlignmentBytes - 1) & -AlignmentBytes;
}

/// <summary>One packet of a <see cref="PacketSet"/>.</summary>
/// <param name="First">Address of the first byte.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Protocol">EtherType in network byte order, 0 when the packet is too short to have one.</param>
internal readonly record struct PacketRecord(nint First, int Length, uint Protocol);
