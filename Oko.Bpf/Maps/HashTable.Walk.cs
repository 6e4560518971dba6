using System.Runtime.CompilerServices;

namespace Oko.Bpf.Maps;

// The inlined lookups when the key does not lie in its first place: from there to the first empty word.

// SAFETY: as in HashTable.cs.
internal static unsafe partial class HashTable
{
    /// <summary>Continues a lookup with a key of 4 bytes. The value's address, or null.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static byte* LookupFurther4(MapHeader* map, uint key, uint hash)
    {
        ulong* index = CurrentIndex(map);
        uint mask = map->IndexMask;
        for (uint slot = hash & mask; ; slot = (slot + 1) & mask)
        {
            ulong word = Volatile.Read(ref index[slot]);
            if (word == 0)
            {
                return null;
            }

            if ((uint)(word >> 32) == hash)
            {
                byte* entry = EntryAt(map, (uint)word);
                if (*(uint*)entry == key)
                {
                    return entry + 8;
                }
            }
        }
    }

    /// <summary>Continues a lookup with a key of 8 bytes. The value's address, or null.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static byte* LookupFurther8(MapHeader* map, ulong key, uint hash)
    {
        ulong* index = CurrentIndex(map);
        uint mask = map->IndexMask;
        for (uint slot = hash & mask; ; slot = (slot + 1) & mask)
        {
            ulong word = Volatile.Read(ref index[slot]);
            if (word == 0)
            {
                return null;
            }

            if ((uint)(word >> 32) == hash)
            {
                byte* entry = EntryAt(map, (uint)word);
                if (*(ulong*)entry == key)
                {
                    return entry + 8;
                }
            }
        }
    }

    /// <summary>Continues a lookup with a key of 16 bytes, in two words. The value's address, or null.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static byte* LookupFurther16(MapHeader* map, ulong low, ulong high, uint hash)
    {
        ulong* index = CurrentIndex(map);
        uint mask = map->IndexMask;
        for (uint slot = hash & mask; ; slot = (slot + 1) & mask)
        {
            ulong word = Volatile.Read(ref index[slot]);
            if (word == 0)
            {
                return null;
            }

            if ((uint)(word >> 32) == hash)
            {
                byte* entry = EntryAt(map, (uint)word);
                if (((ulong*)entry)[0] == low && ((ulong*)entry)[1] == high)
                {
                    return entry + 16;
                }
            }
        }
    }
}
