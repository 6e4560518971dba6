namespace Oko.Bpf.Maps;

// How a ring buffer works.
//
//   data    MaxEntries bytes, a power of two. Positions only grow; the place of a position is "position & (MaxEntries - 1)".
//   record  u32 length | Busy | Discarded, u32 reservations refused since the record before, then the data padded to 8.
//
// A producer takes the map's lock to reserve: it writes a busy header, then moves Produced with release order. It fills the record
// without a lock, and submits or discards by one store of the header, with release order. The consumer goes from Oldest to Produced
// and stops at the first busy record, so records come out in the order of their reservation. A record that does not fit before the
// end of the memory is preceded by a discarded filler (the kernel maps the memory twice instead).
//
// What is not reserved is counted, and the count stands in the next record's header: the consumer knows where something is missing.

// SAFETY: Produced - Oldest never exceeds MaxEntries, and positions, being multiples of 8, leave room for a header before the end.
// Records are those that Reserve has returned, each given back once: the verifier proves it.

/// <summary>The ring buffer helpers as programs call them. Any thread that runs programs.</summary>
internal static unsafe class RingBuffer
{
    /// <summary>The record is reserved and not given back.</summary>
    public const uint Busy = 1u << 31;

    /// <summary>The record is to be passed over.</summary>
    public const uint Discarded = 1u << 30;

    /// <summary>Bytes before a record's data.</summary>
    public const uint HeaderBytes = 8;

    private const ulong WakeUpFlags = 3;

    /// <summary>Helper 131: room for a record, its content undefined; null without room or with flags other than 0.</summary>
    public static byte* Reserve(MapHeader* map, ulong size, ulong flags)
    {
        if (flags != 0 || size > map->MaxEntries - HeaderBytes)
        {
            return null;
        }

        uint length = MapMemory.Align8((uint)size) + HeaderBytes;
        MapMemory.Enter(map);
        byte* data = ReserveLocked(map, (uint)size, length);
        if (data == null)
        {
            map->RefusedUpdates++;
            map->LostSinceRecord += map->LostSinceRecord == uint.MaxValue ? 0u : 1;
        }

        MapMemory.Exit(map);
        return data;
    }

    /// <summary>Helper 132: the record is complete. The flags ask for a wake-up or none, and nobody sleeps here.</summary>
    public static void Submit(byte* record, ulong flags)
    {
        uint* header = (uint*)(record - HeaderBytes);
        Volatile.Write(ref *header, *header & ~Busy);
    }

    /// <summary>Helper 133: the record is not wanted.</summary>
    public static void Discard(byte* record, ulong flags)
    {
        uint* header = (uint*)(record - HeaderBytes);
        Volatile.Write(ref *header, (*header & ~Busy) | Discarded);
    }

    /// <summary>Helper 130: reserves, copies and submits. 0, <see cref="MapErrno.TryAgain"/> without room, or
    /// <see cref="MapErrno.Invalid"/> for unknown flags.</summary>
    public static long Output(MapHeader* map, byte* data, ulong size, ulong flags)
    {
        if ((flags & ~WakeUpFlags) != 0)
        {
            return MapErrno.Invalid;
        }

        byte* record = Reserve(map, size, 0);
        if (record == null)
        {
            return MapErrno.TryAgain;
        }

        MapMemory.Copy(record, data, (uint)size);
        Submit(record, flags);
        return MapErrno.None;
    }

    /// <summary>Helper 134: 0 bytes not consumed, 1 size of the ring, 2 position of the consumer, 3 of the producers; else 0.</summary>
    public static ulong Query(MapHeader* map, ulong flags)
    {
        ulong consumed = Volatile.Read(ref map->Oldest);
        return flags switch
        {
            0 => Volatile.Read(ref map->Produced) - consumed,
            1 => map->MaxEntries,
            2 => consumed,
            3 => Volatile.Read(ref map->Produced),
            _ => 0,
        };
    }

    private static byte* ReserveLocked(MapHeader* map, uint size, uint length)
    {
        ulong position = map->Produced;
        uint place = (uint)position & (map->MaxEntries - 1);
        uint untilEnd = map->MaxEntries - place;
        uint filler = length > untilEnd ? untilEnd : 0;
        if (position + filler + length - Volatile.Read(ref map->Oldest) > map->MaxEntries)
        {
            return null;
        }

        if (filler != 0)
        {
            *(uint*)(map->Entries + place) = (filler - HeaderBytes) | Discarded;
            *(uint*)(map->Entries + place + 4) = 0;
            position += filler;
            place = 0;
        }

        byte* header = map->Entries + place;
        *(uint*)header = size | Busy;
        *(uint*)(header + 4) = map->LostSinceRecord;
        map->LostSinceRecord = 0;
        Volatile.Write(ref map->Produced, position + length);
        return header + HeaderBytes;
    }
}
