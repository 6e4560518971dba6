using System.Runtime.InteropServices;

namespace Oko.Datapath.Benchmark;

/// <summary>Whole packets one behind the other in unmanaged memory, in the order in which they are played. Filled by one thread; read by the
/// worker of the <see cref="ReplayPort"/> that plays it.</summary>
public sealed unsafe class PacketTrace : IDisposable
{
    private const int Alignment = 64;

    private readonly (nuint Offset, int Length)[] _packets;
    private readonly byte* _memory;

    /// <summary>Copies packets.</summary>
    /// <param name="packets">Ethernet frames, at least one.</param>
    /// <param name="maxBytes">What is behind so many bytes of a packet is left out.</param>
    /// <exception cref="ArgumentException">There is no packet.</exception>
    public PacketTrace(IReadOnlyList<byte[]> packets, int maxBytes)
    {
        if (packets.Count == 0)
        {
            throw new ArgumentException("a trace has at least one packet", nameof(packets));
        }

        _packets = new (nuint, int)[packets.Count];
        nuint end = 0;
        for (var index = 0; index < packets.Count; index++)
        {
            var length = Math.Min(packets[index].Length, maxBytes);
            _packets[index] = (end, length);
            end += (nuint)(length + Alignment - 1) & ~(nuint)(Alignment - 1);
            Bytes += length;
        }

        _memory = (byte*)NativeMemory.AlignedAlloc(Math.Max(end, Alignment), Alignment);
        for (var index = 0; index < packets.Count; index++)
        {
            // SAFETY: the memory was made for the sum of these lengths.
            packets[index].AsSpan(0, _packets[index].Length).CopyTo(new Span<byte>(_memory + _packets[index].Offset, _packets[index].Length));
        }
    }

    /// <summary>Number of packets.</summary>
    public int Count => _packets.Length;

    /// <summary>Bytes of all packets.</summary>
    public long Bytes { get; }

    /// <summary>Copies a packet and returns its length.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    /// <param name="packet">SAFETY: at least as many bytes as the trace was made for.</param>
    internal int CopyTo(int index, byte* packet)
    {
        var (offset, length) = _packets[index];
        Buffer.MemoryCopy(_memory + offset, packet, length, length);
        return length;
    }

    /// <summary>Frees the memory; no port may play the trace any more.</summary>
    public void Dispose() => NativeMemory.AlignedFree(_memory);
}
