using System.Numerics;
using System.Runtime.CompilerServices;
using Oko.Datapath.Interop;

namespace Oko.Datapath.AfXdp;

/// <summary>
/// The packet memory of one worker, shared by all of its ports. Made and freed by the datapath; the bytes and the
/// <see cref="Frames"/> belong to the worker thread once it runs.
/// </summary>
/// <remarks>
/// <para>The memory is cut into chunks of one size. At any moment a chunk has exactly one owner:</para>
/// <code>
///        +------------------- TryAllocate ----------------------------------+
///        |                                                                  v
///   Frames (free) ---refill---> fill ring ---kernel---> RX ring ---> worker (a batch)
///        ^                                                             |        |
///        |                                                   drop: Free|        | Transmit accepted it
///        +-------------------------------------------------------------+        v
///        ^                                                            TX ring of the output port
///        |                                                                      | kernel sent it
///        +----------- Reap -------- completion ring of the output port  &lt;-------+
/// </code>
/// <para>A frame that leaves on another port moves by descriptor, without a copy: the chunk comes back on the completion
/// ring of the <em>output</em> port and from there to the one stack of free chunks. The kernel writes a received packet
/// at <see cref="Headroom"/> bytes after the chunk's start, which leaves room to push tags in front.</para>
/// <para>Behind the chunks, in the same mapping, lie <see cref="JumboCount"/> jumbo buffers, of which the kernel knows nothing: a packet that
/// comes in several chunks is joined in one of them (<see cref="JumboJoiner"/>), since the pipeline and filters want it in one piece, and cut
/// into chunks when it is sent. Addresses are offsets of the one mapping, so that an address says what it lies in.</para>
/// <para>Source: Linux kernel documentation, "AF_XDP", section "UMEM".</para>
/// </remarks>
public sealed unsafe partial class Umem : IDisposable
{
    /// <summary>
    /// Bytes between the start of a chunk and a received packet: <c>XDP_PACKET_HEADROOM</c>. Also the start of the
    /// packets that the switch itself makes.
    /// </summary>
    public const int Headroom = 256;

    /// <summary>Number of jumbo buffers.</summary>
    public const int JumboCount = 256;

    /// <summary>Bytes per jumbo buffer, a power of two. Its address is a multiple of it.</summary>
    public const int JumboSize = 16384;

    /// <summary>Longest packet that fits a jumbo buffer behind the headroom, in bytes.</summary>
    public const int MaxJumboPacketSize = JumboSize - Headroom;

    private readonly bool _isOwner;
    private byte* _memory;

    /// <summary>Maps the memory with all pages in place, huge ones if there are any, and marks all chunks free.</summary>
    /// <param name="frameCount">Chunks, 1 to 1,048,576.</param>
    /// <param name="frameSize">Bytes per chunk: 2048 or 4096 (AF_XDP allows powers of two up to a page in aligned mode).</param>
    /// <param name="memory">Address of memory to use instead, without room for jumbo buffers, which the caller frees after this object; 0 = none.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size outside these ranges.</exception>
    /// <exception cref="OutOfMemoryException">The kernel has not that much memory.</exception>
    public Umem(int frameCount, int frameSize = 2048, nint memory = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(frameCount, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(frameCount, 1 << 20);
        if (frameSize is < 2048 or > 4096 || !BitOperations.IsPow2(frameSize))
        {
            throw new ArgumentOutOfRangeException(nameof(frameSize), frameSize, "UMEM chunks are 2048 or 4096 bytes.");
        }

        FrameCount = frameCount;
        FrameSize = frameSize;
        SizeBytes = (nuint)frameCount * (nuint)frameSize;
        _isOwner = memory == 0;
        JumboStart = (SizeBytes + JumboSize - 1) & ~((ulong)JumboSize - 1);
        MappedBytes = (nuint)JumboStart + (JumboCount * (nuint)JumboSize);
        _memory = _isOwner ? Mman.Allocate(MappedBytes) : (byte*)memory;
        Frames = new FrameAllocator(frameCount, frameSize, JumboStart, _isOwner ? JumboCount : 0);
    }

    /// <summary>First byte; descriptors' addresses are offsets from it.</summary>
    public byte* Memory => _memory; // SAFETY: valid for MappedBytes until Dispose; the owner disposes after all ports and workers.

    /// <summary>Bytes of all chunks: what the kernel is told of.</summary>
    public nuint SizeBytes { get; }

    /// <summary>Address of the first jumbo buffer; all from there on lie in one, all below in a chunk.</summary>
    public ulong JumboStart { get; }

    private nuint MappedBytes { get; }

    /// <summary>Number of chunks.</summary>
    public int FrameCount { get; }

    /// <summary>Bytes per chunk, a power of two.</summary>
    public int FrameSize { get; }

    /// <summary>Longest packet that fits a chunk behind the headroom, in bytes.</summary>
    public int MaxPacketSize => FrameSize - Headroom;

    /// <summary>The free chunks and jumbo buffers.</summary>
    public FrameAllocator Frames { get; }

    /// <summary>Bytes of the chunk or jumbo buffer that an address lies in.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int FrameSizeAt(ulong address) => address < JumboStart ? FrameSize : JumboSize;

    /// <summary>Distance of an address from the first byte of its chunk or jumbo buffer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int OffsetInFrame(ulong address) => (int)address & (FrameSizeAt(address) - 1);

    /// <summary>Takes a chunk, or a jumbo buffer for what does not fit one.</summary>
    /// <param name="bytes">Bytes needed from the frame's start, at most <see cref="JumboSize"/>.</param>
    /// <param name="address">Offset of its first byte.</param>
    /// <returns>False when all of them are in use.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryAllocate(int bytes, out ulong address) =>
        bytes <= FrameSize ? Frames.TryAllocate(out address) : Frames.TryAllocateJumbo(out address);

    /// <summary>Gives the memory back. All sockets that use it must be closed before.</summary>
    public void Dispose()
    {
        if (_memory is not null)
        {
            _features?.Dispose();
            Frames.Dispose();
            if (_isOwner)
            {
                Mman.Free(_memory, MappedBytes);
            }

            _memory = null;
        }
    }
}
