using System.Runtime.InteropServices;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Ports;

namespace Oko.Datapath.Workers;

/// <summary>One queue of a port with the packets that wait to be sent by it at the end of the batch. Worker thread.</summary>
internal sealed unsafe class PortQueue : IDisposable
{
    internal const int Capacity = 256;

    private readonly FrameDescriptor* _batch = (FrameDescriptor*)NativeMemory.Alloc(Capacity, (nuint)sizeof(FrameDescriptor));
    private readonly int _number;
    private readonly PortQueue[] _all;
    private int _count;

    private PortQueue(Port port, int number, PortQueue[] all)
    {
        Port = port;
        _number = number;
        _all = all;
    }

    internal Port Port { get; }

    /// <summary>All queues of the port, by number.</summary>
    internal ReadOnlySpan<PortQueue> All => _all;

    internal bool IsFull => _count == Capacity;

    internal bool IsEmpty => _count == 0;

    /// <summary>Queue 0 of a port, which knows the others.</summary>
    internal static PortQueue Open(Port port)
    {
        var all = new PortQueue[port.Queues.Length];
        for (var number = 0; number < all.Length; number++)
        {
            all[number] = new PortQueue(port, number, all);
        }

        return all[0];
    }

    /// <summary>Another queue of the port; queue 0 if the port has no such queue.</summary>
    internal PortQueue Of(uint number) => number < (uint)_all.Length ? _all[number] : _all[0];

    // SAFETY: the caller flushes when IsFull says so, thus _count < Capacity here.
    internal void Add(ulong address, int length) =>
        _batch[_count++] = new FrameDescriptor { Address = address, Length = (uint)length };

    /// <summary>Hands everything to the port; what it does not take is freed. Returns how many it took and how many not.</summary>
    internal (int Sent, int Dropped) Flush(FrameAllocator frames)
    {
        var count = _count;
        _count = 0;
        var sent = Port.Transmit(_number, _batch, count);
        long bytes = 0;
        for (var index = 0; index < sent; index++)
        {
            bytes += _batch[index].Length;
        }

        for (var index = sent; index < count; index++)
        {
            frames.Free(_batch[index].Address);
        }

        Port.Queues[_number].Add(sent, bytes, count - sent);
        Port.Counters.AddSent(sent, bytes);
        if (sent < count)
        {
            Port.Counters.AddSendDropped(count - sent);
        }

        return (sent, count - sent);
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
