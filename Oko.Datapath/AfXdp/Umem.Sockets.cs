using System.Collections.Concurrent;
using Oko.Datapath.Interop;

namespace Oko.Datapath.AfXdp;

// What sockets of several ports must agree about: who can share a registration, how many chunks each may leave with
// the kernel, and how the chunks of a closed port come home. Ports are opened and closed on the control thread
// while the worker runs on the same memory; only CollectReturned touches the worker's free list, and only the worker
// calls it.
public sealed partial class Umem
{
    private const int SmallestFill = 64;

    private readonly Lock _lock = new();
    private readonly List<XdpSocket> _sockets = [];
    private readonly ConcurrentQueue<ReturnedFrames> _returned = new();
    private int _fillReserved;
    private XdpFeatureWatcher? _features;

    /// <summary>Chunks of a closed port, which may be used from a point of <see cref="Environment.TickCount64"/> on.</summary>
    private sealed record ReturnedFrames(ulong[] Addresses, long NotBefore);

    /// <summary>Tells ports whether their device sends redirected frames; runs from the first request on. Control thread.</summary>
    internal XdpFeatureWatcher Features => _features ??= new XdpFeatureWatcher();

    /// <summary>Bound sockets with a sharing key, oldest first. Any thread.</summary>
    internal IReadOnlyList<XdpSocket> SocketsLike(string sharingKey)
    {
        lock (_lock)
        {
            return _sockets.FindAll(socket => socket.SharingKey == sharingKey);
        }
    }

    /// <summary>A socket is bound to this memory. Any thread.</summary>
    internal void AddSocket(XdpSocket socket)
    {
        lock (_lock)
        {
            _sockets.Add(socket);
        }
    }

    /// <summary>A socket is about to be closed. Any thread.</summary>
    internal void RemoveSocket(XdpSocket socket)
    {
        lock (_lock)
        {
            _sockets.Remove(socket);
        }
    }

    /// <summary>
    /// How many chunks a new socket may leave with the kernel at most (<see cref="FillDepth"/>): the ring's size while there
    /// is plenty, later half of what is left. A quarter of all chunks is never promised, so that the switch can copy packets
    /// however many ports it has. Any thread.
    /// </summary>
    internal int ReserveFill(int wanted)
    {
        lock (_lock)
        {
            var left = (FrameCount / 4 * 3) - _fillReserved;
            var granted = Math.Min(wanted, Math.Max(left / 2, SmallestFill));
            _fillReserved += granted;
            return granted;
        }
    }

    /// <summary>Takes a promise of <see cref="ReserveFill"/> back. Any thread.</summary>
    internal void ReleaseFill(int granted)
    {
        lock (_lock)
        {
            _fillReserved -= granted;
        }
    }

    /// <summary>Hands over the chunks of a closed port. Any thread.</summary>
    /// <param name="addresses">Addresses within the chunks.</param>
    /// <param name="delayMilliseconds">
    /// How long the device may still write into them: 0 in copy mode, where closing the socket waits for that.
    /// </param>
    internal void ReturnFrames(ulong[] addresses, int delayMilliseconds) =>
        _returned.Enqueue(new ReturnedFrames(addresses, Environment.TickCount64 + delayMilliseconds));

    /// <summary>Puts handed-over chunks on the free list. The worker only; one load when there are none.</summary>
    internal void CollectReturned()
    {
        while (_returned.TryPeek(out var frames) && frames.NotBefore <= Environment.TickCount64)
        {
            _ = _returned.TryDequeue(out _);
            foreach (var address in frames.Addresses)
            {
                Frames.Free(address);
            }
        }
    }
}
