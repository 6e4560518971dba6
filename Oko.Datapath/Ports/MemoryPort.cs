using System.Collections.Concurrent;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Interop;

namespace Oko.Datapath.Ports;

/// <summary>A port without a network: frames are pushed in and read out by the program that made it (tests, traces).</summary>
public sealed unsafe class MemoryPort : SingleLanePort
{
    private readonly ConcurrentQueue<byte[]> _incoming = new();
    private readonly BlockingCollection<byte[]> _outgoing = [];
    private readonly Eventfd _arrived = new();
    private int _isSignalled;

    /// <summary>Makes a port on a worker's UMEM.</summary>
    public MemoryPort(Umem umem, uint number, string name, int queueCount = 1)
        : base(umem, number, name, new MacAddress(0x02_00_00_00_00_00UL | number), queueCount)
    {
    }

    /// <inheritdoc/>
    public override string ModeText => "memory";

    /// <inheritdoc/>
    public override int PollHandle => _arrived.Fd;

    /// <summary>Whether the worker has taken every pushed frame.</summary>
    public bool IsDrained => _incoming.IsEmpty;

    /// <inheritdoc/>
    public override bool MayCarryPartialChecksums => PartialChecksums;

    /// <summary>What <see cref="MayCarryPartialChecksums"/> says.</summary>
    public bool PartialChecksums { get; init; }

    /// <summary>Any thread: a frame arrives. At most <see cref="Umem.MaxJumboPacketSize"/> bytes.</summary>
    public void Push(ReadOnlySpan<byte> frame)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(frame.Length, Umem.MaxJumboPacketSize);
        _incoming.Enqueue(frame.ToArray());
        if (Interlocked.Exchange(ref _isSignalled, 1) == 0)
        {
            _arrived.Signal();
        }
    }

    /// <summary>Any thread: the next frame that was sent, or null after the time is over.</summary>
    public byte[]? Take(TimeSpan timeout) => _outgoing.TryTake(out var frame, timeout) ? frame : null;

    /// <inheritdoc/>
    // SAFETY: the frame that is taken has room for the packet behind its headroom; Push refuses what a jumbo buffer does not hold.
    public override int Receive(FrameDescriptor* batch, int capacity)
    {
        // Cleared before the queue is read: a frame that comes later signals again.
        if (Volatile.Read(ref _isSignalled) != 0)
        {
            _arrived.Clear();
            Interlocked.Exchange(ref _isSignalled, 0);
        }

        var count = 0;
        while (count < capacity && _incoming.TryPeek(out var frame) && Umem.TryAllocate(Umem.Headroom + frame.Length, out var address))
        {
            // Nobody else takes any.
            _ = _incoming.TryDequeue(out _);
            address += Umem.Headroom;
            frame.CopyTo(new Span<byte>(Umem.Memory + address, frame.Length));
            batch[count++] = new FrameDescriptor { Address = address, Length = (uint)frame.Length };
        }

        return count;
    }

    /// <inheritdoc/>
    public override int Transmit(int queue, FrameDescriptor* batch, int count)
    {
        for (var index = 0; index < count; index++)
        {
            _outgoing.Add(new ReadOnlySpan<byte>(Umem.Memory + batch[index].Address, (int)batch[index].Length).ToArray());
            Umem.Frames.Free(batch[index].Address);
        }

        return count;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _outgoing.Dispose();
        _arrived.Dispose();
    }
}
