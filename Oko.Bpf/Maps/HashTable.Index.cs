namespace Oko.Bpf.Maps;

// SAFETY: as in HashTable.cs; everything here runs under the map's lock.

// Rule 4, keeping the index free of tombstones, and rule 3, which entry an insert may take.
internal static unsafe partial class HashTable
{
    // Work per update while the index is tidied. Tidying starts with an eighth of all words to spare, and ends after a thirtieth.
    private const uint WordsClearedPerUpdate = 512;
    private const uint WordsCopiedPerUpdate = 32;

    private static uint TidyLimit(MapHeader* map) => map->IndexMask - (map->IndexMask / 4);

    // One step of copying the index without its tombstones. A step is a few hundred nanoseconds, whatever the map's size.
    private static void Tidy(MapHeader* map)
    {
        uint words = map->IndexMask + 1;
        if (!map->IsTidying)
        {
            if (map->SpareStamp >= MapReaders.QuietBefore())
            {
                return;
            }

            map->IsTidying = true;
            map->SpareCleared = 0;
            map->SpareCopied = 0;
            map->SpareUsed = 0;
        }

        uint cleared = Math.Min(WordsClearedPerUpdate, words - map->SpareCleared);
        new Span<ulong>(map->SpareIndex + map->SpareCleared, (int)cleared).Clear();
        map->SpareCleared += cleared;
        if (map->SpareCleared < words)
        {
            return;
        }

        uint end = Math.Min(words, map->SpareCopied + WordsCopiedPerUpdate);
        for (; map->SpareCopied < end; map->SpareCopied++)
        {
            ulong word = map->Index[map->SpareCopied];
            if (word > Tombstone)
            {
                AddToSpare(map, word);
            }
        }

        if (map->SpareCopied == words)
        {
            PublishSpare(map);
        }
    }

    private static void PublishSpare(MapHeader* map)
    {
        ulong* old = map->Index;
        Volatile.Write(ref *(nuint*)&map->Index, (nuint)map->SpareIndex);
        map->SpareIndex = old;
        map->SpareStamp = MapReaders.Retire();
        map->UsedIndexWords = map->SpareUsed;
        map->IsTidying = false;
    }

    private static void AddToSpare(MapHeader* map, ulong word)
    {
        uint mask = map->IndexMask;
        uint slot = (uint)(word >> 32) & mask;
        while (map->SpareIndex[slot] > Tombstone)
        {
            slot = (slot + 1) & mask;
        }

        map->SpareUsed += map->SpareIndex[slot] == 0 ? 1u : 0u;
        map->SpareIndex[slot] = word;
    }

    private static void RemoveFromSpare(MapHeader* map, ulong word)
    {
        uint mask = map->IndexMask;
        uint slot = (uint)(word >> 32) & mask;
        while (map->SpareIndex[slot] != word)
        {
            slot = (slot + 1) & mask;
        }

        map->SpareUsed -= Unlink(map->SpareIndex, mask, slot);
    }

    // Removes a word; returns how many words are empty now that were not before.
    private static uint Unlink(ulong* index, uint mask, uint slot)
    {
        if (index[(slot + 1) & mask] != 0)
        {
            Volatile.Write(ref index[slot], Tombstone);
            return 0;
        }

        // Rule 2: nothing lies behind an empty word, so this one and the tombstones before it may be empty as well.
        uint emptied = 0;
        do
        {
            Volatile.Write(ref index[slot], 0);
            emptied++;
            slot = (slot - 1) & mask;
        }
        while (index[slot] == Tombstone);
        return emptied;
    }

    private static uint Allocate(MapHeader* map)
    {
        if (map->FreeHead == 0 && map->FreshEntry < map->SlabEntries)
        {
            return map->FreshEntry++;
        }

        if (map->FreeHead == 0)
        {
            ulong quiet = MapReaders.QuietBefore();
            while (map->QuarantineHead != 0 && map->Stamps[map->QuarantineHead] < quiet)
            {
                uint free = map->QuarantineHead;
                map->QuarantineHead = map->Links[free];
                map->Links[free] = map->FreeHead;
                map->FreeHead = free;
            }
        }

        uint entry = map->FreeHead;
        if (entry != 0)
        {
            map->FreeHead = map->Links[entry];
        }

        return entry;
    }

    private static void Quarantine(MapHeader* map, uint entry)
    {
        // Before the epoch ends: who enters in the next one does not come by it any more (MapCursor).
        map->Links[entry] = 0;
        map->Stamps[entry] = MapReaders.Retire();
        if (map->QuarantineHead == 0)
        {
            map->QuarantineHead = entry;
        }
        else
        {
            map->Links[map->QuarantineTail] = entry;
        }

        map->QuarantineTail = entry;
    }
}
