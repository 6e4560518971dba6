namespace Oko.Bpf.Maps;

// Bloom filter and count-min sketch: answers about items without keeping them.
//
// Both hash an item once to 64 random-seeded bits, low and high half, and take "low + i * high" as its i-th place. A bloom filter sets
// those bits and says "maybe" if all are set: never no for what was added. A sketch adds to one counter in each row, and estimates by
// the least of them: never too low, unless a counter has wrapped. Bits and counters are changed by atomic instructions, without a lock.
//
// Sources: A. Kirsch, M. Mitzenmacher, "Less hashing, same performance" (2006); G. Cormode, S. Muthukrishnan, "An improved data stream
// summary: the count-min sketch" (2005).

// SAFETY: places are masked to the bits or counters of a row, rows are as many as memory was reserved for, workers below MaxWorkers.

/// <summary>The operations of bloom filters and count-min sketches on unmanaged memory. Any thread that runs programs.</summary>
internal static unsafe class SketchTable
{
    /// <summary>Bytes from one worker's result to the next: a cache line each.</summary>
    public const uint ResultStride = 64;

    /// <summary>Adds an item to a bloom filter. 0, or <see cref="MapErrno.Invalid"/> for flags other than 0.</summary>
    public static long Add(MapHeader* map, byte* item, ulong flags)
    {
        if (flags != MapUpdateFlags.Any)
        {
            return MapErrno.Invalid;
        }

        ulong hash = Hash(map, item, ItemBytes(map));
        for (uint i = 0; i < map->Rows; i++)
        {
            uint bit = Place(map, hash, i);
            Interlocked.Or(ref ((ulong*)map->Entries)[bit / 64], 1ul << (int)(bit % 64));
        }

        return MapErrno.None;
    }

    /// <summary>0 if an item may have been added, <see cref="MapErrno.NotFound"/> if it was certainly not.</summary>
    public static long Test(MapHeader* map, byte* item)
    {
        ulong hash = Hash(map, item, ItemBytes(map));
        for (uint i = 0; i < map->Rows; i++)
        {
            uint bit = Place(map, hash, i);
            if ((Volatile.Read(ref ((ulong*)map->Entries)[bit / 64]) >> (int)(bit % 64) & 1) == 0)
            {
                return MapErrno.NotFound;
            }
        }

        return MapErrno.None;
    }

    /// <summary>Adds to the count of a key. 0, or <see cref="MapErrno.Invalid"/> for flags other than 0.</summary>
    public static long Count(MapHeader* map, byte* key, byte* delta, ulong flags)
    {
        if (flags != MapUpdateFlags.Any)
        {
            return MapErrno.Invalid;
        }

        ulong hash = Hash(map, key, map->KeySize);
        for (uint row = 0; row < map->Rows; row++)
        {
            byte* counter = CounterAt(map, hash, row);
            if (map->ValueSize == sizeof(ulong))
            {
                Interlocked.Add(ref *(ulong*)counter, *(ulong*)delta);
            }
            else
            {
                Interlocked.Add(ref *(uint*)counter, *(uint*)delta);
            }
        }

        return MapErrno.None;
    }

    /// <summary>The estimate of a key's count, in this worker's result cell; good until the worker's next lookup in the map.</summary>
    public static byte* LookupEstimate(MapHeader* map, byte* key, uint worker)
    {
        byte* cell = map->Results + ((nuint)worker * ResultStride);
        *(ulong*)cell = Estimate(map, key);
        return cell;
    }

    /// <summary>1 if a key may have been added, else 0, in this worker's result cell; good until the worker's next lookup in the map.</summary>
    public static byte* LookupMembership(MapHeader* map, byte* key, uint worker)
    {
        byte* cell = map->Results + ((nuint)worker * ResultStride);
        *(ulong*)cell = Test(map, key) == MapErrno.None ? 1u : 0u;
        return cell;
    }

    /// <summary>The estimate of a key's count.</summary>
    public static ulong Estimate(MapHeader* map, byte* key)
    {
        ulong hash = Hash(map, key, map->KeySize);
        ulong least = ulong.MaxValue;
        for (uint row = 0; row < map->Rows; row++)
        {
            byte* counter = CounterAt(map, hash, row);
            least = Math.Min(least, map->ValueSize == sizeof(ulong) ? Volatile.Read(ref *(ulong*)counter) : Volatile.Read(ref *(uint*)counter));
        }

        return least;
    }

    // The items of Linux' bloom filter are its values.
    private static uint ItemBytes(MapHeader* map) => map->KeySize == 0 ? map->ValueSize : map->KeySize;

    private static byte* CounterAt(MapHeader* map, ulong hash, uint row) =>
        map->Entries + ((((nuint)row * ((nuint)map->IndexMask + 1)) + Place(map, hash, row)) * map->ValueSize);

    private static uint Place(MapHeader* map, ulong hash, uint number) =>
        ((uint)hash + (number * ((uint)(hash >> 32) | 1))) & map->IndexMask;

    private static ulong Hash(MapHeader* map, byte* bytes, uint size)
    {
        ulong state = map->Seed0;
        for (; size >= 8; size -= 8, bytes += 8)
        {
            state = HashTable.Fold(state ^ *(ulong*)bytes, map->Seed1);
        }

        state = size == 0 ? state : HashTable.Fold(state ^ MapMemory.Tail(bytes, size), map->Seed1);
        return HashTable.Fold(state ^ map->Seed0, map->Seed1);
    }
}
