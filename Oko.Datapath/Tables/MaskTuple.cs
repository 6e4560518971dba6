using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Oko.Datapath.Tables;

/// <summary>Entries whose masks name all bits of one mask: a hash over the words under that.</summary>
/// <param name="shared">The bits that all its entries name.</param>
/// <param name="memory">Where the entries lie.</param>
internal sealed unsafe class MaskTuple(FlowMask shared, EntryMemory memory) : EntryHome
{
    // The entries of tuples with fewer buckets stay in the caches, where asking beforehand costs more than it saves.
    private const int PrefetchFrom = 128;

    private readonly KeyMask _mask = shared.Form;
    private EntryBuckets _buckets = new(1);
    private int _count;

    /// <summary>The bits that all its entries name, and by which they are hashed.</summary>
    internal FlowMask Shared => shared;

    /// <inheritdoc/>
    internal override EntryNode* Find(ulong* key, ulong bound)
    {
        var buckets = Volatile.Read(ref _buckets);
        var hash = MaskForm.Hash(_mask.Form, key);
        var sought = EntryBucket.Sought(hash);
        EntryNode* best = null;
        ulong above = 0;
        for (var bucket = buckets.Of(hash); bucket is not null; bucket = EntryBucket.Next(bucket))
        {
            for (var candidates = EntryBucket.Candidates(bucket, sought); candidates != 0; candidates &= candidates - 1)
            {
                var node = EntryBucket.First(bucket, candidates);
                if (node->Rank > above && node->Rank < bound && EntryNode.Matches(node, key))
                {
                    best = node;
                    above = node->Rank;
                }
            }
        }

        GC.KeepAlive(buckets);
        GC.KeepAlive(this);
        return best;
    }

    /// <inheritdoc/>
    internal override void Find(LookupGroup group)
    {
        var buckets = Volatile.Read(ref _buckets);
        if (buckets.IsList)
        {
            CompareAll(buckets, group);
        }
        else
        {
            HashAll(buckets, group);
            if (buckets.Count >= PrefetchFrom)
            {
                FetchNodes(buckets, group);
            }

            SearchAll(buckets, group);
        }

        GC.KeepAlive(buckets);
        GC.KeepAlive(this);
    }

    /// <summary>A tuple of few entries is a list: comparing costs less than hashing.</summary>
    private static void CompareAll(EntryBuckets buckets, LookupGroup group)
    {
        var bucket = buckets.Of(0);
        var end = group.Open + group.OpenCount;
        for (var places = EntryBucket.Taken(bucket); places != 0; places &= places - 1)
        {
            var node = EntryBucket.First(bucket, places);
            for (var open = group.Open; open < end; open++)
            {
                if (node->Rank > group.Ranks[*open] && EntryNode.Matches(node, (ulong*)(group.Keys + *open)))
                {
                    group.Found(*open, node);
                }
            }
        }
    }

    private void HashAll(EntryBuckets buckets, LookupGroup group)
    {
        var keys = group.Keys;
        var hashes = group.Hashes;
        var mask = _mask.Form;
        var end = group.Open + group.OpenCount;
        for (var open = group.Open; open < end; open++)
        {
            var hash = MaskForm.Hash(mask, (ulong*)(keys + *open));
            *hashes++ = hash;
            if (Sse.IsSupported)
            {
                // SAFETY: a hint; nothing is read there.
                Sse.Prefetch0(buckets.Of(hash));
            }
        }
    }

    private static void FetchNodes(EntryBuckets buckets, LookupGroup group)
    {
        var end = group.Hashes + group.OpenCount;
        for (var hash = group.Hashes; hash < end; hash++)
        {
            var bucket = buckets.Of(*hash);
            if (EntryBucket.Candidates(bucket, EntryBucket.Sought(*hash)) is not 0 and var candidates)
            {
                EntryNode.Prefetch(EntryBucket.First(bucket, candidates));
            }
        }
    }

    private static void SearchAll(EntryBuckets buckets, LookupGroup group)
    {
        var hash = group.Hashes;
        var end = group.Open + group.OpenCount;
        for (var open = group.Open; open < end; open++)
        {
            var packet = *open;
            var above = group.Ranks[packet];
            var bucket = buckets.Of(*hash);
            var sought = EntryBucket.Sought(*hash++);
            do
            {
                for (var candidates = EntryBucket.Candidates(bucket, sought); candidates != 0; candidates &= candidates - 1)
                {
                    var node = EntryBucket.First(bucket, candidates);
                    if (node->Rank > above && EntryNode.Matches(node, (ulong*)(group.Keys + packet)))
                    {
                        above = group.Found(packet, node);
                    }
                }

                bucket = EntryBucket.Next(bucket);
            }
            while (bucket is not null);
        }
    }

    /// <summary>How many entries have the same bits as this one under the tuple's mask, or nearly all of its hash.</summary>
    internal int CountAlike(FlowEntry entry)
    {
        var hash = HashOf(entry);
        var sought = EntryBucket.Sought(hash);
        var count = 0;
        for (var bucket = _buckets.Of(hash); bucket is not null; bucket = EntryBucket.Next(bucket))
        {
            for (var candidates = EntryBucket.Candidates(bucket, sought); candidates != 0; candidates &= candidates - 1)
            {
                count += HashOf(memory.EntryOf(EntryBucket.First(bucket, candidates))) == hash ? 1 : 0;
            }
        }

        return count;
    }

    /// <summary>How many buckets a lookup goes through that finds this entry.</summary>
    internal int CountBuckets(FlowEntry entry)
    {
        var count = 0;
        for (var bucket = _buckets.Of(HashOf(entry)); bucket is not null; bucket = EntryBucket.Next(bucket))
        {
            count++;
        }

        return count;
    }

    /// <summary>All entries.</summary>
    internal IEnumerable<FlowEntry> Entries() => _buckets.Nodes().Select(node => memory.EntryOf((EntryNode*)node));

    /// <inheritdoc/>
    internal override void Link(FlowEntry entry)
    {
        if (_buckets.IsFull(_count))
        {
            Rebuild(_buckets.Count * 2);
        }

        _buckets.Add(HashOf(entry), entry.Node);
        _count++;
    }

    /// <inheritdoc/>
    internal override void Unlink(FlowEntry entry)
    {
        _buckets.Remove(HashOf(entry), entry.Node);
        _count--;
        if (_buckets.IsSparse(_count))
        {
            Rebuild(_buckets.Count);
        }
    }

    private ulong HashOf(FlowEntry entry)
    {
        // SAFETY: a pattern has the words of a key.
        var pattern = entry.Pattern;
        fixed (ulong* key = pattern.Key)
        {
            return MaskForm.Hash(_mask.Form, key);
        }
    }

    private void Rebuild(int count)
    {
        var buckets = new EntryBuckets(count);
        foreach (var node in _buckets.Nodes())
        {
            buckets.Add(HashOf(memory.EntryOf((EntryNode*)node)), (EntryNode*)node);
        }

        Volatile.Write(ref _buckets, buckets);
    }
}
