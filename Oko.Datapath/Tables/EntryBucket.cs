using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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

    /// <summary>The tag of a hash, as <see cref="Candidates"/> wants it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<byte> Sought(ulong hash) => Vector128.Create(TagOf(hash));

    /// <summary>Places with a tag, as bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint Candidates(EntryBucket* bucket, Vector128<byte> sought) =>
        Vector128.Equals(Vector128.CreateScalar(Volatile.Read(ref bucket->_tags)).AsByte(), sought).ExtractMostSignificantBits();

    /// <summary>Places that name a node, as bits.</summary>
    internal static uint Taken(EntryBucket* bucket) => Vector128.CreateScalar(Volatile.Read(ref bucket->_tags)).AsByte().ExtractMostSignificantBits();

    /// <summary>The node of the first of some places.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static EntryNode* First(EntryBucket* bucket, uint places) => (EntryNode*)bucket->_nodes[BitOperations.TrailingZeroCount(places)];

    /// <summary>Control thread: names a node in a free place; false when there is none.</summary>
    internal static bool TryAdd(EntryBucket* bucket, ulong hash, EntryNode* node)
    {
        for (var place = 0; place < Places; place++)
        {
            if ((bucket->_tags >> (place * 8) & 0xFF) == 0)
            {
                Volatile.Write(ref bucket->_nodes[place], (ulong)node);
                Volatile.Write(ref bucket->_tags, bucket->_tags | ((ulong)TagOf(hash) << (place * 8)));
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

    private static byte TagOf(ulong hash) => (byte)((hash >> 56) | 0x80);
}
