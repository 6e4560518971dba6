using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Oko.Datapath.Tables;

/// <summary>Entries whose masks name all bits of one mask: a hash over the words under that. One writing thread, any number of reading ones, as
/// <see cref="TupleSpace"/> explains.</summary>
internal sealed unsafe class MaskTuple
{
    private const int SmallestSize = 8;

    // Tuples with fewer buckets stay in the caches, where asking beforehand costs more than it saves.
    private const int PrefetchFrom = 1024;

    private readonly KeyMask _mask;
    private readonly Dictionary<ushort, int> _priorities = [];
    private readonly SortedSet<ushort> _present = [];
    private EntryLink?[] _buckets = new EntryLink?[SmallestSize];
    private int _count;

    /// <param name="shared">The bits that all its entries name.</param>
    internal MaskTuple(FlowPattern shared)
    {
        Shared = shared;
        _mask = new KeyMask(shared.Mask);
    }

    /// <summary>The bits that all its entries name, and by which they are hashed.</summary>
    internal FlowPattern Shared { get; }

    internal bool IsEmpty => _count == 0;

    internal ushort HighestPriority { get; private set; }

    /// <summary>Worker: the entry of the greatest rank below the bound for one packet.</summary>
    /// <param name="key">SAFETY: the words of a key.</param>
    /// <param name="bound">Ranks from here up do not count.</param>
    internal EntryLink? Find(ulong* key, ulong bound)
    {
        var hash = _mask.Hash(key);
        for (var link = Volatile.Read(ref BucketOf(Volatile.Read(ref _buckets), hash)); link is not null; link = Volatile.Read(ref link.Next))
        {
            if (link.Hash == hash && link.Rank < bound && link.Matches(key))
            {
                return link;
            }
        }

        return null;
    }

    /// <summary>Worker: the same for all open packets of a group, where it is better than what they have.</summary>
    internal void Find(LookupGroup group)
    {
        var buckets = Volatile.Read(ref _buckets);
        var mask = _mask;
        var count = group.OpenCount;
        for (var index = 0; index < count; index++)
        {
            var packet = group.Open[index];
            var hash = mask.Hash((ulong*)(group.Keys + packet));
            group.Hashes[index] = hash;
            if (Sse.IsSupported && buckets.Length >= PrefetchFrom)
            {
                // SAFETY: a hint; nothing is read there.
                Sse.Prefetch0(Unsafe.AsPointer(ref BucketOf(buckets, hash)));
            }
        }

        if (buckets.Length >= PrefetchFrom)
        {
            for (var index = 0; index < count; index++)
            {
                EntryLink.Prefetch(Volatile.Read(ref BucketOf(buckets, group.Hashes[index])));
            }
        }

        for (var index = 0; index < count; index++)
        {
            var packet = group.Open[index];
            var hash = group.Hashes[index];
            // The links fall in rank: what the packet has already is not beaten by later ones.
            for (var link = Volatile.Read(ref BucketOf(buckets, hash)); link is not null && link.Rank > group.Ranks[packet]; link = Volatile.Read(ref link.Next))
            {
                if (link.Hash == hash && link.Rank < group.Bounds[packet] && link.Matches((ulong*)(group.Keys + packet)))
                {
                    group.Found(packet, link);
                    break;
                }
            }
        }
    }

    /// <summary>How many entries have the same bits as this one under the tuple's mask.</summary>
    internal int CountAlike(FlowEntry entry)
    {
        var hash = HashOf(entry);
        var count = 0;
        for (var link = BucketOf(_buckets, hash); link is not null; link = link.Next)
        {
            count += link.Hash == hash ? 1 : 0;
        }

        return count;
    }

    /// <summary>All entries.</summary>
    internal IEnumerable<FlowEntry> Entries()
    {
        foreach (var bucket in _buckets)
        {
            for (var link = bucket; link is not null; link = link.Next)
            {
                yield return link.Entry;
            }
        }
    }

    /// <param name="entry">To add.</param>
    /// <param name="mask">The entry's own mask, which names all bits of the tuple's.</param>
    internal void Link(FlowEntry entry, KeyMask mask)
    {
        if (_count >= _buckets.Length / 2)
        {
            Grow();
        }

        var link = new EntryLink(entry, HashOf(entry), mask);
        ref var place = ref BucketOf(_buckets, link.Hash);
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
        ref var place = ref BucketOf(_buckets, HashOf(entry));
        while (!ReferenceEquals(place!.Entry, entry))
        {
            place = ref place.Next;
        }

        entry.Link = null;
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

    // SAFETY: the length is a power of two.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref EntryLink? BucketOf(EntryLink?[] buckets, ulong hash) =>
        ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(buckets), (nint)(hash & (ulong)(buckets.Length - 1)));

    private ulong HashOf(FlowEntry entry)
    {
        // SAFETY: a pattern has the words of a key.
        fixed (ulong* key = entry.Pattern.Key)
        {
            return _mask.Hash(key);
        }
    }

    private void Grow()
    {
        // Each old bucket splits into two new ones, and its links come sorted: appending keeps the order.
        var old = _buckets;
        var larger = new EntryLink?[old.Length * 2];
        for (var bucket = 0; bucket < old.Length; bucket++)
        {
            ref var low = ref larger[bucket];
            ref var high = ref larger[bucket + old.Length];
            for (var link = old[bucket]; link is not null; link = link.Next)
            {
                var copy = new EntryLink(link.Entry, link.Hash, link.Mask);
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
