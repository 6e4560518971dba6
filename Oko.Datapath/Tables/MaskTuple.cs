using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Tables;

/// <summary>The entries that share one mask: a hash over the masked words. One writing thread, one reading thread, as
/// <see cref="TupleSpace"/> explains.</summary>
internal sealed unsafe class MaskTuple
{
    private const int SmallestSize = 8;

    // Tuples with fewer buckets stay in the caches, where asking beforehand costs more than it saves.
    private const int PrefetchFrom = 1024;

    // Keys come from the network: without these secrets nobody can tell which of them share a bucket.
    private static readonly ulong[] Secrets = MakeSecrets();

    // The words of the key in which the mask has bits, and those bits; an even number, the last may be a word without bits.
    private readonly byte[] _words;
    private readonly ulong[] _masks;
    private readonly ulong[] _secrets = Secrets;
    private readonly Dictionary<ushort, int> _priorities = [];
    private readonly SortedSet<ushort> _present = [];
    private EntryLink?[] _buckets = new EntryLink?[SmallestSize];
    private int _count;

    internal MaskTuple(ReadOnlySpan<ulong> mask)
    {
        var words = new List<byte>();
        for (byte word = 0; word < FlowKey.WordCount; word++)
        {
            if (mask[word] != 0)
            {
                words.Add(word);
            }
        }

        _masks = new ulong[(words.Count + 1) & ~1];
        for (var index = 0; index < words.Count; index++)
        {
            _masks[index] = mask[words[index]];
        }

        if (words.Count < _masks.Length)
        {
            words.Add(0);
        }

        _words = [.. words];
    }

    internal bool IsEmpty => _count == 0;

    internal ushort HighestPriority { get; private set; }

    /// <summary>Worker: the entry of the greatest rank below the bound for one packet.</summary>
    /// <param name="key">SAFETY: the words of a key.</param>
    /// <param name="bound">Ranks from here up do not count.</param>
    internal EntryLink? Find(ulong* key, ulong bound)
    {
        var hash = HashOf(key);
        for (var link = Volatile.Read(ref BucketOf(Volatile.Read(ref _buckets), hash)); link is not null; link = Volatile.Read(ref link.Next))
        {
            if (link.Hash == hash && link.Rank < bound && link.Matches(key, _words, _masks))
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
        var count = group.OpenCount;
        for (var index = 0; index < count; index++)
        {
            var packet = group.Open[index];
            var hash = HashOf((ulong*)(group.Keys + packet));
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
            for (var link = Volatile.Read(ref BucketOf(buckets, hash)); link is not null; link = Volatile.Read(ref link.Next))
            {
                if (link.Hash == hash && link.Matches((ulong*)(group.Keys + packet), _words, _masks))
                {
                    if (link.Rank > group.Ranks[packet])
                    {
                        group.Found(packet, link);
                    }

                    break;
                }
            }
        }
    }

    internal void Link(FlowEntry entry)
    {
        if (_count >= _buckets.Length / 2)
        {
            Grow();
        }

        var link = new EntryLink(entry, HashOf(entry), _words, _masks);
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

    // Two words to a multiplication, and none waits for another.
    // SAFETY: words are below FlowKey.WordCount; masks and secrets are at least as many as words, which are even in number.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong HashOf(ulong* key)
    {
        var words = _words;
        ref var mask = ref MemoryMarshal.GetArrayDataReference(_masks);
        ref var secret = ref MemoryMarshal.GetArrayDataReference(_secrets);
        ulong hash = 0;
        for (var index = 0; index + 1 < words.Length; index += 2)
        {
            var first = (key[words[index]] & Unsafe.Add(ref mask, index)) ^ Unsafe.Add(ref secret, index);
            var second = (key[words[index + 1]] & Unsafe.Add(ref mask, index + 1)) ^ Unsafe.Add(ref secret, index + 1);
            var high = Math.BigMul(first, second, out var low);
            hash ^= high ^ low;
        }

        return hash;
    }

    private ulong HashOf(FlowEntry entry)
    {
        fixed (ulong* key = entry.Pattern.Key)
        {
            return HashOf(key);
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
                var copy = new EntryLink(link.Entry, link.Hash, _words, _masks);
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

    private static ulong[] MakeSecrets()
    {
        var secrets = new ulong[FlowKey.WordCount];
        RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(secrets.AsSpan()));
        return secrets;
    }
}
