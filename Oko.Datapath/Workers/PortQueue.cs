using System.Runtime.InteropServices;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Ports;

namespace Oko.Datapath.Workers;

/// <summary>One queue of a port with the packets that wait, in one worker, to be sent by it at the end of the batch. They go to the worker's own
/// lane of the port, or through a ring to the worker that has the lane. Worker thread.</summary>
internal sealed unsafe class PortQueue : IDisposable
{
    internal const int Capacity = 256;

    private readonly FrameDescriptor* _batch = (FrameDescriptor*)NativeMemory.Alloc(Capacity, (nuint)sizeof(FrameDescriptor));
    private readonly int _number;
    private readonly PortQueue[] _all;
    private readonly PortLane? _lane;
    private readonly HandOverRing? _ring;
    private int _count;

    private PortQueue(Port port, int number, PortQueue[] all, PortLane? lane, HandOverRing? ring)
    {
        Port = port;
        _number = number;
        _all = all;
        _lane = lane;
        _ring = ring;
    }

    internal Port Port { get; }

    /// <summary>All queues of the port, by number.</summary>
    internal ReadOnlySpan<PortQueue> All => _all;

    internal bool IsFull => _count == Capacity;

    internal bool IsEmpty => _count == 0;

    /// <summary>Queue 0 of a port, which knows the others.</summary>
    /// <param name="port">The port.</param>
    /// <param name="umem">Memory of the worker that the queues are for.</param>
    /// <param name="ringTo">The ring to the worker with the given memory; not asked for the worker's own.</param>
    internal static PortQueue Open(Port port, Umem umem, Func<Umem, HandOverRing> ringTo)
    {
        var own = port.Lanes.FirstOrDefault(lane => lane.Umem == umem);
        var all = new PortQueue[port.QueueCount];
        for (var number = 0; number < all.Length; number++)
        {
            // Packets that name no queue leave by any lane; the others by the one that has their queue.
            var lane = number == 0 && own is not null ? own : port.Lanes[port.LaneOf(number)];
            all[number] = lane == own
                ? new PortQueue(port, number, all, own, null)
                : new PortQueue(port, number, all, null, ringTo(lane.Umem));
        }

        return all[0];
    }

    /// <summary>Another queue of the port; queue 0 if the port has no such queue.</summary>
    internal PortQueue Of(uint number) => number < (uint)_all.Length ? _all[number] : _all[0];

    // SAFETY: the caller flushes when IsFull says so, thus _count < Capacity here.
    internal void Add(ulong address, int length) =>
        _batch[_count++] = new FrameDescriptor { Address = address, Length = (uint)length };

    /// <summary>Hands everything to the port; what it does not take is freed. Returns how many were sent, and how many not taken: what went to
    /// another worker is neither yet.</summary>
    internal (int Sent, int Dropped) Flush(FrameAllocator frames)
    {
        var count = _count;
        _count = 0;
        return _lane is { } lane ? Send(lane, frames, count) : HandOver(_ring!, frames, count);
    }

    private (int Sent, int Dropped) Send(PortLane lane, FrameAllocator frames, int count)
    {
        var sent = lane.Transmit(_number, _batch, count);
        long bytes = 0;
        for (var index = 0; index < sent; index++)
        {
            bytes += _batch[index].Length;
        }

        Free(frames, sent, count);
        lane.Queues[_number].Add(sent, bytes, count - sent);
        lane.Counters.AddSent(sent, bytes);
        if (sent < count)
        {
            lane.Counters.AddSendDropped(count - sent);
        }

        return (sent, count - sent);
    }

    private (int Sent, int Dropped) HandOver(HandOverRing ring, FrameAllocator frames, int count)
    {
        var staged = 0;
        while (staged < count && ring.TryStage(in _batch[staged], Port.Number, _number))
        {
            staged++;
        }

        ring.Publish();
        Free(frames, staged, count);
        if (staged < count)
        {
            Port.AddHandOverDropped(count - staged);
        }

        return (0, count - staged);
    }

    private void Free(FrameAllocator frames, int from, int count)
    {
        for (var index = from; index < count; index++)
        {
            frames.Free(_batch[index].Address);
        }
    }

    /// <summary>Frees all queues of the port.</summary>
    public void Dispose()
    {
        foreach (var queue in _all)
        {
            NativeMemory.Free(queue._batch);
        }
    }
}
