using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Oko.Bpf.Maps;

// SAFETY: as in HashTable.cs for the header and the key; what is prefetched is a hint, nothing is read there.
internal static unsafe partial class HashTable
{
    // Smaller maps stay in the caches, where asking beforehand costs more than it saves.
    private const long PrefetchFromBytes = 256 << 10;

    /// <summary>Whether a lookup gets faster by asking the cache beforehand.</summary>
    public static bool IsWorthPrefetching(MapHeader* map) =>
        Sse.IsSupported && (map->IndexMask + 1L) * sizeof(ulong) >= PrefetchFromBytes;

    /// <summary>Asks the cache for what a lookup of a key of 4 bytes reads first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch4(MapHeader* map, uint key, uint mask, ulong seed0, ulong seed1) => Prefetch(map, Hash4(key, seed0, seed1) & mask);

    /// <summary>Asks the cache for what a lookup of a key of 8 bytes reads first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch8(MapHeader* map, ulong key, uint mask, ulong seed0, ulong seed1) => Prefetch(map, Hash8(key, seed0, seed1) & mask);

    /// <summary>Asks the cache for what a lookup of a key of 16 bytes reads first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch16(MapHeader* map, byte* key, uint mask, ulong seed0, ulong seed1) =>
        Prefetch(map, Hash16(((ulong*)key)[0], ((ulong*)key)[1], seed0, seed1) & mask);

    private static void Prefetch(MapHeader* map, uint place) => Sse.Prefetch0(CurrentIndex(map) + place);
}
