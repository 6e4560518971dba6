using System.Numerics;
using System.Runtime.CompilerServices;

namespace Oko.Datapath.Tables;

/// <summary>A cache line that names up to six entries, with a byte of the hash of each, and more buckets behind it. Written by the control thread, read by
/// the workers. SAFETY: where a bucket is given by address, it is one of <see cref="EntryBuckets"/> that the caller keeps.</summary>
/// <remarks>A place is taken by its address first, then by its tag, and left by its tag alone. So who sees a tag sees an address of a node: of the one
/// that the tag was written for, or of one that came to the place later, which a comparison of keys tells.</remarks>
internal unsafe struct EntryBucket
{
    /// <summary>Bytes of a bucket.</summary>
    internal const int Size = 64;

    /// <summary>Places of a bucket.</summary>
    internal const int Places = 6;

    // The tag of a place is never 0; the two highest bytes are.
    private ulong _tags;
    private fixed ulong _nodes[Places];
    private EntryBucket* _next;

    /// <summary>The bucket that goes on, null = none.</summary>
    internal static EntryBucket* Next(EntryBucket* bucket) => (EntryBucket*)Volatile.Read(ref *(nint*)&bucket->_next);

    /// <summary>Places whose tag is that of a hash, as the highest bit of their byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Candidates(EntryBucket* bucket, ulong hash)
    {
        const ulong ones = 0x0101_0101_0101_0101, highest = ones << 7;
        // A byte that becomes 0 is equal. Subtracting borrows from the byte above one that is 0, so that a 1 there is taken for a 0: another entry,
        // which comparing keys tells, but never an empty place, which gives 0x80 or more.
        var difference = Volatile.Read(ref bucket->_tags) ^ (TagOf(hash) * ones);
        return (difference - ones) & ~difference & highest;
    }

    /// <summary>The node of the first of some candidates.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static EntryNode* First(EntryBucket* bucket, ulong candidates) =>
        (EntryNode*)bucket->_nodes[BitOperations.TrailingZeroCount(candidates) / 8];

    /// <summary>Control thread: names a node in a free place; false when there is none.</summary>
    internal static bool TryAdd(EntryBucket* bucket, ulong hash, EntryNode* node)
    {
        for (var place = 0; place < Places; place++)
        {
            if ((bucket->_tags >> (place * 8) & 0xFF) == 0)
            {
                Volatile.Write(ref bucket->_nodes[place], (ulong)node);
                Volatile.Write(ref bucket->_tags, bucket->_tags | (TagOf(hash) << (place * 8)));
                return true;
            }
        }

        return false;
    }

    /// <summary>Control thread: names a node no longer; false when it was not named here.</summary>
    internal static bool TryRemove(EntryBucket* bucket, EntryNode* node)
    {
        for (var place = 0; place < Places; place++)
        {
            var tag = 0xFFUL << (place * 8);
            if ((bucket->_tags & tag) != 0 && bucket->_nodes[place] == (ulong)node)
            {
                Volatile.Write(ref bucket->_tags, bucket->_tags & ~tag);
                return true;
            }
        }

        return false;
    }

    /// <summary>Control thread: adds the addresses of the nodes that are named to a list.</summary>
    internal static void AddTo(List<nint> nodes, EntryBucket* bucket)
    {
        for (var place = 0; place < Places; place++)
        {
            if ((bucket->_tags >> (place * 8) & 0xFF) != 0)
            {
                nodes.Add((nint)bucket->_nodes[place]);
            }
        }
    }

    /// <summary>Control thread: puts a bucket behind this one, complete already.</summary>
    internal static void Append(EntryBucket* bucket, EntryBucket* next) => Volatile.Write(ref *(nint*)&bucket->_next, (nint)next);

    private static ulong TagOf(ulong hash) => (hash >> 56) | 0x80;
}
