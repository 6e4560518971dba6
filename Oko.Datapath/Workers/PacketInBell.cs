using Oko.Datapath.Interop;

namespace Oko.Datapath.Workers;

/// <summary>Wakes the one reader of all workers' packet-ins when it waits.</summary>
internal sealed unsafe class PacketInBell : IDisposable
{
    private readonly Eventfd _arrived = new();
    private int _isWaiting;

    /// <summary>Worker, after it wrote: wakes the reader if it waits. Takes no lock.</summary>
    internal void Ring()
    {
        // Either the reader says that it waits before it looks at the rings, or it sees what was written: see Wait.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _isWaiting) != 0)
        {
            _arrived.Signal();
        }
    }

    /// <summary>Reader: waits while all of the rings are empty; false when they still are at the end of the time.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    internal bool Wait(PacketInRing[] rings, TimeSpan timeout, CancellationToken cancellation)
    {
        using var registration = cancellation.UnsafeRegister(static bell => ((PacketInBell)bell!)._arrived.Signal(), this);
        Interlocked.Exchange(ref _isWaiting, 1);
        if (AreEmpty(rings) && !cancellation.IsCancellationRequested)
        {
            var fd = new PollFd { Fd = _arrived.Fd, Events = Poll.In };
            // SAFETY: the structure lives on this stack for as long as poll reads it.
            _ = Poll.Wait(&fd, 1, (int)Math.Clamp(timeout.TotalMilliseconds, -1, int.MaxValue));
            _arrived.Clear();
        }

        Volatile.Write(ref _isWaiting, 0);
        cancellation.ThrowIfCancellationRequested();
        return !AreEmpty(rings);
    }

    /// <inheritdoc/>
    public void Dispose() => _arrived.Dispose();

    private static bool AreEmpty(PacketInRing[] rings)
    {
        foreach (var ring in rings)
        {
            if (!ring.IsEmpty)
            {
                return false;
            }
        }

        return true;
    }
}
