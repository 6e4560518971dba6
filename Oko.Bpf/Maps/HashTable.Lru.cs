using System.Runtime.CompilerServices;

namespace Oko.Bpf.Maps;

// SAFETY: as in HashTable.cs; the reference word is the last 8 bytes of an entry's stride, which ShapeOf has added for LRU maps.

// BPF_MAP_TYPE_LRU_HASH: a full map makes room by removing an entry that was not used lately (the clock algorithm).
//
// Each entry has a word that lookups and changes set. A hand goes round the entries; one that is set is cleared and passed, the
// first that is not set goes. So a lookup writes at most one word and moves no list, and an entry that is looked up once per round
// of the hand stays. At most MaxSecondChances entries are passed; then the next one goes whatever its word says: the order is
// approximate, the cost of an insert is not. Entries in quarantine are passed too; there are never more than the map's slack.
//
// An insert never says -E2BIG. It says -EBUSY, as in other hash maps, when all the slack has been evicted within one batch.
internal static unsafe partial class HashTable
{
    private const int MaxSecondChances = 64;

    /// <summary>Bytes from an entry's value to its reference word (LRU hash).</summary>
    public static int ReferenceOffset(MapHeader* map) => (int)(map->Stride - sizeof(ulong) - map->ValueOffset);

    /// <summary>Notes that an entry is in use, so that it is not the next to go (LRU hash).</summary>
    /// <param name="value">What a lookup has found, or null.</param>
    /// <param name="referenceOffset"><see cref="ReferenceOffset"/>.</param>
    /// <returns>The value.</returns>
    // Written only when it changes: a line that is only read stays in the caches of all workers.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Touch(byte* value, int referenceOffset)
    {
        if (value != null && *(ulong*)(value + referenceOffset) == 0)
        {
            *(ulong*)(value + referenceOffset) = 1;
        }

        return value;
    }

    private static ulong* ReferencedAt(MapHeader* map, byte* entry) => (ulong*)(entry + map->Stride - sizeof(ulong));

    // The caller holds the lock and the map is full, so there is an entry to find.
    private static void Evict(MapHeader* map)
    {
        int chances = MaxSecondChances;
        while (true)
        {
            map->ClockHand = map->ClockHand + 1 < map->FreshEntry ? map->ClockHand + 1 : 1;
            if (map->Links[map->ClockHand] != InUse)
            {
                continue;
            }

            byte* entry = EntryAt(map, map->ClockHand);
            ulong* referenced = ReferencedAt(map, entry);
            if (*referenced == 0 || chances-- == 0)
            {
                DeleteLocked(map, Hash(map, entry), entry);
                return;
            }

            *referenced = 0;
        }
    }
}
