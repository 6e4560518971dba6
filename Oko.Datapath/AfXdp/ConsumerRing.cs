using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Oko.Datapath.AfXdp;

/// <summary>
/// The consuming end of a ring shared with the kernel: the RX ring (entries are descriptors) or the completion ring
/// (entries are addresses). The essay in <c>ProducerRing.cs</c> explains both ends. Owned by the worker of its socket.
/// No method allocates.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ConsumerRing
{
    private uint* _producer;
    private uint* _consumer;
    private byte* _entries;
    private uint _mask;
    private uint _next;
    private uint _seenProducer;

    /// <summary>Wraps a ring's memory.</summary>
    /// <param name="producer">The kernel's counter.</param>
    /// <param name="consumer">Our counter.</param>
    /// <param name="entries">First entry.</param>
    /// <param name="size">Entries, a power of two.</param>
    internal ConsumerRing(uint* producer, uint* consumer, void* entries, uint size)
    {
        _producer = producer;
        _consumer = consumer;
        _entries = (byte*)entries;
        _mask = size - 1;
        _next = *consumer;
        _seenProducer = _next;
    }

    /// <summary>Entries to read, at most <paramref name="wanted"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal uint Peek(uint wanted)
    {
        var available = _seenProducer - _next;
        if (available < wanted)
        {
            _seenProducer = Volatile.Read(ref *_producer);
            available = _seenProducer - _next;
        }

        return Math.Min(available, wanted);
    }

    /// <summary>Reads the n-th entry of a completion ring.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly ulong ReadAddress(uint n)
    {
        // SAFETY: the mask keeps the index below the size; n is below what Peek returned, so the kernel has written it.
        return ((ulong*)_entries)[(_next + n) & _mask];
    }

    /// <summary>Reads the n-th entry of an RX ring.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly FrameDescriptor ReadDescriptor(uint n)
    {
        // SAFETY: as above.
        return ((FrameDescriptor*)_entries)[(_next + n) & _mask];
    }

    /// <summary>Gives the first <paramref name="count"/> entries back to the kernel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Release(uint count)
    {
        _next += count;
        Volatile.Write(ref *_consumer, _next);
    }
}
