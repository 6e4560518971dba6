using System.Runtime.CompilerServices;

namespace Oko.Bpf.Maps;

// SAFETY: the verifier has proven what the remarks say; array elements are bounded by MaxEntries here.

/// <summary>The map helpers as programs call them, for maps of any type. Any thread that runs programs.</summary>
/// <remarks>The caller has proven that <c>map</c> is a map's handle and that key and value are readable for the map's
/// sizes.</remarks>
internal static unsafe class MapOperations
{
    /// <summary>Helper 1: the address of the value, of this worker's copy in a per-CPU map; null where there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static byte* Lookup(MapHeader* map, byte* key, uint worker) => map->Type switch
    {
        MapType.Array => LookupArray(map->Entries, map->MaxEntries, map->Stride, key),
        MapType.Hash => HashTable.Lookup(map, key),
        MapType.CountMinSketch => SketchTable.LookupEstimate(map, key, worker),
        MapType.KeyedBloomFilter => SketchTable.LookupMembership(map, key, worker),
        MapType.LpmTrie => LpmTable.Lookup(map, key),
        MapType.LruHash => HashTable.LookupLru(map, key),
        MapType.PerCpuArray => PerCpu.CopyAt(map, LookupArray(map->Entries, map->MaxEntries, map->Stride, key), worker),
        MapType.PerCpuHash => PerCpu.CopyAt(map, HashTable.Lookup(map, key), worker),
        _ => null,
    };

    /// <summary>Helper 2: 0 or a negative <see cref="MapErrno"/>. In a per-CPU map it sets this worker's copy.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static long Update(MapHeader* map, byte* key, byte* value, ulong flags, uint worker) => map->Type switch
    {
        MapType.Array => UpdateArray(map, key, value, flags),
        MapType.Hash or MapType.LruHash => HashTable.Update(map, key, value, flags),
        MapType.CountMinSketch => SketchTable.Count(map, key, value, flags),
        MapType.KeyedBloomFilter => *(uint*)value == 1 ? SketchTable.Add(map, key, flags) : MapErrno.Invalid,
        MapType.LpmTrie => LpmTable.Update(map, key, value, flags),
        MapType.PerCpuArray => UpdatePerCpuArray(map, key, value, flags, worker),
        MapType.PerCpuHash => HashTable.UpdatePerCpu(map, key, value, flags, worker),
        _ => MapErrno.Invalid,
    };

    /// <summary>Helper 3: 0 or a negative <see cref="MapErrno"/>. An element of an array cannot be removed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static long Delete(MapHeader* map, byte* key) => map->Type switch
    {
        MapType.Hash or MapType.LruHash or MapType.PerCpuHash => HashTable.Delete(map, key),
        MapType.LpmTrie => LpmTable.Delete(map, key),
        MapType.BloomFilter or MapType.CountMinSketch or MapType.KeyedBloomFilter => MapErrno.NotSupported,
        _ => MapErrno.Invalid,
    };

    /// <summary>Helper 87: adds a value to a map without keys.</summary>
    public static long Push(MapHeader* map, byte* value, ulong flags) => map->Type switch
    {
        MapType.Queue or MapType.Stack => QueueMap.Push(map, value, flags),
        MapType.BloomFilter => SketchTable.Add(map, value, flags),
        _ => MapErrno.NotSupported,
    };

    /// <summary>Oko's helper 4: adds a key to a bloom filter, or 1 to the count of a key.</summary>
    public static long Add(MapHeader* map, byte* key)
    {
        ulong one = 1;
        return map->Type == MapType.KeyedBloomFilter ? SketchTable.Add(map, key, MapUpdateFlags.Any)
            : map->Type == MapType.CountMinSketch ? SketchTable.Count(map, key, (byte*)&one, MapUpdateFlags.Any) : MapErrno.NotSupported;
    }

    /// <summary>Helper 88: takes the next value of a queue or stack; <see cref="MapErrno.NotFound"/> and zeros when empty.</summary>
    public static long Pop(MapHeader* map, byte* value) => map->Type switch
    {
        MapType.Queue or MapType.Stack => QueueMap.Take(map, value, remove: true),
        _ => MapErrno.NotSupported,
    };

    /// <summary>Helper 89: copies the next value of a queue or stack, <see cref="MapErrno.NotFound"/> and zeros when empty; a bloom filter is
    /// asked for the value.</summary>
    public static long Peek(MapHeader* map, byte* value) => map->Type switch
    {
        MapType.Queue or MapType.Stack => QueueMap.Take(map, value, remove: false),
        MapType.BloomFilter => SketchTable.Test(map, value),
        _ => MapErrno.NotSupported,
    };

    /// <summary>Goes on to the next entry; see <see cref="MapCursor"/>.</summary>
    public static bool Next(MapHeader* map, MapCursor* cursor, uint worker)
    {
        if (!MapCursor.Next(map, cursor))
        {
            return false;
        }

        if (map->Type is MapType.PerCpuArray or MapType.PerCpuHash)
        {
            cursor->Value = PerCpu.CopyAt(map, cursor->Value, worker);
        }

        return true;
    }

    /// <summary>Lookup in an array whose shape is known to the compiler, which then folds the multiplication.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* LookupArray(byte* elements, uint maxEntries, uint stride, byte* key)
    {
        uint element = *(uint*)key;
        return element < maxEntries ? elements + ((nuint)element * stride) : null;
    }

    /// <summary>Update of an array element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static long UpdateArray(MapHeader* map, byte* key, byte* value, ulong flags)
    {
        uint element = *(uint*)key;
        if (flags > MapUpdateFlags.Exist)
        {
            return MapErrno.Invalid;
        }

        if (element >= map->MaxEntries)
        {
            return MapErrno.Full;
        }

        if (flags == MapUpdateFlags.NoExist)
        {
            return MapErrno.Exists;
        }

        // Under the lock so that of two writers one wins the whole element.
        MapMemory.Enter(map);
        MapMemory.Copy(map->Entries + ((nuint)element * map->Stride), value, map->ValueSize);
        MapMemory.Exit(map);
        return MapErrno.None;
    }

    private static long UpdatePerCpuArray(MapHeader* map, byte* key, byte* value, ulong flags, uint worker)
    {
        uint element = *(uint*)key;
        if (flags > MapUpdateFlags.Exist)
        {
            return MapErrno.Invalid;
        }

        if (element >= map->MaxEntries)
        {
            return MapErrno.Full;
        }

        if (flags == MapUpdateFlags.NoExist)
        {
            return MapErrno.Exists;
        }

        MapMemory.Enter(map);
        PerCpu.Write(map, map->Entries + ((nuint)element * map->Stride), value, worker, isNew: false);
        MapMemory.Exit(map);
        return MapErrno.None;
    }
}
