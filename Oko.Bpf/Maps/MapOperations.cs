using System.Runtime.CompilerServices;

namespace Oko.Bpf.Maps;

// SAFETY: the verifier has proven what the remarks say; array elements are bounded by MaxEntries here.

/// <summary>The map helpers as programs call them, for maps of any type. Any thread that runs programs.</summary>
/// <remarks>The caller has proven that <c>map</c> is a map's handle and that key and value are readable for the map's
/// sizes.</remarks>
internal static unsafe class MapOperations
{
    /// <summary>Helper 1: the address of the value, or null.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static byte* Lookup(MapHeader* map, byte* key) =>
        map->Type == MapType.Array
            ? LookupArray(map->Entries, map->MaxEntries, map->Stride, key)
            : HashTable.Lookup(map, key);

    /// <summary>Helper 2: 0 or a negative <see cref="MapErrno"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static long Update(MapHeader* map, byte* key, byte* value, ulong flags) =>
        map->Type == MapType.Array ? UpdateArray(map, key, value, flags) : HashTable.Update(map, key, value, flags);

    /// <summary>Helper 3: 0 or a negative <see cref="MapErrno"/>. An element of an array cannot be removed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static long Delete(MapHeader* map, byte* key) =>
        map->Type == MapType.Array ? MapErrno.Invalid : HashTable.Delete(map, key);

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
}
