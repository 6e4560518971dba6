using System.Collections.Immutable;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Tables;

// A flow table is a tuple space (Srinivasan, Suri, Varghese, SIGCOMM 1999): entries with the same mask stand in one hash (a tuple),
// and a lookup asks the hashes in the order of the highest priority they hold, ending as soon as no later one can win.
//
// Rule sets of firewalls have hundreds of masks, and so many hashes would make a lookup slow. From MostMasks on, entries with different
// masks share hashes (MaskLadder): an entry is hashed by few of its bits, compared by all, and goes to a hash by more of them only
// where too many entries are alike under the few. How much prefixes are cut for that depends on the lengths that occur: with few of them not at
// all, with each more by more bits, so that the first hashes are few. A change of form is made aside and published with one store; there are at most
// four, for a table becomes coarser only until it is empty.
//
// One control thread writes while the workers read, without a lock and without waiting:
//
// - The list of tuples is an immutable array, replaced as a whole by one reference store. A tuple with a new, higher
//   priority is moved forward in the list before the entry is linked, and moved back after it is unlinked, so the bound
//   that the reader trusts for its early end is never too low.
// - Within a tuple a bucket is a cache line with the addresses of six entries and a byte of the hash of each (EntryBucket). An entry is complete
//   before the store that names it, never moves from one place to another, and after its removal its memory stays what it is until
//   no worker can look at it any more (EntryMemory).
// - Growing builds a second set of buckets, which name the same entries, and publishes it with one store; readers of the first set
//   see a moment that was, and the garbage collector keeps it for them.
//
// So a reader sees each single add or remove wholly or not at all. That all earlier changes are seen after a barrier follows
// from the batch boundary (Datapath.Synchronize), not from here.
//
// A filter may decline the entry that was found. "The next one" is then the entry of the greatest rank below the declined
// one's; ranks are unique in a table, so the same lookup with a bound serves for both. For groups of packets one pass finds both (LookupGroup).
//
// A tuple of up to four entries is a list, which is compared entry by entry: for the entry that takes what no other does, or the one filter before
// all, comparing costs a fraction of hashing. With a fifth it becomes a hash, in the way in which hashes grow, and stays one.
//
// Entries that differ in an IPv4 prefix alone, with a higher priority the longer it is, are a routing table. From FewestInTrie on they stand in a trie beside
// the hashes (PrefixTrie), which finds the longest prefix with one or two reads instead of one hash for each length, until the last of them goes. That, too,
// is made aside and published with one store, and the hashes in which they stood stay as they are for who is looking there.
//
// From some thousands of entries on a lookup costs what its cache misses cost: one for the bucket, two for the entry, which holds all that is compared (rank,
// the masked words of the key), what is to be done in most cases, and the counters. And packets are looked up in groups: a tuple computes the
// hashes of all packets that may still find something better in it and asks the cache for their buckets, then for the entries
// named there, and compares only then. Memory is waited for once per group and not once per packet.
//
// Refused: one decision tree over all entries (rebuilt or unbalanced by updates), and a cache of earlier results (a flood of new flows empties it).

/// <summary>The entries of one flow table, found by header and priority. One writing thread, any number of reading ones.</summary>
/// <param name="memory">Where the entries lie.</param>
internal sealed unsafe class TupleSpace(EntryMemory memory)
{
    // With this many masks, cut or not, each has a tuple of its own: they are few enough to be asked one after the other. With more they are cut shorter.
    private const int MostMasks = 4;

    // With fewer entries that could stand in a trie, that is not worth its memory.
    private const int FewestInTrie = 512;

    // Entries of a shared tuple that are compared one after the other; the next one goes to a tuple that names more bits.
    private const int MostAlike = 16;

    private readonly Dictionary<FlowMask, MaskTuple> _byMask = [];
    private readonly Dictionary<FlowMask, MaskUse> _masks = [];
    private readonly Dictionary<PrefixFamily.Name, PrefixFamily> _families = [];
    private readonly List<PrefixTrie> _tries = [];

    // The masks under which entries are hashed first, while they can be cut shorter; those of masks that are gone among them until there seem to be too many.
    private readonly HashSet<FlowMask> _firstMasks = [];
    private Ranked[] _ranked = [];

    // What prefixes are cut to a multiple of; 0 while each mask has a tuple of its own.
    private int _step;

    /// <summary>Number of hashes and tries.</summary>
    internal int HomeCount => _byMask.Count + _tries.Count;

    /// <summary>Finds the entry of the greatest rank below the bound whose header part matches; null = none. SAFETY: what is found is valid until
    /// the end of the worker's round.</summary>
    internal EntryNode* Lookup(ref FlowKey key, ulong bound)
    {
        EntryNode* best = null;
        // SAFETY: a key is its words, one behind the other.
        fixed (FlowKey* words = &key)
        {
            foreach (ref readonly var ranked in Volatile.Read(ref _ranked).AsSpan())
            {
                if (best is not null && ranked.HighestRank < best->Rank)
                {
                    break;
                }

                var found = ranked.Home.Find((ulong*)words, bound);
                if (found is not null && (best is null || found->Rank > best->Rank))
                {
                    best = found;
                }
            }
        }

        return best;
    }

    /// <summary>Finds the entries of the greatest rank for packets of a group.</summary>
    /// <param name="group">The packets.</param>
    /// <param name="packets">Those that take part, as bits.</param>
    /// <param name="seeksFollowing">Whether to find, for entries with filters, the entries that follow them, too.</param>
    internal void Lookup(LookupGroup group, uint packets, bool seeksFollowing)
    {
        group.Begin(packets, seeksFollowing);
        var ranked = Volatile.Read(ref _ranked);
        for (var index = 0; index < ranked.Length && group.OpenCount > 0; index++)
        {
            ranked[index].Home.Find(group);
            if (index + 1 < ranked.Length)
            {
                group.CloseAbove(ranked[index + 1].HighestRank);
            }
        }
    }

    internal void Add(FlowEntry entry)
    {
        var mask = entry.Pattern.Mask;
        if (!_masks.TryGetValue(mask, out var use))
        {
            _masks[mask] = use = new MaskUse(mask, _step, JoinFamily(mask));
            if (_step < MaskLadder.CoarsestStep && _firstMasks.Add(use.Ladder[0]) && TryCoarsen())
            {
                PlaceAnew();
            }
        }

        use.Count++;
        if (Place(entry, use))
        {
            Publish();
        }

        entry.Home!.Link(entry);
        if (use.Family is { } family && ++family.EntryCount >= family.AsksFrom && family.MaskCount > 1 && family.Trie is null)
        {
            family.AsksFrom = family.EntryCount * 2;
            MoveToTrie(family);
        }
    }

    internal void Remove(FlowEntry entry)
    {
        var mask = entry.Pattern.Mask;
        var use = _masks[mask];
        Unlink(entry, use);
        entry.Home = null;
        if (use.Family is not null)
        {
            use.Family.EntryCount--;
        }

        if (--use.Count > 0)
        {
            return;
        }

        _masks.Remove(mask);
        if (use.Family is { } family && --family.MaskCount == 0)
        {
            _families.Remove(family.Common);
        }

        if (_masks.Count == 0)
        {
            _step = 0;
            _firstMasks.Clear();
        }
    }

    /// <summary>Counts a mask that was not in use in its family, null = it has none.</summary>
    private PrefixFamily? JoinFamily(FlowMask mask)
    {
        if (PrefixFamily.NameOf(mask) is not { } name)
        {
            return null;
        }

        if (!_families.TryGetValue(name, out var family))
        {
            _families[name] = family = new PrefixFamily(name) { AsksFrom = FewestInTrie };
        }

        family.MaskCount++;
        return family;
    }

    /// <summary>Takes an entry out of where it stands.</summary>
    private void Unlink(FlowEntry entry, MaskUse use)
    {
        var home = entry.Home!;
        home.Unlink(entry);
        if (!home.CountPriority(entry.Priority, -1))
        {
            return;
        }

        if (home.IsEmpty && home is MaskTuple tuple)
        {
            _byMask.Remove(tuple.Shared);
        }
        else if (home.IsEmpty && home is PrefixTrie trie)
        {
            _tries.Remove(trie);
            use.Family!.Trie = null;
            use.Family.AsksFrom = FewestInTrie;
        }

        Publish();
    }

    /// <summary>Chooses the home of an entry. Returns whether the order of the homes changes with it.</summary>
    private bool Place(FlowEntry entry, MaskUse use)
    {
        if (use.Family?.Trie is { } trie && trie.TryAdmit(entry))
        {
            entry.Home = trie;
            return trie.CountPriority(entry.Priority, 1);
        }

        var last = use.Ladder.Length - 1;
        for (var rung = 0; ; rung++)
        {
            if (!_byMask.TryGetValue(use.Ladder[rung], out var tuple))
            {
                _byMask[use.Ladder[rung]] = tuple = new MaskTuple(use.Ladder[rung], memory);
            }

            if (rung == last || tuple.CountAlike(entry) < MostAlike)
            {
                entry.Home = tuple;
                return tuple.CountPriority(entry.Priority, 1);
            }
        }
    }

    /// <summary>Moves the entries of a family that fit into a trie, if they are enough.</summary>
    private void MoveToTrie(PrefixFamily family)
    {
        // The priority that most entries of a length have is the length's.
        var word = family.Common.Word;
        var entries = _byMask.Values.SelectMany(tuple => tuple.Entries()).Where(entry => _masks[entry.Pattern.Mask].Family == family)
            .GroupBy(entry => (entry.Priority, PrefixTrie.LengthOf(entry.Pattern.Mask, word))).OrderByDescending(alike => alike.Count()).SelectMany(alike => alike).ToList();
        var trie = new PrefixTrie(word, entries[0].Pattern.Only(family.Common.Others));
        var moved = entries.FindAll(trie.TryAdmit);
        if (moved.Count < FewestInTrie)
        {
            return;
        }

        foreach (var entry in moved)
        {
            entry.Home = trie;
            _ = trie.CountPriority(entry.Priority, 1);
            trie.Link(entry);
        }

        family.Trie = trie;
        _tries.Add(trie);
        PlaceAnew();
    }

    /// <summary>Cuts masks shorter while there are too many. Returns whether any was.</summary>
    private bool TryCoarsen()
    {
        var before = _step;
        while (_step < MaskLadder.CoarsestStep && _firstMasks.Count > MostMasks)
        {
            _firstMasks.Clear();
            _firstMasks.UnionWith(_masks.Values.Select(use => use.Ladder[0]));
            if (_firstMasks.Count > MostMasks)
            {
                _step = Math.Max(1, _step * 2);
                foreach (var use in _masks.Values)
                {
                    use.Climb(_step);
                }
            }
        }

        return _step != before;
    }

    /// <summary>Places all entries that are in no trie by the masks as they are cut now, aside, and publishes that with one store. Nothing is taken out of
    /// the hashes that were, for workers may be looking there.</summary>
    private void PlaceAnew()
    {
        var entries = _byMask.Values.SelectMany(tuple => tuple.Entries()).Where(entry => entry.Home is MaskTuple).ToList();
        _byMask.Clear();
        foreach (var entry in entries)
        {
            _ = Place(entry, _masks[entry.Pattern.Mask]);
            entry.Home!.Link(entry);
        }

        Publish();
    }

    private void Publish()
    {
        var homes = _byMask.Values.Concat<EntryHome>(_tries);
        var ranked = homes.Select(home => new Ranked(((ulong)home.HighestPriority << 48) | 0xFFFF_FFFF_FFFF, home)).ToArray();
        Array.Sort(ranked, static (a, b) => b.HighestRank.CompareTo(a.HighestRank));
        Volatile.Write(ref _ranked, ranked);
    }

    /// <summary>A mask that entries have.</summary>
    private sealed class MaskUse
    {
        private readonly FlowMask _mask;

        internal MaskUse(FlowMask mask, int step, PrefixFamily? family)
        {
            _mask = mask;
            Family = family;
            Climb(step);
        }

        /// <summary>The masks under which its entries may be hashed.</summary>
        internal ImmutableArray<FlowMask> Ladder { get; private set; }

        internal PrefixFamily? Family { get; }

        internal int Count { get; set; }

        /// <summary>Chooses the masks by the step of the table.</summary>
        internal void Climb(int step) => Ladder = step == 0 ? [_mask] : MaskLadder.Of(_mask, step);
    }

    private readonly record struct Ranked(ulong HighestRank, EntryHome Home);
}
