using Oko.Datapath.AfXdp;
using Oko.Datapath.Ports;

namespace Oko.Datapath.Benchmark;

// SAFETY: batches hold as many descriptors as the worker says, and what is asked of the rings is never more than they have room or entries for.

/// <summary>A port whose wire is three rings: packets sent go to a neighbouring process, those that it lets go on are received again, and the
/// frames of the others come back when they are reaped. The neighbour spins, and so does the worker while packets are outside.</summary>
public abstract unsafe class NeighbourPort : SingleLanePort
{
    private ProducerRing _toNeighbour;
    private ConsumerRing _passed;
    private ConsumerRing _released;
    private long _refused;

    /// <summary>Makes a port on the switch's ends of the rings.</summary>
    /// <param name="umem">Packet memory of the worker.</param>
    /// <param name="number">OpenFlow port number.</param>
    /// <param name="region">The rings; disposed by the caller after the port.</param>
    protected NeighbourPort(Umem umem, uint number, NeighbourRegion region)
        : base(umem, number, $"ring{number}", new MacAddress(0x02_00_00_00_00_00UL | number))
    {
        Region = region;
        _toNeighbour = region.ToNeighbourProducer();
        _passed = region.PassedConsumer();
        _released = region.ReleasedConsumer();
    }

    /// <summary>Worker: packets that the neighbour has and did not give back yet.</summary>
    public abstract int Outside { get; }

    /// <summary>Worker: packets that it would take now.</summary>
    public int Room => Region.RingEntries - Outside;

    /// <summary>Entries of the neighbour that were passed over: they were no packets that it had, or there was no frame for them.</summary>
    public long Refused => Volatile.Read(ref _refused);

    /// <summary>The rings and what the neighbour sees of packets.</summary>
    protected NeighbourRegion Region { get; }

    /// <inheritdoc/>
    public sealed override int Receive(FrameDescriptor* batch, int capacity)
    {
        var count = _passed.Peek((uint)capacity);
        if (count == 0)
        {
            return 0;
        }

        var received = Take(_passed, batch, count);
        _passed.Release(count);
        _refused += count - received;
        return received;
    }

    /// <inheritdoc/>
    public sealed override int Transmit(int queue, FrameDescriptor* batch, int count)
    {
        // Never more outside than a ring has entries: so there is room in the rings that lead back, and in this one once the neighbour has looked.
        count = (int)_toNeighbour.Reserve((uint)Math.Min(count, Room));
        if (count > 0)
        {
            Give(_toNeighbour, batch, count);
            _toNeighbour.Submit((uint)count);
        }

        return count;
    }

    /// <inheritdoc/>
    public sealed override void Reap()
    {
        var count = _released.Peek(NeighbourRegion.BatchPackets);
        if (count > 0)
        {
            _refused += count - Free(_released, count);
            _released.Release(count);
        }
    }

    /// <summary>Makes packets the neighbour's.</summary>
    /// <param name="ring">Has room for all.</param>
    /// <param name="batch">The packets.</param>
    /// <param name="count">How many, 1 or more.</param>
    private protected abstract void Give(in ProducerRing ring, FrameDescriptor* batch, int count);

    /// <summary>Makes packets that go on the worker's again; returns how many it could.</summary>
    /// <param name="ring">Entries that another process has written.</param>
    /// <param name="batch">Room for as many packets.</param>
    /// <param name="count">How many, 1 or more.</param>
    private protected abstract int Take(in ConsumerRing ring, FrameDescriptor* batch, uint count);

    /// <summary>Frees packets that ended at the neighbour; returns how many it could.</summary>
    /// <param name="ring">Entries that another process has written.</param>
    /// <param name="count">How many, 1 or more.</param>
    private protected abstract int Free(in ConsumerRing ring, uint count);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
    }
}
