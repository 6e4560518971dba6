using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Oko.Datapath.Interop;

namespace Oko.Datapath.Tables;

/// <summary>The buckets of a tuple, as many as they are: a tuple that grows gets others. Written by the control thread, read by the workers.</summary>
internal sealed unsafe class EntryBuckets
{
    private const int MostPerTwoBuckets = 7;
    private const int AddedTogether = 32;
    private const int FewBehind = 16;
    private const nuint LargeBytes = 256 << 10;

    // The memory of the buckets and of those behind them, which it frees.
    private readonly List<(nint Address, nuint Length)> _memory = [];
    private readonly EntryBucket* _first;
    private readonly ulong _mask;
    private EntryBucket* _spare;
    private int _spares;

    /// <param name="count">How many buckets, a power of two.</param>
    internal EntryBuckets(int count)
    {
        Count = count;
        _mask = (ulong)count - 1;
        _first = Allocate(count);
    }

    /// <summary>Frees the memory, when nobody refers to it.</summary>
    ~EntryBuckets()
    {
        foreach (var (address, length) in _memory)
        {
            if (length >= LargeBytes)
            {
                Mman.Free((void*)address, length);
                GC.RemoveMemoryPressure((long)length);
            }
            else
            {
                NativeMemory.AlignedFree((void*)address);
            }
        }
    }

    /// <summary>Number of buckets, those behind others not counted.</summary>
    internal int Count { get; }

    /// <summary>Whether there is one bucket alone, with none behind it: four entries at most, which are compared without a hash.</summary>
    internal bool IsList => Count == 1;

    /// <summary>Number of buckets behind others. They stay when their entries go, since a worker may be looking at them.</summary>
    internal int CountBehind { get; private set; }

    /// <summary>Whether they have as many entries as they should, so that few buckets need another one behind them.</summary>
    /// <param name="entries">Number of entries.</param>
    internal bool IsFull(int entries) => entries * 2L >= (long)Count * MostPerTwoBuckets;

    /// <summary>Whether so many buckets stand behind others, and so few entries are left, that lookups would gain by new buckets.</summary>
    /// <param name="entries">Number of entries.</param>
    internal bool IsSparse(int entries) => CountBehind > FewBehind && entries < CountBehind * EntryBucket.Places / 2;

    /// <summary>The bucket of a hash. SAFETY: the caller keeps this object as long as it looks at buckets (<see cref="GC.KeepAlive"/>).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal EntryBucket* Of(ulong hash) => _first + (hash & _mask);

    /// <summary>Control thread: names a node.</summary>
    internal void Add(ulong hash, EntryNode* node)
    {
        var bucket = Of(hash);
        while (!EntryBucket.TryAdd(bucket, hash, node))
        {
            var next = EntryBucket.Next(bucket);
            if (next is null)
            {
                next = TakeSpare();
                EntryBucket.TryAdd(next, hash, node);
                EntryBucket.Append(bucket, next);
                return;
            }

            bucket = next;
        }
    }

    /// <summary>Control thread: names a node, which was added with the hash, no longer.</summary>
    internal void Remove(ulong hash, EntryNode* node)
    {
        var bucket = Of(hash);
        while (!EntryBucket.TryRemove(bucket, node))
        {
            bucket = EntryBucket.Next(bucket);
        }
    }

    /// <summary>Control thread: the nodes of all entries, in no order.</summary>
    internal List<nint> Nodes()
    {
        var nodes = new List<nint>();
        for (var index = 0; index < Count; index++)
        {
            for (var bucket = _first + index; bucket is not null; bucket = EntryBucket.Next(bucket))
            {
                EntryBucket.AddTo(nodes, bucket);
            }
        }

        return nodes;
    }

    private EntryBucket* TakeSpare()
    {
        if (_spares == 0)
        {
            _spare = Allocate(AddedTogether);
            _spares = AddedTogether;
        }

        _spares--;
        CountBehind++;
        return _spare++;
    }

    private EntryBucket* Allocate(int count)
    {
        var length = (nuint)count * EntryBucket.Size;
        // SAFETY: both are as long as that many buckets, begin at a cache line and are freed by the finalizer alone.
        void* memory;
        if (length >= LargeBytes)
        {
            memory = Mman.Allocate(length);

            // Else a table that is filled and emptied again and again would pile them up, unnoticed by the collector.
            GC.AddMemoryPressure((long)length);
        }
        else
        {
            memory = NativeMemory.AlignedAlloc(length, EntryBucket.Size);
            NativeMemory.Clear(memory, length);
        }

        _memory.Add(((nint)memory, length));
        return (EntryBucket*)memory;
    }
}
