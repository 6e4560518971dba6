using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Oko.Datapath.Interop;

namespace Oko.Datapath.Tables;

// A routing table: entries that differ in an IPv4 prefix alone, a longer one of a higher priority. As hashes it has one for each length, or few for
// all with several entries to compare; as a trie of 16 and 8 bits the longest prefix of an address is found with one or two reads, whatever the
// lengths are, and it alone is compared.
//
// A slot says what an address that leads to it takes: nothing, an entry, or a block of 256 slots for its next 8 bits. An entry stands in all slots
// that its prefix covers and no longer one does. The entries with their prefixes are known to the control thread besides, which needs them to put the next
// shorter one back when one goes.
//
// What does not fit stands in hashes beside it, like all other entries of the table:
//
// - Prefixes longer than 24 bits, which would need a block each and rarely have many lengths, and those shorter than 8, which would take up to half of all slots
//   to write: as it is a change writes 65,536 at most, and most a few.
// - An entry of a priority that would put it before a longer prefix or behind a shorter one, or of another than those of its length. So the entry of the
//   longest prefix is the one of the greatest rank, and no entry is hidden in the trie by another that an address could have needed.
// - Entries with filters, for the same reason: what follows a filter that declines is looked for below its rank, and a slot only knows its first entry.
//
// Read without locks: a slot is one word. A block is filled before a slot names it and stays that slot's as long as the trie lives, also when
// it says the same 256 times, since a worker may be reading it.
//
// SAFETY: the root has a slot for each value of the first 16 bits of an address, a block one for each of the next 8, so every address leads to a slot. A slot
// is 0, a block (BlockTag) or a node of the table: an entry is taken out of all its slots before its node is retired, and that is valid until the end of
// the rounds of those who may have seen it. Memory lives as long as the trie, which a lookup keeps (GC.KeepAlive).

/// <summary>The entries of a table that have all in common but an IPv4 prefix of 8 to 24 bits, and whose priorities grow with its length.</summary>
/// <remarks>Source of the idea: Gupta, Lin, McKeown, "Routing Lookups in Hardware at Memory Access Speeds", IEEE INFOCOM 1998.</remarks>
internal sealed unsafe class PrefixTrie : EntryHome
{
    /// <summary>The shortest and the longest prefix.</summary>
    internal const int Shortest = 8, Longest = 24;

    private const int RootBits = 16, RootSlots = 1 << RootBits, RootShift = 32 - RootBits, BlockSlots = 1 << (Longest - RootBits);
    private const int SlabSlots = (2 << 20) / sizeof(ulong);

    // Nodes and blocks begin at cache lines.
    private const ulong BlockTag = 1;

    private readonly int _word;
    private readonly FlowPattern _common;
    private readonly ulong* _root;
    private readonly List<nint> _slabs = [];
    private readonly Dictionary<ulong, nint> _nodes = [];
    private readonly (int Count, ushort Priority)[] _lengths = new (int, ushort)[Longest + 1];
    private ulong* _spare;
    private int _spareSlots;

    /// <param name="word">Where the address stands in a key: the low half of this word.</param>
    /// <param name="common">What has in common with all entries whatever is not the prefix.</param>
    internal PrefixTrie(int word, FlowPattern common)
    {
        (_word, _common) = (word, common);
        _root = Take(RootSlots);
    }

    /// <summary>Frees the memory, when nobody refers to it.</summary>
    ~PrefixTrie()
    {
        foreach (var slab in _slabs)
        {
            Mman.Free((void*)slab, SlabSlots * sizeof(ulong));
            GC.RemoveMemoryPressure(SlabSlots * sizeof(ulong));
        }
    }

    /// <summary>The length of the prefix that a mask has in a word, below 0 if there are bits that no prefix has.</summary>
    internal static int LengthOf(FlowMask mask, int word)
    {
        var bits = (uint)mask.Words[word];
        var length = BitOperations.PopCount(bits);
        return bits == Leading(length) ? length : -1;
    }

    /// <inheritdoc/>
    /// <remarks>What has a filter is never in a trie. So an entry at or above the bound came since the one with the filter was found, and the
    /// packet may as well have come after it.</remarks>
    internal override EntryNode* Find(ulong* key, ulong bound)
    {
        var address = (uint)key[_word];
        var slot = Volatile.Read(ref _root[address >> RootShift]);
        if ((slot & BlockTag) != 0)
        {
            slot = Volatile.Read(ref *InBlock(slot, address));
        }

        var node = (EntryNode*)slot;
        GC.KeepAlive(this);
        return node is not null && EntryNode.Matches(node, key) ? node : null;
    }

    /// <inheritdoc/>
    internal override void Find(LookupGroup group)
    {
        // Each pass asks the cache for what the next one reads; in between the packets' places stand where tuples have hashes.
        var places = group.Hashes;
        var end = group.Open + group.OpenCount;
        for (var open = group.Open; open < end; open++)
        {
            var slot = _root + (AddressOf(group, *open) >> RootShift);
            Prefetch(slot);
            *places++ = (ulong)slot;
        }

        places = group.Hashes;
        for (var open = group.Open; open < end; open++, places++)
        {
            var slot = Volatile.Read(ref *(ulong*)*places);
            if ((slot & BlockTag) != 0)
            {
                slot = (ulong)InBlock(slot, AddressOf(group, *open));
                Prefetch((void*)slot);
                slot |= BlockTag;
            }

            *places = slot;
        }

        places = group.Hashes;
        for (var open = group.Open; open < end; open++, places++)
        {
            if ((*places & BlockTag) != 0)
            {
                *places = Volatile.Read(ref *(ulong*)(*places & ~BlockTag));
            }

            EntryNode.Prefetch((EntryNode*)*places);
        }

        places = group.Hashes;
        for (var open = group.Open; open < end; open++)
        {
            var node = (EntryNode*)*places++;
            if (node is not null && node->Rank > group.Ranks[*open] && EntryNode.Matches(node, (ulong*)(group.Keys + *open)))
            {
                group.Found(*open, node);
            }
        }

        GC.KeepAlive(this);
    }

    /// <summary>Takes an entry into account if it fits. It is linked later, and forgotten when it is unlinked.</summary>
    internal bool TryAdmit(FlowEntry entry)
    {
        var length = LengthOf(entry.Pattern.Mask, _word);
        if (entry.Filter is not null || length is < Shortest or > Longest || !FitsAmong(length, entry.Priority) || !_common.Contains(entry.Pattern)
            || !_nodes.TryAdd(NameOf(entry, length), (nint)entry.Node))
        {
            return false;
        }

        _lengths[length] = (_lengths[length].Count + 1, entry.Priority);
        return true;
    }

    /// <inheritdoc/>
    internal override void Link(FlowEntry entry)
    {
        var first = SlotsOf(entry, out var count);
        Replace(first, count, null, entry.Node);
    }

    /// <inheritdoc/>
    internal override void Unlink(FlowEntry entry)
    {
        var length = LengthOf(entry.Pattern.Mask, _word);
        _nodes.Remove(NameOf(entry, length));
        _lengths[length].Count--;
        nint shorter = 0;
        for (var next = length - 1; next >= Shortest && shorter == 0; next--)
        {
            if (_lengths[next].Count > 0)
            {
                _ = _nodes.TryGetValue(NameOf(entry, next), out shorter);
            }
        }

        var first = SlotsOf(entry, out var count);
        Replace(first, count, entry.Node, (EntryNode*)shorter);
    }

    private static uint Leading(int length) => length == 0 ? 0 : uint.MaxValue << (32 - length);

    // SAFETY: what has the tag is a block.
    private static ulong* InBlock(ulong slot, uint address) => (ulong*)(slot & ~BlockTag) + (byte)(address >> (32 - Longest));

    private static void Prefetch(void* slot)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(slot);
        }
    }

    /// <summary>Puts a node in the place of another, or, if that is null, of all of lower rank.</summary>
    private static void Replace(ulong* first, int count, EntryNode* old, EntryNode* node)
    {
        for (var slot = first; slot < first + count; slot++)
        {
            if ((*slot & BlockTag) != 0)
            {
                Replace(InBlock(*slot, 0), BlockSlots, old, node);
            }
            else if (old is null ? *slot == 0 || ((EntryNode*)*slot)->Rank < node->Rank : *slot == (ulong)old)
            {
                Volatile.Write(ref *slot, (ulong)node);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint AddressOf(LookupGroup group, uint packet) => (uint)((ulong*)(group.Keys + packet))[_word];

    private ulong NameOf(FlowEntry entry, int length) => ((ulong)length << 32) | ((uint)entry.Pattern.Key[_word] & Leading(length));

    /// <summary>Whether priorities grow with the length when entries of this length have this one.</summary>
    private bool FitsAmong(int length, ushort priority)
    {
        for (var other = Shortest; other <= Longest; other++)
        {
            var (count, its) = _lengths[other];
            if (count > 0 && (other == length ? its != priority : other < length ? its >= priority : its <= priority))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The first of the slots that an entry's prefix covers, and how many they are; makes the block that a longer prefix needs.</summary>
    private ulong* SlotsOf(FlowEntry entry, out int count)
    {
        var prefix = (uint)entry.Pattern.Key[_word];
        var length = LengthOf(entry.Pattern.Mask, _word);
        var slot = _root + (prefix >> RootShift);
        if (length <= RootBits)
        {
            count = 1 << (RootBits - length);
            return slot;
        }

        if ((*slot & BlockTag) == 0)
        {
            var block = Take(BlockSlots);
            new Span<ulong>(block, BlockSlots).Fill(*slot);
            Volatile.Write(ref *slot, (ulong)block | BlockTag);
        }

        count = 1 << (Longest - length);
        return InBlock(*slot, prefix);
    }

    /// <summary>Slots that are 0, from the beginning of a cache line.</summary>
    private ulong* Take(int count)
    {
        if (_spareSlots < count)
        {
            _spare = (ulong*)Mman.Allocate(SlabSlots * sizeof(ulong));
            _spareSlots = SlabSlots;
            _slabs.Add((nint)_spare);
            GC.AddMemoryPressure(SlabSlots * sizeof(ulong));
        }

        var taken = _spare;
        _spare += count;
        _spareSlots -= count;
        return taken;
    }
}
