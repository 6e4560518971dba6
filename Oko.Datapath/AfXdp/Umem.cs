using System.Runtime.InteropServices;
using Oko.Datapath.Interop;

namespace Oko.Datapath.AfXdp;

/// <summary>
/// The packet memory of one worker, cut into frames of equal size; AF_XDP sockets and in-memory ports share it, so that a
/// packet goes from port to port by descriptor.
/// </summary>
/// <remarks>
/// Who owns a frame:
/// <code>
///             allocate                  receive                    queue for a port
///   FREE  ----------------> FILL RING ----------> WORKER (batch) --------------------> TX RING
///    ^                                               |                                    |
///    |               drop, or not accepted           |            completion ring         |
///    +-----------------------------------------------+------------------------------------+
/// </code>
/// Exactly one of these holds a frame at any time; only the worker moves it, apart from the kernel between fill and RX
/// ring and between TX and completion ring.
/// </remarks>
public sealed unsafe class Umem : IDisposable
{
    /// <summary>Bytes that the kernel leaves in front of a received packet (<c>XDP_PACKET_HEADROOM</c>).</summary>
    public const int Headroom = 256;

    /// <summary>Maps the memory.</summary>
    /// <param name="frameCount">Number of frames.</param>
    /// <param name="frameSize">Bytes per frame, a power of two: 2048 or 4096.</param>
    /// <exception cref="OutOfMemoryException">The memory cannot be had.</exception>
    public Umem(int frameCount, int frameSize = 2048)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(frameCount, 1);
        if (frameSize is not (2048 or 4096))
        {
            throw new ArgumentOutOfRangeException(nameof(frameSize), frameSize, "the kernel takes frames of 2048 or 4096 bytes");
        }

        FrameSize = frameSize;
        SizeBytes = (nuint)frameCount * (nuint)frameSize;
        // SAFETY: a fresh private mapping of SizeBytes, released only in Dispose.
        var memory = Mman.Map(null, SizeBytes, Mman.ProtRead | Mman.ProtWrite, Mman.MapPrivate | Mman.MapAnonymous | Mman.MapPopulate, -1, 0);
        if (memory == Mman.MapFailed)
        {
            throw new OutOfMemoryException($"cannot map {SizeBytes} bytes for packets (errno {Marshal.GetLastPInvokeError()})");
        }

        Memory = (byte*)memory;
        Frames = new FrameAllocator(frameCount, frameSize);
    }

    /// <summary>First byte of the memory.</summary>
    public byte* Memory { get; private set; }

    /// <summary>Size of the memory in bytes.</summary>
    public nuint SizeBytes { get; }

    /// <summary>Size of a frame in bytes.</summary>
    public int FrameSize { get; }

    /// <summary>Largest packet that fits into a frame behind the headroom, in bytes.</summary>
    public int MaxPacketSize => FrameSize - Headroom;

    /// <summary>The frames that nobody uses; worker thread.</summary>
    public FrameAllocator Frames { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Memory != null)
        {
            _ = Mman.Unmap(Memory, SizeBytes);
            Memory = null;
            Frames.Dispose();
        }
    }
}
