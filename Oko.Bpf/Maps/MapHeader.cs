using System.Runtime.InteropServices;

namespace Oko.Bpf.Maps;

// SAFETY: the pointers lead into the same allocation as the header and die with it (BpfMap.Dispose).

/// <summary>The head of a map's unmanaged memory; its address is the map's handle, the value a program holds for the map.
/// Owned by one <see cref="BpfMap"/>; programs of any thread read the first cache line.</summary>
/// <remarks>At most 256 bytes, aligned to 64. The first line changes never, except <see cref="Index"/>, so that lookups of several
/// workers share it. The rest belongs to whoever holds <see cref="Lock"/>.</remarks>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct MapHeader
{
    /// <summary>Bytes reserved for the header.</summary>
    public const int SizeBytes = 256;

    /// <summary>A <see cref="MapType"/>.</summary>
    internal MapType Type;

    /// <summary>Bytes of a key.</summary>
    internal uint KeySize;

    /// <summary>Bytes of a value.</summary>
    internal uint ValueSize;

    /// <summary>Capacity.</summary>
    internal uint MaxEntries;

    /// <summary>Bytes from one entry to the next, a multiple of 8.</summary>
    internal uint Stride;

    /// <summary>Offset of the value in its entry: the key size padded to 8 (hash), 0 (array).</summary>
    internal uint ValueOffset;

    /// <summary>Number of index words - 1; a power of two - 1 (hash).</summary>
    internal uint IndexMask;

    /// <summary>Entries in the slab: the capacity plus the slack for quarantine (hash), the capacity (array).</summary>
    internal uint SlabEntries;

    /// <summary>The slab. Entry 0 of a hash map is never used.</summary>
    internal byte* Entries;

    /// <summary>The index that lookups use now (hash). Published with release order.</summary>
    internal ulong* Index;

    /// <summary>Random, per map (hash).</summary>
    internal ulong Seed0;

    /// <summary>Random and odd, per map (hash).</summary>
    internal ulong Seed1;

    /// <summary>0 = free, 1 = held by a writer.</summary>
    internal int Lock;

    /// <summary>Keys in the map.</summary>
    internal uint Count;

    /// <summary>Index words that are not empty: keys and tombstones.</summary>
    internal uint UsedIndexWords;

    /// <summary>Entries below this number have been used at some time.</summary>
    internal uint FreshEntry;

    /// <summary>First free used entry, 0 = none.</summary>
    internal uint FreeHead;

    /// <summary>Oldest entry in quarantine, 0 = none.</summary>
    internal uint QuarantineHead;

    /// <summary>Youngest entry in quarantine.</summary>
    internal uint QuarantineTail;

    /// <summary>Creation flags.</summary>
    internal uint Flags;

    /// <summary>Per entry: next in the free list or in quarantine, or the mark of an entry in use.</summary>
    internal uint* Links;

    /// <summary>Per entry in quarantine: the epoch in which it was removed.</summary>
    internal ulong* Stamps;

    /// <summary>The second index, empty until the next rebuild.</summary>
    internal ulong* SpareIndex;

    /// <summary>Words of the spare index that are zeroed, while the index is tidied.</summary>
    internal uint SpareCleared;

    /// <summary>Words of the index that are copied to the spare one, while the index is tidied.</summary>
    internal uint SpareCopied;

    /// <summary>Words of the spare index that are not empty, while the index is tidied.</summary>
    internal uint SpareUsed;

    /// <summary>The index is being copied to the spare one without its tombstones.</summary>
    internal bool IsTidying;

    /// <summary>Epoch in which <see cref="SpareIndex"/> was replaced; 0 = never used.</summary>
    internal ulong SpareStamp;

    /// <summary>Updates refused since the map was full (hash).</summary>
    internal ulong RefusedUpdates;

    /// <summary>Position of the oldest element (queue, stack), or of the next record to be consumed (ring buffer).</summary>
    internal ulong Oldest;

    /// <summary>Position of the next record to be written (ring buffer). Published with release order.</summary>
    internal ulong Produced;

    /// <summary>Reservations refused since the last record (ring buffer).</summary>
    internal uint LostSinceRecord;

    /// <summary>The entry that is looked at next when one has to go (LRU hash).</summary>
    internal uint ClockHand;

    /// <summary>One bit per prefix length that has entries, followed by a u32 count per length (LPM trie).</summary>
    internal ulong* Lengths;

    /// <summary>Hashes per item (bloom filter), rows of counters (count-min sketch).</summary>
    internal uint Rows;

    /// <summary>One result cell per worker (count-min sketch).</summary>
    internal byte* Results;

    /// <summary>Prefixes put in that were not there (LPM trie). Published with release order, after the prefix.</summary>
    internal ulong Insertions;
}
