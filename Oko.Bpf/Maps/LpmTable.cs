using System.Numerics;
using System.Runtime.CompilerServices;

namespace Oko.Bpf.Maps;

// BPF_MAP_TYPE_LPM_TRIE: the value of the longest prefix that the key begins with.
//
// Prefixes stand in a hash table (HashTable.cs, with all its rules for readers and writers) under their length and their bits, the
// bits behind the length zero. A bitmap says which lengths are in use. A lookup tries those not longer than its key, the longest first:
// at most 33 probes for IPv4, 129 for IPv6, whatever the number of prefixes, and as few as there are different lengths. It takes no
// lock: a length's bit is set before its first prefix is published, and cleared after its last one is gone.
//
// The answer was right at some moment of the lookup, also while a prefix is exchanged for a longer or shorter one: a longer prefix put in
// behind the lookup's back, and a shorter one taken away before it came there, would else make it miss both. So new prefixes are counted
// after they are published, and a lookup during which the count has changed begins anew: without new prefixes, what it did not find in
// the greater lengths was still missing when it found its answer. After MaxAttempts it takes the lock.
//
// A trie with one node per bit would follow as many pointers, each to another line of memory, and needs intermediate nodes.

// SAFETY: a key is a u32 length and up to MaxDataBytes of data, so it fits the buffers here; lengths above the data's bits go no further
// than the first comparison, so the bitmap and the counts have a place for each.

/// <summary>The operations of prefix maps on unmanaged memory. Any thread that runs programs.</summary>
internal static unsafe class LpmTable
{
    /// <summary>Most bytes of data after the length in a key.</summary>
    public const uint MaxDataBytes = 256;

    private const int BufferBytes = 264;
    private const int MaxAttempts = 8;

    /// <summary>Bytes for the bitmap and the counts of lengths, a multiple of 8.</summary>
    public static uint LengthsBytes(uint keySize) => (Words(keySize) * sizeof(ulong)) + MapMemory.Align8((Bits(keySize) + 1) * sizeof(uint));

    /// <summary>The value of the longest prefix of a key, no longer than the key's own length; null if none.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static byte* Lookup(MapHeader* map, byte* key)
    {
        byte* prefix = stackalloc byte[BufferBytes];
        for (int attempt = 0; attempt < MaxAttempts; attempt++)
        {
            ulong before = Volatile.Read(ref map->Insertions);
            byte* value = Search(map, key, prefix);
            if (Volatile.Read(ref map->Insertions) == before)
            {
                return value;
            }
        }

        MapMemory.Enter(map);
        byte* found = Search(map, key, prefix);
        MapMemory.Exit(map);
        return found;
    }

    /// <summary>The value of exactly this prefix, or null.</summary>
    public static byte* LookupExact(MapHeader* map, byte* key)
    {
        byte* prefix = stackalloc byte[BufferBytes];
        return TryNormalise(map, key, prefix) ? HashTable.Lookup(map, prefix) : null;
    }

    /// <summary>Creates or changes a prefix. As <see cref="HashTable.Update"/>; a length beyond the data is invalid.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static long Update(MapHeader* map, byte* key, byte* value, ulong flags)
    {
        byte* prefix = stackalloc byte[BufferBytes];
        if (flags > MapUpdateFlags.Exist || !TryNormalise(map, key, prefix))
        {
            return MapErrno.Invalid;
        }

        uint length = *(uint*)prefix;
        uint hash = HashTable.Hash(map, prefix);
        MapMemory.Enter(map);
        uint before = map->Count;
        SetUsed(map, length, isUsed: true);
        long result = HashTable.UpdateLocked(map, hash, prefix, value, flags, worker: 0);
        if (map->Count != before)
        {
            Counts(map)[length]++;
            Volatile.Write(ref map->Insertions, map->Insertions + 1);
        }

        SetUsed(map, length, Counts(map)[length] != 0);
        MapMemory.Exit(map);
        return result;
    }

    /// <summary>Removes a prefix. As <see cref="HashTable.Delete"/>; a length beyond the data is invalid.</summary>
    public static long Delete(MapHeader* map, byte* key)
    {
        byte* prefix = stackalloc byte[BufferBytes];
        if (!TryNormalise(map, key, prefix))
        {
            return MapErrno.Invalid;
        }

        MapMemory.Enter(map);
        long result = DeleteLocked(map, prefix);
        MapMemory.Exit(map);
        return result;
    }

    /// <summary>Removes a prefix as it stands in the table; the caller holds the lock.</summary>
    public static long DeleteLocked(MapHeader* map, byte* prefix)
    {
        uint length = *(uint*)prefix;
        long result = HashTable.DeleteLocked(map, HashTable.Hash(map, prefix), prefix);
        if (result == MapErrno.None && --Counts(map)[length] == 0)
        {
            SetUsed(map, length, isUsed: false);
        }

        return result;
    }

    private static byte* Search(MapHeader* map, byte* key, byte* prefix)
    {
        if (!TryNormalise(map, key, prefix))
        {
            return null;
        }

        uint longest = *(uint*)prefix;
        int word = (int)(longest / 64);
        ulong lengths = Volatile.Read(ref map->Lengths[word]) & (ulong.MaxValue >> (63 - (int)(longest % 64)));
        while (true)
        {
            while (lengths != 0)
            {
                int bit = BitOperations.Log2(lengths);
                Shorten(prefix, ((uint)word * 64) + (uint)bit, map->KeySize);
                byte* value = HashTable.Lookup(map, prefix);
                if (value != null)
                {
                    return value;
                }

                lengths &= ~(1ul << bit);
            }

            if (word == 0)
            {
                return null;
            }

            lengths = Volatile.Read(ref map->Lengths[--word]);
        }
    }

    private static uint Bits(uint keySize) => (keySize - sizeof(uint)) * 8;

    private static uint Words(uint keySize) => (Bits(keySize) / 64) + 1;

    private static uint* Counts(MapHeader* map) => (uint*)(map->Lengths + Words(map->KeySize));

    private static void SetUsed(MapHeader* map, uint length, bool isUsed)
    {
        ulong bit = 1ul << (int)(length % 64);
        ulong* word = map->Lengths + (length / 64);
        Volatile.Write(ref *word, isUsed ? *word | bit : *word & ~bit);
    }

    private static bool TryNormalise(MapHeader* map, byte* key, byte* prefix)
    {
        uint length = *(uint*)key;
        if (length > Bits(map->KeySize))
        {
            return false;
        }

        MapMemory.Copy(prefix, key, map->KeySize);
        Shorten(prefix, length, map->KeySize);
        return true;
    }

    // Bits are counted from the top of the first byte, as addresses are written.
    private static void Shorten(byte* prefix, uint length, uint keySize)
    {
        *(uint*)prefix = length;
        byte* data = prefix + sizeof(uint);
        uint kept = length / 8;
        if (length % 8 != 0)
        {
            data[kept++] &= (byte)(0xFF00 >> (int)(length % 8));
        }

        new Span<byte>(data + kept, (int)(keySize - sizeof(uint) - kept)).Clear();
    }
}
