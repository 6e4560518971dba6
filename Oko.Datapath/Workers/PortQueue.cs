using System.Runtime.InteropServices;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Ports;

namespace Oko.Datapath.Workers;

/// <summary>A port with the packets that wait to be sent on it at the end of the batch. Worker thread.</summary>
internal sealed unsafe class PortQueue : IDisposable
{
    internal const int Capacity = 256;

    private readonly FrameDescriptor* _batch = (FrameDescriptor*)NativeMemory.Alloc(Capacity, (nuint)sizeof(FrameDescriptor));
    private int _count;

    internal PortQueue(Port port)
    {
        Port = port;
    }

    internal Port Port { get; }

    internal bool IsFull => _count == Capacity;

    internal bool IsEmpty => _count == 0;

    // SAFETY: the caller flushes when IsFull says so, thus _count < Capacity here.
    internal void Add(ulong address, int length) =>
        _batch[_count++] = new FrameDescriptor { Address = address, Length = (uint)length };

    /// <summary>Hands everything to the port; what it does not take is freed. Returns how many it took and how many not.</summary>
    internal (int Sent, int Dropped) Flush(FrameAllocator frames)
    {
        var count = _count;
        _count = 0;
        var sent = Port.Transmit(_batch, count);
        long bytes = 0;
        for (var index = 0; index < sent; index++)
        {
            bytes += _batch[index].Length;
        }

        for (var index = sent; index < count; index++)
        {
            frames.Free(_batch[index].Address);
        }

        Port.Counters.AddSent(sent, bytes);
        if (sent < count)
        {
            Port.Counters.AddSendDropped(count - sent);
        }

        return (sent, count - sent);
    }

    public void Dispose() => NativeMemory.Free(_batch);
}
