using Oko.Datapath.AfXdp;

namespace Oko.Datapath.Benchmark;

// SAFETY: the rings' indices are below what their callers reserved or saw, and the batch has as many descriptors. Entries are checked to lie in the
// memory, but which of its packets a neighbour gives back is believed: it shares all of the memory anyway.

/// <summary>A neighbour that works on the switch's packets in place, like one at the ring ports of DPDK: only descriptors move. It shares all of the
/// packet memory, so the switch is not safe from it.</summary>
/// <param name="umem">Packet memory of the worker, which is the region's.</param>
/// <param name="number">OpenFlow port number.</param>
/// <param name="region">The rings.</param>
public sealed unsafe class RingPort(Umem umem, uint number, NeighbourRegion region) : NeighbourPort(umem, number, region)
{
    private int _outside;

    /// <inheritdoc/>
    public override string ModeText => "rings, without copies";

    /// <inheritdoc/>
    public override int Outside => _outside;

    private protected override void Give(in ProducerRing ring, FrameDescriptor* batch, int count)
    {
        for (var index = 0; index < count; index++)
        {
            ring.WriteAddress((uint)index, NeighbourRegion.Pack(batch[index].Address, batch[index].Length));
        }

        _outside += count;
    }

    private protected override int Take(in ConsumerRing ring, FrameDescriptor* batch, uint count)
    {
        var memoryBytes = (ulong)Umem.SizeBytes;
        var taken = 0;
        for (var index = 0u; index < count; index++)
        {
            var entry = ring.ReadAddress(index);
            batch[taken] = NeighbourRegion.Unpack(entry);
            taken += NeighbourRegion.IsInside(entry, memoryBytes) ? 1 : 0;
        }

        _outside -= taken;
        return taken;
    }

    private protected override int Free(in ConsumerRing ring, uint count)
    {
        var memoryBytes = (ulong)Umem.SizeBytes;
        var frames = Umem.Frames;
        var freed = 0;
        for (var index = 0u; index < count; index++)
        {
            var entry = ring.ReadAddress(index);
            if (NeighbourRegion.IsInside(entry, memoryBytes))
            {
                frames.Free(NeighbourRegion.Unpack(entry).Address);
                freed++;
            }
        }

        _outside -= freed;
        return freed;
    }
}
