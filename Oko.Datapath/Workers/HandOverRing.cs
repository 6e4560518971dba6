using System.Runtime.InteropServices;
using Oko.Datapath.AfXdp;

namespace Oko.Datapath.Workers;

// A packet that leaves by a port of another worker lies in the sender's memory, which the other's sockets know nothing of. So its
// descriptor goes through this ring, the owner of the port copies the packet into a frame of its own, and the slot's return tells the sender
// that its frame is free again: one copy, made by the core that needs the bytes next.
//
// Memory shared by all workers was the alternative: no copy, but each frame must find its way home from the completion ring of another
// worker's socket, through a second ring with as many cache misses as this one has.

/// <summary>A packet on its way to the worker that owns the port.</summary>
internal struct HandOver
{
    /// <summary>Where it lies, in the memory of the sending worker.</summary>
    internal FrameDescriptor Frame;

    /// <summary>OpenFlow number of the port.</summary>
    internal uint Port;

    /// <summary>Queue of the port.</summary>
    internal int Queue;
}

/// <summary>Packets from one worker to another: a bounded ring with one writer and one reader, neither of which waits.</summary>
internal sealed unsafe class HandOverRing : IDisposable
{
    private const int Slots = 2048, LineBytes = 64;

    private readonly HandOver* _slots = (HandOver*)NativeMemory.AlignedAlloc(Slots * (nuint)sizeof(HandOver), LineBytes);
    private readonly ForwardingWorker _reader;
    private readonly long* _indices = (long*)NativeMemory.AlignedAlloc(4 * LineBytes, LineBytes);

    /// <param name="source">Memory of the writer.</param>
    /// <param name="reader">The worker that takes the packets.</param>
    internal HandOverRing(Umem source, ForwardingWorker reader)
    {
        Source = source;
        _reader = reader;
        new Span<byte>(_indices, 4 * LineBytes).Clear();
    }

    /// <summary>The memory that the packets lie in.</summary>
    internal Umem Source { get; }

    /// <summary>Whether the reader has taken all. Any thread.</summary>
    internal bool IsEmpty => Volatile.Read(ref Read) == Volatile.Read(ref Written);

    // SAFETY: the writer's indices have a pair of cache lines of their own, and so have the reader's; freed with the ring.
    private ref long Written => ref _indices[0];

    private ref long Staged => ref _indices[1];

    private ref long Reclaimed => ref _indices[2];

    private ref long Read => ref _indices[2 * LineBytes / sizeof(long)];

    private ref long Taken => ref _indices[(2 * LineBytes / sizeof(long)) + 1];

    /// <summary>Writer: hands a packet over, with its frame; false when the ring is full. <see cref="Publish"/> shows it to the reader.</summary>
    internal bool TryStage(in FrameDescriptor frame, uint port, int queue)
    {
        // A slot is free when its frame was taken back, so that none is forgotten.
        if (Staged - Reclaimed == Slots)
        {
            return false;
        }

        _slots[Staged++ % Slots] = new HandOver { Frame = frame, Port = port, Queue = queue };
        return true;
    }

    /// <summary>Writer, at the end of a batch: the reader may take what was staged.</summary>
    internal void Publish()
    {
        if (Written != Staged)
        {
            Volatile.Write(ref Written, Staged);
            _reader.Wake();
        }
    }

    /// <summary>Writer, once per round: frames of packets that the reader has copied are free again.</summary>
    internal void Reclaim()
    {
        var read = Volatile.Read(ref Read);
        for (; Reclaimed < read; Reclaimed++)
        {
            Source.Frames.Free(_slots[Reclaimed % Slots].Frame.Address);
        }
    }

    /// <summary>Reader: the next packet, which stays in its slot until <see cref="Release"/>; false when there is none.</summary>
    internal bool TryTake(out HandOver packet)
    {
        if (Taken == Volatile.Read(ref Written))
        {
            packet = default;
            return false;
        }

        packet = _slots[Taken++ % Slots];
        return true;
    }

    /// <summary>Reader, at the end of a batch: the packets taken were copied.</summary>
    internal void Release() => Volatile.Write(ref Read, Taken);

    /// <summary>Any other thread: returns when the reader has taken what was published before the call, or does not run.</summary>
    internal void WaitUntilTaken()
    {
        var written = Volatile.Read(ref Written);
        var waiting = new SpinWait();
        while (Volatile.Read(ref Read) < written && _reader.IsRunning)
        {
            _reader.Wake();
            waiting.SpinOnce(sleep1Threshold: -1);
        }
    }

    /// <summary>Frees the ring. Both workers have ended.</summary>
    public void Dispose()
    {
        NativeMemory.AlignedFree(_slots);
        NativeMemory.AlignedFree(_indices);
    }
}
