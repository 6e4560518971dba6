using System.Runtime.CompilerServices;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Tables;

// A flow table is a tuple space (Srinivasan, Suri, Varghese, SIGCOMM 1999): entries with the same mask stand in one hash,
// and a lookup asks the hashes in the order of the highest priority they hold, ending as soon as no later one can win.
//
// One control thread writes while the worker reads, without a lock and without waiting:
//
// - The list of tuples is an immutable array, replaced as a whole by one reference store. A tuple with a new, higher
//   priority is moved forward in the list before the entry is linked, and moved back after it is unlinked, so the bound
//   that the reader trusts for its early end is never too low.
// - Within a tuple a bucket is a singly linked list sorted by rank. A link is complete before the store that publishes it,
//   and an unlinked link keeps its own successor, so a reader that stands on it goes on to live entries. The garbage
//   collector keeps it until no reader is left; that is why the links are objects and not memory of our own.
// - Growing builds a second set of links and publishes it with one store; readers of the first set see a moment that was.
//
// So a reader sees each single add or remove wholly or not at all. That all earlier changes are seen after a barrier follows
// from the batch boundary (Datapath.Synchronize), not from here.
//
// A filter may decline the entry that was found. "The next one" is then the entry of the greatest rank below the declined
// one's; ranks are unique in a table, so the same lookup with a bound serves for both.
//
// At 100,000 entries a lookup costs what its cache misses cost. So a link holds all that is compared (hash, rank, the masked
// words of the key), and the entry itself is touched only when it is the answer.
//
// Refused: one decision tree or trie over all entries (rebuilt or unbalanced by updates), and a cache of earlier results
// (a flood of new flows empties it).

/// <summary>The entries of one flow table, found by header and priority. One writing thread, one reading thread.</summary>
internal sealed class TupleSpace
{
    private readonly Dictionary<FlowPattern, Tuple> _byMask = [];
    private Ranked[] _ranked = [];

    /// <summary>Finds the entry of the greatest rank below the bound whose header part matches.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal FlowEntry? Lookup(ref FlowKey key, ulong bound)
    {
        FlowEntry? best = null;
        ulong bestRank = 0;
        foreach (ref readonly var ranked in Volatile.Read(ref _ranked).AsSpan())
        {
            if (best is not null && ranked.HighestRank < bestRank)
            {
                break;
            }

            if (ranked.Tuple.Find(ref key, bound) is { } found && (best is null || found.Rank > bestRank))
            {
                best = found.Entry;
                bestRank = found.Rank;
            }
        }

        return best;
    }

    internal void Add(FlowEntry entry)
    {
        var mask = entry.Pattern.MaskOnly;
        if (!_byMask.TryGetValue(mask, out var tuple))
        {
            _byMask[mask] = tuple = new Tuple(mask.Mask);
        }

        if (tuple.CountPriority(entry.Priority, 1))
        {
            Publish();
        }

        tuple.Link(entry);
    }

    internal void Remove(FlowEntry entry)
    {
        var mask = entry.Pattern.MaskOnly;
        var tuple = _byMask[mask];
        tuple.Unlink(entry);
        if (tuple.CountPriority(entry.Priority, -1))
        {
            if (tuple.IsEmpty)
            {
                _byMask.Remove(mask);
            }

            Publish();
        }
    }

    private void Publish()
    {
        var ranked = _byMask.Values.Select(tuple => new Ranked(((ulong)tuple.HighestPriority << 48) | 0xFFFF_FFFF_FFFF, tuple)).ToArray();
        Array.Sort(ranked, static (a, b) => b.HighestRank.CompareTo(a.HighestRank));
        Volatile.Write(ref _ranked, ranked);
    }

    private readonly record struct Ranked(ulong HighestRank, Tuple Tuple);

    private sealed class Link
    {
        internal Link? Next;
        internal readonly FlowEntry Entry;
        internal readonly ulong Hash;
        internal readonly ulong Rank;

        // Those words of the entry's key in which its tuple's mask has bits, from the front.
        internal FlowKey Words;

        internal Link(FlowEntry entry, ulong hash, byte[] words)
        {
            Entry = entry;
            Hash = hash;
            Rank = entry.Rank;
            for (var index = 0; index < words.Length; index++)
            {
                Words[index] = entry.Pattern.Key[words[index]];
            }
        }
    }

    /// <summary>The entries that share one mask.</summary>
    private sealed class Tuple
    {
        private const int SmallestSize = 8;

        // The words of the key in which the mask has bits, and those bits.
        private readonly byte[] _words;
        private readonly ulong[] _masks;
        private readonly Dictionary<ushort, int> _priorities = [];
        private readonly SortedSet<ushort> _present = [];
        private Link?[] _buckets = new Link?[SmallestSize];
        private int _count;

        internal Tuple(ReadOnlySpan<ulong> mask)
        {
            var words = new List<byte>();
            for (byte word = 0; word < FlowKey.WordCount; word++)
            {
                if (mask[word] != 0)
                {
                    words.Add(word);
                }
            }

            _words = [.. words];
            _masks = new ulong[_words.Length];
            for (var index = 0; index < _words.Length; index++)
            {
                _masks[index] = mask[_words[index]];
            }
        }

        internal bool IsEmpty => _count == 0;

        internal ushort HighestPriority { get; private set; }

        internal Link? Find(ref FlowKey key, ulong bound)
        {
            var words = _words;
            var masks = _masks;
            ulong hash = 0;
            for (var index = 0; index < words.Length; index++)
            {
                hash = Mix(hash, key[words[index]] & masks[index]);
            }

            var buckets = Volatile.Read(ref _buckets);
            var link = Volatile.Read(ref buckets[(int)(hash & (ulong)(buckets.Length - 1))]);
            while (link is not null)
            {
                if (link.Hash == hash && link.Rank < bound && Matches(link, ref key))
                {
                    return link;
                }

                link = Volatile.Read(ref link.Next);
            }

            return null;
        }

        internal void Link(FlowEntry entry)
        {
            if (_count >= _buckets.Length)
            {
                Grow();
            }

            var link = new Link(entry, HashOf(entry.Pattern.Key), _words);
            ref var place = ref _buckets[(int)(link.Hash & (ulong)(_buckets.Length - 1))];
            while (place is not null && place.Rank > link.Rank)
            {
                place = ref place.Next;
            }

            link.Next = place;
            Volatile.Write(ref place, link);
            _count++;
        }

        internal void Unlink(FlowEntry entry)
        {
            ref var place = ref _buckets[(int)(HashOf(entry.Pattern.Key) & (ulong)(_buckets.Length - 1))];
            while (!ReferenceEquals(place!.Entry, entry))
            {
                place = ref place.Next;
            }

            Volatile.Write(ref place, place.Next);
            _count--;
        }

        /// <summary>Counts entries per priority; true if the highest changed or the tuple became empty.</summary>
        internal bool CountPriority(ushort priority, int change)
        {
            var wasEmpty = _present.Count == 0;
            var count = _priorities.GetValueOrDefault(priority) + change;
            if (count == 0)
            {
                _priorities.Remove(priority);
                _present.Remove(priority);
            }
            else
            {
                _priorities[priority] = count;
                _present.Add(priority);
            }

            var highest = _present.Max;
            var changed = wasEmpty || _present.Count == 0 || highest != HighestPriority;
            HighestPriority = highest;
            return changed;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static ulong Mix(ulong hash, ulong word)
        {
            // Keys come from the network: the multiplier spreads them, and buckets hold few entries of one mask anyway.
            var high = Math.BigMul(hash ^ word ^ Seed, 0x9E3779B97F4A7C15, out var low);
            return high ^ low;
        }

        private static readonly ulong Seed = (ulong)Random.Shared.NextInt64();

        private bool Matches(Link link, ref FlowKey key)
        {
            var words = _words;
            var masks = _masks;
            for (var index = 0; index < words.Length; index++)
            {
                if ((key[words[index]] & masks[index]) != link.Words[index])
                {
                    return false;
                }
            }

            return true;
        }

        private ulong HashOf(ReadOnlySpan<ulong> key)
        {
            ulong hash = 0;
            for (var index = 0; index < _words.Length; index++)
            {
                hash = Mix(hash, key[_words[index]]);
            }

            return hash;
        }

        private void Grow()
        {
            // Each old bucket splits into two new ones, and its links come sorted: appending keeps the order.
            var old = _buckets;
            var larger = new Link?[old.Length * 2];
            for (var bucket = 0; bucket < old.Length; bucket++)
            {
                ref var low = ref larger[bucket];
                ref var high = ref larger[bucket + old.Length];
                for (var link = old[bucket]; link is not null; link = link.Next)
                {
                    var copy = new Link(link.Entry, link.Hash, _words);
                    if ((link.Hash & (ulong)old.Length) == 0)
                    {
                        low = copy;
                        low = ref copy.Next;
                    }
                    else
                    {
                        high = copy;
                        high = ref copy.Next;
                    }
                }
            }

            Volatile.Write(ref _buckets, larger);
        }
    }
}
