using System.Runtime.InteropServices;
using Oko.Datapath.AfXdp;

namespace Oko.Datapath.Benchmark;

// SAFETY: a slot is either free or lent, and comes back only if it was lent: the stack of free ones cannot grow over its memory, and fewer packets
// are outside than there are slots. Lengths are checked against slot or frame before a copy; entries are read from the ring once.

/// <summary>A neighbour that sees only copies in memory of its own, as a virtual machine behind vhost-user does: the switch copies each packet there,
/// and back if it goes on, and believes nothing that comes back. As in DPDK's vhost library the switch's thread does both copies.</summary>
public sealed unsafe class CopyPort : NeighbourPort
{
    /// <summary>Bytes of a slot, the place for a packet: an odd number of cache lines, so that the first lines of slots, which each packet needs, do
    /// not fight for few places in the caches (as DPDK lays out the objects of a pool).</summary>
    public const int SlotBytes = 2048 + 64;

    // Odd, so that it meets each of a power of two of slots.
    private const int SlotStep = 77;

    private readonly int _slots;
    private readonly ulong* _free;
    private readonly bool* _isLent;
    private int _freeCount;

    /// <summary>Makes a port on the switch's ends of the rings.</summary>
    /// <param name="umem">Packet memory of the worker, not the region's; frames not longer than a slot.</param>
    /// <param name="number">OpenFlow port number.</param>
    /// <param name="region">The rings, with a slot of packet memory for each entry.</param>
    public CopyPort(Umem umem, uint number, NeighbourRegion region)
        : base(umem, number, region)
    {
        _slots = region.RingEntries;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(umem.FrameSize, SlotBytes, nameof(umem));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((nuint)_slots * SlotBytes, region.PacketBytes, nameof(region));
        _free = (ulong*)NativeMemory.Alloc((nuint)_slots, sizeof(ulong));
        _isLent = (bool*)NativeMemory.AllocZeroed((nuint)_slots);
        // Far from the last one in memory: the neighbour's processor fetches ahead of what it reads, and would take lines of the next slot away from
        // the thread that fills it at that moment.
        for (; _freeCount < _slots; _freeCount++)
        {
            _free[_freeCount] = (ulong)(_freeCount * SlotStep % _slots) * SlotBytes;
        }
    }

    /// <inheritdoc/>
    public override string ModeText => "rings, with copies";

    /// <inheritdoc/>
    public override int Outside => _slots - _freeCount;

    private protected override void Give(in ProducerRing ring, FrameDescriptor* batch, int count)
    {
        for (var index = 0; index < count; index++)
        {
            var packet = batch[index];
            var slot = _free[--_freeCount];
            _isLent[slot / SlotBytes] = true;
            Buffer.MemoryCopy(Umem.Memory + packet.Address, Region.Packets + slot, SlotBytes, packet.Length);
            ring.WriteAddress((uint)index, NeighbourRegion.Pack(slot, packet.Length));
            Umem.Frames.Free(packet.Address);
        }
    }

    private protected override int Take(in ConsumerRing ring, FrameDescriptor* batch, uint count)
    {
        var taken = 0;
        for (var index = 0u; index < count; index++)
        {
            var packet = NeighbourRegion.Unpack(ring.ReadAddress(index));
            var slot = packet.Address;
            if (!TryFree(slot) || packet.Length > Umem.MaxPacketSize || !Umem.Frames.TryAllocate(out packet.Address))
            {
                continue;
            }

            packet.Address += Umem.Headroom;
            Buffer.MemoryCopy(Region.Packets + slot, Umem.Memory + packet.Address, Umem.MaxPacketSize, packet.Length);
            batch[taken++] = packet;
        }

        return taken;
    }

    private protected override int Free(in ConsumerRing ring, uint count)
    {
        var freed = 0;
        for (var index = 0u; index < count; index++)
        {
            freed += TryFree(NeighbourRegion.Unpack(ring.ReadAddress(index)).Address) ? 1 : 0;
        }

        return freed;
    }

    /// <summary>Frees a slot; false if the neighbour has none at this address.</summary>
    private bool TryFree(ulong slot)
    {
        var number = slot / SlotBytes;
        if (slot % SlotBytes != 0 || number >= (ulong)_slots || !_isLent[number])
        {
            return false;
        }

        _isLent[number] = false;
        _free[_freeCount++] = slot;
        return true;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        NativeMemory.Free(_free);
        NativeMemory.Free(_isLent);
    }
}
