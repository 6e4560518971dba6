using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Oko.Bpf.Maps;

// How a hash map works.
//
//   index   u64[n], n = a power of two, at least twice the capacity.  0 = empty, 1 = tombstone,
//           else hash (32 bits, top bit always set) << 32 | entry number
//   slab    entry[capacity + slack + 1]: key padded to 8, value padded to 8. Entry 0 is never used.
//
// A lookup hashes the key with the map's own random seed (keys come from the network: nobody shall be able to aim at one
// chain), walks the index from "hash & mask" to the first empty word, and compares the key only where the 32 bits are
// equal: usually one line of the index and one of the slab. It takes no lock and waits for nobody.
//
// Writers hold the map's lock. Rules that keep lookups right meanwhile:
//
//   1. An entry is filled before its index word, and its mark for those that go through the slab (MapCursor), are stored with release
//      order. Entries never move.
//   2. Between the home of a key and its index word no word is ever empty while the key is in the map. So a removed word
//      becomes a tombstone, and turns empty only when the word after it is empty: then no key can lie behind it. (Moving
//      words forward instead would hide a key from a lookup that stands between the two places.)
//   3. A removed entry is not used for another key before all programs that were running are over (MapReaders). Until then
//      it waits in quarantine, first in first out. So a program may write to a dead value, never into another key's. The
//      slack bounds how many entries can wait while the map is full; is it used up, an insert says -EBUSY.
//   4. There are always empty words, for they end the walk. When three quarters are in use, the words, but not the tombstones,
//      are copied to the second index, a few with every update (Tidy), so that no single operation takes long. Until the copy
//      is complete lookups use the old index; changes behind the point of copying go to both. Then the pointer is published, and
//      the old index becomes the spare one after the same quarantine. Words behind which nothing lies are cleared at once, so
//      this is not needed often.
//
// Values are changed in place, one aligned word at a time. A reader can see some words old and some new; a counter shared
// by several threads needs atomic instructions, as in the kernel.

// SAFETY: index words hold entry numbers below SlabEntries only, masks keep index positions in the index, and callers pass keys
// and values of the map's sizes. So every address computed here lies in the map's allocation or in the caller's buffers.

/// <summary>The operations of hash maps on unmanaged memory: what compiled programs call. Any thread, see the essay above
/// and <see cref="MapReaders"/>.</summary>
internal static unsafe partial class HashTable
{
    /// <summary>The worker of an update that brings every worker's copy.</summary>
    public const uint AllWorkers = uint.MaxValue;

    /// <summary>Index word of a removed key.</summary>
    public const ulong Tombstone = 1;

    /// <summary>Link of an entry that is in the map.</summary>
    public const uint InUse = uint.MaxValue;

    private const uint HashMark = 0x8000_0000;
    private const uint NoPlace = uint.MaxValue;

    /// <summary>Lookup with a key of 4 bytes. The value's address, or null. The sizes, the seeds and the place of the slab never change in
    /// a map's life: the compiler passes what stands in the header as constants. Most keys lie in their first place; the walk behind it is a call, so
    /// that what is inlined is short and has no loop.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Lookup4(MapHeader* map, uint key, byte* entries, uint mask, uint stride, ulong seed0, ulong seed1)
    {
        uint hash = Hash4(key, seed0, seed1);
        ulong word = Volatile.Read(ref CurrentIndex(map)[hash & mask]);
        if ((uint)(word >> 32) == hash)
        {
            byte* entry = entries + ((nuint)(uint)word * stride);
            if (*(uint*)entry == key)
            {
                return entry + 8;
            }
        }

        return word == 0 ? null : LookupFurther4(map, key, hash);
    }

    /// <summary>Lookup with a key of 8 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Lookup8(MapHeader* map, ulong key, byte* entries, uint mask, uint stride, ulong seed0, ulong seed1)
    {
        uint hash = Hash8(key, seed0, seed1);
        ulong word = Volatile.Read(ref CurrentIndex(map)[hash & mask]);
        if ((uint)(word >> 32) == hash)
        {
            byte* entry = entries + ((nuint)(uint)word * stride);
            if (*(ulong*)entry == key)
            {
                return entry + 8;
            }
        }

        return word == 0 ? null : LookupFurther8(map, key, hash);
    }

    /// <summary>Lookup with a key of 16 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Lookup16(MapHeader* map, byte* key, byte* entries, uint mask, uint stride, ulong seed0, ulong seed1)
    {
        ulong low = ((ulong*)key)[0];
        ulong high = ((ulong*)key)[1];
        uint hash = Hash16(low, high, seed0, seed1);
        ulong word = Volatile.Read(ref CurrentIndex(map)[hash & mask]);
        if ((uint)(word >> 32) == hash)
        {
            byte* entry = entries + ((nuint)(uint)word * stride);
            if (((ulong*)entry)[0] == low && ((ulong*)entry)[1] == high)
            {
                return entry + 16;
            }
        }

        return word == 0 ? null : LookupFurther16(map, low, high, hash);
    }

    /// <summary>Lookup with a key of any size, from a map that may have any key size.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static byte* Lookup(MapHeader* map, byte* key)
    {
        uint keySize = map->KeySize;
        uint hash = Hash(map, key);
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
                byte* entry = map->Entries + ((nuint)(uint)word * map->Stride);
                if (MapMemory.Equal(entry, key, keySize))
                {
                    return entry + map->ValueOffset;
                }
            }
        }
    }

    /// <summary>Creates or changes an entry.</summary>
    /// <returns>0, or <see cref="MapErrno.Exists"/>, <see cref="MapErrno.NotFound"/>, <see cref="MapErrno.Full"/>,
    /// <see cref="MapErrno.Busy"/>, <see cref="MapErrno.Invalid"/>.</returns>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static long Update(MapHeader* map, byte* key, byte* value, ulong flags)
    {
        if (flags > MapUpdateFlags.Exist)
        {
            return MapErrno.Invalid;
        }

        uint hash = Hash(map, key);
        MapMemory.Enter(map);
        long result = UpdateLocked(map, hash, key, value, flags, worker: 0);
        MapMemory.Exit(map);
        return result;
    }

    /// <summary>Creates an entry or changes one worker's copy of its value (per-CPU hash); a new entry's other copies are zero.</summary>
    /// <param name="map">The map's handle.</param>
    /// <param name="key">The key.</param>
    /// <param name="value">One value, or one after the other for <see cref="AllWorkers"/>.</param>
    /// <param name="flags">As for <see cref="Update"/>.</param>
    /// <param name="worker">Number of the worker, or <see cref="AllWorkers"/>.</param>
    /// <returns>As <see cref="Update"/>.</returns>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static long UpdatePerCpu(MapHeader* map, byte* key, byte* value, ulong flags, uint worker)
    {
        if (flags > MapUpdateFlags.Exist)
        {
            return MapErrno.Invalid;
        }

        uint hash = Hash(map, key);
        MapMemory.Enter(map);
        long result = UpdateLocked(map, hash, key, value, flags, worker);
        MapMemory.Exit(map);
        return result;
    }

    /// <summary>Lookup that also notes that the entry is in use, so that it is not the next to go (LRU hash).</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static byte* LookupLru(MapHeader* map, byte* key) => Touch(Lookup(map, key), ReferenceOffset(map));

    /// <summary>Removes an entry.</summary>
    /// <returns>0, or <see cref="MapErrno.NotFound"/>.</returns>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static long Delete(MapHeader* map, byte* key)
    {
        uint hash = Hash(map, key);
        MapMemory.Enter(map);
        long result = DeleteLocked(map, hash, key);
        MapMemory.Exit(map);
        return result;
    }

    /// <summary>Removes an entry; the caller holds the lock.</summary>
    public static long DeleteLocked(MapHeader* map, uint hash, byte* key)
    {
        ulong* index = map->Index;
        uint mask = map->IndexMask;
        for (uint slot = hash & mask; index[slot] != 0; slot = (slot + 1) & mask)
        {
            ulong word = index[slot];
            if ((uint)(word >> 32) != hash || !MapMemory.Equal(EntryAt(map, (uint)word), key, map->KeySize))
            {
                continue;
            }

            map->UsedIndexWords -= Unlink(index, mask, slot);
            if (map->IsTidying && slot < map->SpareCopied)
            {
                RemoveFromSpare(map, word);
            }

            map->Count--;
            Quarantine(map, (uint)word);
            return MapErrno.None;
        }

        return MapErrno.NotFound;
    }

    /// <summary>The hash of a key; its top bit is set.</summary>
    public static uint Hash(MapHeader* map, byte* key)
    {
        switch (map->KeySize)
        {
            case 4:
                return Hash4(*(uint*)key, map->Seed0, map->Seed1);
            case 8:
                return Hash8(*(ulong*)key, map->Seed0, map->Seed1);
            case 16:
                return Hash16(((ulong*)key)[0], ((ulong*)key)[1], map->Seed0, map->Seed1);
        }

        ulong state = map->Seed0;
        uint left = map->KeySize;
        for (; left >= 8; left -= 8, key += 8)
        {
            state = Fold(state ^ *(ulong*)key, map->Seed1);
        }

        if (left != 0)
        {
            state = Fold(state ^ MapMemory.Tail(key, left), map->Seed1);
        }

        return (uint)state | HashMark;
    }

    /// <summary>Address of an entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* EntryAt(MapHeader* map, uint entry) => map->Entries + ((nuint)entry * map->Stride);

    /// <summary>Creates or changes an entry; the caller holds the lock. The worker matters to per-CPU maps only.</summary>
    public static long UpdateLocked(MapHeader* map, uint hash, byte* key, byte* value, ulong flags, uint worker)
    {
        if (map->UsedIndexWords >= TidyLimit(map) || map->IsTidying)
        {
            Tidy(map);
        }

        ulong* index = map->Index;
        uint mask = map->IndexMask;
        uint place = NoPlace;
        uint slot = hash & mask;
        for (; index[slot] != 0; slot = (slot + 1) & mask)
        {
            ulong word = index[slot];
            if (word == Tombstone)
            {
                place = place == NoPlace ? slot : place;
            }
            else if ((uint)(word >> 32) == hash && MapMemory.Equal(EntryAt(map, (uint)word), key, map->KeySize))
            {
                if (flags == MapUpdateFlags.NoExist)
                {
                    return MapErrno.Exists;
                }

                WriteValue(map, EntryAt(map, (uint)word), value, worker, isNew: false);
                return MapErrno.None;
            }
        }

        if (flags == MapUpdateFlags.Exist)
        {
            return MapErrno.NotFound;
        }

        bool mustEvict = map->Count >= map->MaxEntries;
        if (mustEvict && map->Type != MapType.LruHash)
        {
            map->RefusedUpdates++;
            return MapErrno.Full;
        }

        // Rule 4: the last eighth stays empty. It comes to that only when the spare index is still in quarantine.
        uint words = mask + 1;
        if (place == NoPlace && map->UsedIndexWords >= words - (words / 8))
        {
            return MapErrno.Busy;
        }

        uint entry = Allocate(map);
        if (entry == 0)
        {
            return MapErrno.Busy;
        }

        if (mustEvict)
        {
            // The removal may have emptied words on this key's way, so its place is sought anew.
            Evict(map);
            slot = hash & mask;
            while (index[slot] > Tombstone)
            {
                slot = (slot + 1) & mask;
            }

            place = index[slot] == Tombstone ? slot : NoPlace;
        }

        byte* memory = EntryAt(map, entry);
        MapMemory.Copy(memory, key, map->KeySize);
        WriteValue(map, memory, value, worker, isNew: true);
        Volatile.Write(ref map->Links[entry], InUse);
        map->Count++;
        ulong published = ((ulong)hash << 32) | entry;
        if (place == NoPlace)
        {
            place = slot;
            map->UsedIndexWords++;
        }

        Volatile.Write(ref index[place], published);
        if (map->IsTidying && place < map->SpareCopied)
        {
            AddToSpare(map, published);
        }

        return MapErrno.None;
    }

    private static void WriteValue(MapHeader* map, byte* entry, byte* value, uint worker, bool isNew)
    {
        byte* target = entry + map->ValueOffset;
        if (map->Type == MapType.PerCpuHash)
        {
            PerCpu.Write(map, target, value, worker, isNew);
            return;
        }

        MapMemory.Copy(target, value, map->ValueSize);
        if (map->Type == MapType.LruHash)
        {
            *ReferencedAt(map, entry) = isNew ? 0ul : 1;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong* CurrentIndex(MapHeader* map) => (ulong*)Volatile.Read(ref *(nuint*)&map->Index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Hash4(uint key, ulong seed0, ulong seed1) => (uint)Fold(key ^ seed0, seed1) | HashMark;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Hash8(ulong key, ulong seed0, ulong seed1) => (uint)Fold(key ^ seed0, seed1) | HashMark;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Hash16(ulong low, ulong high, ulong seed0, ulong seed1) =>
        (uint)Fold(low ^ seed0, high ^ seed1) | HashMark;

    // One 64x64 -> 128 multiplication; both halves depend on all bits of the secret. BigMul hands the low half over in memory, which
    // holds up every lookup by five cycles; a second multiplication at the same time costs less.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Fold(ulong left, ulong right)
    {
        if (Bmi2.X64.IsSupported)
        {
            return Bmi2.X64.MultiplyNoFlags(left, right) ^ (left * right);
        }

        ulong high = Math.BigMul(left, right, out ulong low);
        return high ^ low;
    }
}
