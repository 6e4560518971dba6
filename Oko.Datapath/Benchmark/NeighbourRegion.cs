using System.Numerics;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Interop;

namespace Oko.Datapath.Benchmark;

// What the switch and its neighbour share. The rings are those of AF_XDP (the essay is in AfXdp/ProducerRing.cs) with a process in the
// kernel's place: one producer, one consumer, no lock and no system call.
//
//   byte 0      magic, ring entries, offset and length of the packet memory
//   byte 256    command          written by the switch
//   byte 512    state, counters  written by the neighbour
//   byte 4096   three rings, each: producer's counter | consumer's counter (256 bytes apart) | entries
//   2 MiB       packet memory
//
//   switch --- ToNeighbour ---> neighbour --- Passed ----> switch       packets that go on
//                                         --- Released --> switch       frames of packets that end there
//
// Whatever one side writes and the other reads lies in cache lines of its own, two lines apart, since the prefetcher fetches lines in pairs. An
// entry is a packet in 8 bytes, so that a batch of 64 crosses from core to core in 8 lines: the offset in the packet memory in the low 48
// bits, the length above. The switch never has more packets outside than a ring has entries, so the rings that lead back cannot be full.

/// <summary>Shared memory with the rings between the switch and a neighbouring process, and the packets. Each of the two has one; the rings'
/// ends belong to one thread each.</summary>
public sealed unsafe class NeighbourRegion : IDisposable
{
    /// <summary>Fewest and most entries of a ring.</summary>
    public const int MinRingEntries = 128, MaxRingEntries = 8192;

    /// <summary>Most packets that are taken from a ring at once.</summary>
    public const int BatchPackets = 64;

    private const ulong Magic = 0x31474E49524F4B4F; // "OKORING1"
    private const int CommandOffset = 256, StateOffset = 512, RingsOffset = 4096, EntriesOffset = 512, ConsumerOffset = 256, LengthShift = 48;
    private const ulong AddressMask = (1UL << LengthShift) - 1;
    private const nuint PacketsOffset = 2 << 20;

    private readonly SharedMemory _memory;

    private NeighbourRegion(SharedMemory memory)
    {
        _memory = memory;
    }

    private enum Ring
    {
        ToNeighbour,
        Passed,
        Released,
    }

    /// <summary>What a neighbour opens (<see cref="Open"/>).</summary>
    public string Path => _memory.Path;

    /// <summary>Whether the memory lies in huge pages.</summary>
    public bool IsHuge => _memory.IsHuge;

    /// <summary>Entries of each ring.</summary>
    public int RingEntries => *(int*)(_memory.Address + 8);

    /// <summary>First byte of the packet memory; packets are offsets from it.</summary>
    public byte* Packets => _memory.Address + PacketsOffset;

    /// <summary>Bytes of the packet memory.</summary>
    public nuint PacketBytes => _memory.Length - PacketsOffset;

    /// <summary>Address of <see cref="Packets"/>.</summary>
    public nint PacketsAddress => (nint)Packets;

    /// <summary>Whether the neighbour shall look for packets all the time; else it sleeps and looks for this once per millisecond.</summary>
    public bool IsWanted
    {
        get => Volatile.Read(ref *(int*)(_memory.Address + CommandOffset)) != 0;
        set => Volatile.Write(ref *(int*)(_memory.Address + CommandOffset), value ? 1 : 0);
    }

    /// <summary>What the neighbour does.</summary>
    public NeighbourState State
    {
        get => (NeighbourState)Volatile.Read(ref *(int*)(_memory.Address + StateOffset));
        set => Volatile.Write(ref *(int*)(_memory.Address + StateOffset), (int)value);
    }

    /// <summary>Counters of the neighbour, right for all packets that it has given back. Written by the neighbour; 0 before.</summary>
    public NeighbourCounters Counters
    {
        get => *(NeighbourCounters*)(_memory.Address + StateOffset + 8);
        set => *(NeighbourCounters*)(_memory.Address + StateOffset + 8) = value;
    }

    /// <summary>Makes one; the switch.</summary>
    /// <param name="ringEntries">Entries of each ring, a power of two, <see cref="MinRingEntries"/> to <see cref="MaxRingEntries"/>.</param>
    /// <param name="packetBytes">Bytes of packet memory, at least.</param>
    /// <exception cref="ArgumentOutOfRangeException">Another number of entries.</exception>
    /// <exception cref="OutOfMemoryException">The kernel has not that much memory.</exception>
    public static NeighbourRegion Create(int ringEntries, nuint packetBytes)
    {
        if (ringEntries is < MinRingEntries or > MaxRingEntries || !BitOperations.IsPow2(ringEntries))
        {
            throw new ArgumentOutOfRangeException(nameof(ringEntries), ringEntries, $"rings have a power of two of entries, {MinRingEntries} to {MaxRingEntries}");
        }

        var memory = SharedMemory.Create(PacketsOffset + packetBytes);
        // SAFETY: the header lies in the first page of the mapping.
        *(int*)(memory.Address + 8) = ringEntries;
        *(ulong*)memory.Address = Magic;
        return new NeighbourRegion(memory);
    }

    /// <summary>Maps what the switch has made; the neighbour.</summary>
    /// <param name="path">Its <see cref="Path"/>.</param>
    /// <exception cref="IOException">There is none.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be opened.</exception>
    /// <exception cref="InvalidDataException">It is something else.</exception>
    public static NeighbourRegion Open(string path)
    {
        var memory = SharedMemory.Open(path);
        // SAFETY: the mapping has at least one huge page, in which header and rings of the greatest size lie.
        var entries = *(int*)(memory.Address + 8);
        if (*(ulong*)memory.Address != Magic || memory.Length <= PacketsOffset || entries is < MinRingEntries or > MaxRingEntries || !BitOperations.IsPow2(entries))
        {
            memory.Dispose();
            throw new InvalidDataException($"{path}: not the memory of a switch that runs 'oko bench chain'");
        }

        return new NeighbourRegion(memory);
    }

    /// <summary>A packet as an entry of a ring.</summary>
    internal static ulong Pack(ulong address, uint length) => address | ((ulong)length << LengthShift);

    /// <summary>The packet of an entry; an address and a length that another process has written.</summary>
    internal static FrameDescriptor Unpack(ulong entry) => new(entry & AddressMask, (uint)(entry >> LengthShift));

    /// <summary>Whether all of a packet lies in the packet memory.</summary>
    internal static bool IsInside(ulong entry, ulong packetBytes) => (entry & AddressMask) + (entry >> LengthShift) <= packetBytes;

    internal ProducerRing ToNeighbourProducer() => Producer(Ring.ToNeighbour);

    internal ConsumerRing ToNeighbourConsumer() => Consumer(Ring.ToNeighbour);

    internal ProducerRing PassedProducer() => Producer(Ring.Passed);

    internal ConsumerRing PassedConsumer() => Consumer(Ring.Passed);

    internal ProducerRing ReleasedProducer() => Producer(Ring.Released);

    internal ConsumerRing ReleasedConsumer() => Consumer(Ring.Released);

    // SAFETY: RingEntries was checked when the region was made or opened; three rings of the greatest size end before the packets.
    private byte* Start(Ring ring) => _memory.Address + RingsOffset + ((int)ring * (EntriesOffset + (RingEntries * sizeof(ulong))));

    private ProducerRing Producer(Ring ring)
    {
        var start = Start(ring);
        // A ring has flags in AF_XDP only; here they are a word that stays 0.
        return new ProducerRing((uint*)start, (uint*)(start + ConsumerOffset), (uint*)(start + sizeof(ulong)), start + EntriesOffset, (uint)RingEntries);
    }

    private ConsumerRing Consumer(Ring ring)
    {
        var start = Start(ring);
        return new ConsumerRing((uint*)start, (uint*)(start + ConsumerOffset), start + EntriesOffset, (uint)RingEntries);
    }

    /// <summary>Gives the memory back; no end of a ring is in use any more.</summary>
    public void Dispose() => _memory.Dispose();
}
