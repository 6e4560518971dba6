using System.Collections.Immutable;
using Oko.Datapath.AfXdp;

namespace Oko.Datapath.Ports;

/// <summary>
/// A worker's part of a port: the way by which that worker receives from it and sends by it, with frames of the worker's own memory. Receive,
/// Transmit and Reap are called by that worker only, once per batch; the rest may be read by any thread.
/// </summary>
public abstract unsafe class PortLane
{
    /// <summary>Makes a lane.</summary>
    /// <param name="port">The port.</param>
    /// <param name="umem">Memory of the worker that will own the lane.</param>
    protected PortLane(Port port, Umem umem)
    {
        Port = port;
        Umem = umem;
        Queues = [.. Enumerable.Range(0, port.QueueCount).Select(_ => new QueueCounters())];
    }

    /// <summary>The port.</summary>
    public Port Port { get; }

    /// <summary>The memory of its worker.</summary>
    public Umem Umem { get; }

    /// <summary>File descriptor that becomes readable when packets arrive; -1 if there is none.</summary>
    public virtual int PollHandle => -1;

    /// <summary>Worker: the receive queue of the port that the packets of the last <see cref="Receive"/> came from.</summary>
    public virtual uint ReceiveQueue => 0;

    /// <summary>What went through this lane.</summary>
    internal PortCounters Counters { get; } = new();

    /// <summary>What went through this lane's queues, by number.</summary>
    internal ImmutableArray<QueueCounters> Queues { get; }

    // SAFETY: in both, the caller's array holds as many descriptors as it says, and every descriptor lies in the lane's UMEM.

    /// <summary>Fills the batch with received packets; their frames then belong to the caller. Returns how many.</summary>
    public abstract int Receive(FrameDescriptor* batch, int capacity);

    /// <summary>Takes the first n packets with their frames and returns n; the rest stay the caller's.</summary>
    /// <param name="queue">Number of the queue, below <see cref="Port.QueueCount"/>; 0 is the lane's own default.</param>
    /// <param name="batch">The packets.</param>
    /// <param name="count">How many.</param>
    public abstract int Transmit(int queue, FrameDescriptor* batch, int count);

    /// <summary>Returns sent frames to the UMEM and hands free ones to the interface; once per round.</summary>
    public abstract void Reap();
}
