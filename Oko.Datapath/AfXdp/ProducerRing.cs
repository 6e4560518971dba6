using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Oko.Datapath.AfXdp;

// The four rings of an AF_XDP socket are arrays of a power of two of entries in memory shared with the kernel, with
// two free-running 32-bit counters: the producer's (entries ever written) and the consumer's (entries ever read). One
// side writes each counter. Their difference is the number of entries in the ring; it is right also after they wrap
// around, since 2^32 is a multiple of the size.
//
//   consumer            producer                 entry of counter c: entries[c & (size - 1)]
//      v                   v
//   ---+---+---+---+---+---+---+---+---          full:  producer - consumer == size
//      | x | x | x | x | x |   |   |             empty: producer == consumer
//   ---+---+---+---+---+---+---+---+---
//
// The order of memory accesses is all the synchronisation there is. A producer writes entries, then publishes its
// counter with a release store; a consumer reads that counter with an acquire load, then the entries; the same holds
// in the other direction for the space that becomes free. Volatile.Read and Volatile.Write are exactly these two (plain
// moves on x64, ldar and stlr on arm64).
//
// The counter of the other side lies in a cache line that the other side writes: reading it is the expensive part.
// So each side keeps the last value it saw and looks again only when that value does not satisfy the request.
//
// Source: Linux kernel documentation, "AF_XDP", section "Rings"; net/xdp/xsk_queue.h.

/// <summary>
/// The producing end of a ring shared with the kernel: the fill ring (entries are chunk addresses) or the TX ring
/// (entries are descriptors). Owned by the worker of its socket. No method allocates.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ProducerRing
{
    private uint* _producer;
    private uint* _consumer;
    private uint* _flags;
    private byte* _entries;
    private uint _mask;
    private uint _next;
    private uint _seenConsumer;

    /// <summary>Wraps a ring's memory.</summary>
    /// <param name="producer">Our counter.</param>
    /// <param name="consumer">The kernel's counter.</param>
    /// <param name="flags">The kernel's flags.</param>
    /// <param name="entries">First entry.</param>
    /// <param name="size">Entries, a power of two.</param>
    internal ProducerRing(uint* producer, uint* consumer, uint* flags, void* entries, uint size)
    {
        _producer = producer;
        _consumer = consumer;
        _flags = flags;
        _entries = (byte*)entries;
        _mask = size - 1;
        _next = *producer;
        _seenConsumer = Volatile.Read(ref *consumer);
    }

    /// <summary>Entries that the kernel has not taken, by a fresh look at its counter.</summary>
    internal uint Pending
    {
        get
        {
            _seenConsumer = Volatile.Read(ref *_consumer);
            return _next - _seenConsumer;
        }
    }

    /// <summary>The kernel's counter: tells whether a system call made progress.</summary>
    internal readonly uint Consumed => Volatile.Read(ref *_consumer);

    /// <summary>Whether the kernel wants a system call to look at this ring.</summary>
    internal readonly bool NeedsWakeup => (Volatile.Read(ref *_flags) & Interop.IfXdp.RingNeedWakeup) != 0;

    /// <summary>Room for entries, at most <paramref name="wanted"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal uint Reserve(uint wanted)
    {
        var free = _mask + 1 - (_next - _seenConsumer);
        if (free < wanted)
        {
            _seenConsumer = Volatile.Read(ref *_consumer);
            free = _mask + 1 - (_next - _seenConsumer);
        }

        return Math.Min(free, wanted);
    }

    /// <summary>Writes the n-th reserved entry of a fill ring.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly void WriteAddress(uint n, ulong address)
    {
        // SAFETY: the mask keeps the index below the size; n is below what Reserve returned, so the kernel does not read it yet.
        ((ulong*)_entries)[(_next + n) & _mask] = address;
    }

    /// <summary>Writes the n-th reserved entry of a TX ring.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly void WriteDescriptor(uint n, FrameDescriptor descriptor)
    {
        // SAFETY: as above.
        ((FrameDescriptor*)_entries)[(_next + n) & _mask] = descriptor;
    }

    /// <summary>Shows the first <paramref name="count"/> reserved entries to the kernel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Submit(uint count)
    {
        _next += count;
        Volatile.Write(ref *_producer, _next);
    }
}
