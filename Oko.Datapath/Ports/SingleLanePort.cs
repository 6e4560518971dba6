using System.Collections.Immutable;
using Oko.Datapath.AfXdp;

namespace Oko.Datapath.Ports;

/// <summary>A port that one worker receives from and sends by; the others hand their packets for it over to that one.</summary>
public abstract unsafe class SingleLanePort : Port
{
    /// <summary>Names the port.</summary>
    /// <param name="umem">Memory of the worker that will own it.</param>
    /// <param name="number">OpenFlow port number.</param>
    /// <param name="name">Name of the interface.</param>
    /// <param name="hardwareAddress">Its Ethernet address.</param>
    /// <param name="queueCount">Queues that packets can be sent by, 1 or more.</param>
    protected SingleLanePort(Umem umem, uint number, string name, MacAddress hardwareAddress, int queueCount = 1)
        : base(number, name, hardwareAddress, queueCount)
    {
        Umem = umem;
        Lanes = [new OnlyLane(this, umem)];
    }

    /// <inheritdoc/>
    public override ImmutableArray<PortLane> Lanes { get; }

    /// <summary>Memory of the worker that owns the port.</summary>
    protected Umem Umem { get; }

    /// <inheritdoc cref="PortLane.PollHandle"/>
    public virtual int PollHandle => -1;

    /// <inheritdoc cref="PortLane.ReceiveQueue"/>
    public virtual uint ReceiveQueue => 0;

    // SAFETY: as for a lane: the arrays hold as many descriptors as the caller says, all in the port's UMEM.

    /// <inheritdoc cref="PortLane.Receive"/>
    public abstract int Receive(FrameDescriptor* batch, int capacity);

    /// <inheritdoc cref="PortLane.Transmit"/>
    public abstract int Transmit(int queue, FrameDescriptor* batch, int count);

    /// <inheritdoc cref="PortLane.Reap"/>
    public virtual void Reap()
    {
    }

    private sealed class OnlyLane(SingleLanePort port, Umem umem) : PortLane(port, umem)
    {
        public override int PollHandle => port.PollHandle;

        public override uint ReceiveQueue => port.ReceiveQueue;

        public override int Receive(FrameDescriptor* batch, int capacity) => port.Receive(batch, capacity);

        public override int Transmit(int queue, FrameDescriptor* batch, int count) => port.Transmit(queue, batch, count);

        public override void Reap() => port.Reap();
    }
}
