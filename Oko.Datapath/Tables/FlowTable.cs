using Oko.Datapath.Packet;
using Oko.Datapath.Workers;

namespace Oko.Datapath.Tables;

/// <summary>What a table has seen. Source: OpenFlow 1.3.5, 7.3.5.4 "Table Statistics".</summary>
/// <param name="ActiveCount">Number of entries.</param>
/// <param name="LookupCount">Packets looked up.</param>
/// <param name="MatchedCount">Packets that hit an entry.</param>
public readonly record struct TableStatistics(uint ActiveCount, ulong LookupCount, ulong MatchedCount);

/// <summary>One flow table: entries are added and removed by the control thread, looked up by the workers.</summary>
/// <param name="workers">How many workers.</param>
/// <param name="memory">Where its entries lie.</param>
internal sealed unsafe class FlowTable(int workers, EntryMemory memory)
{
    private const int SequenceBits = 47, CellWords = 64 / sizeof(long), Misses = 0, Matches = 1;

    private readonly TupleSpace _entries = new(memory);

    // For each worker misses and matches, in a cache line of its own.
    private readonly long[] _counters = new long[(workers + 1) * CellWords];
    private ulong _sequence;
    private int _count;

    /// <summary>A table for one reader, which has no rounds: what it found counts until the table is changed.</summary>
    internal FlowTable()
        : this(1, new EntryMemory(1, new WorkerRounds(1)))
    {
    }

    /// <summary>Where its entries lie.</summary>
    internal EntryMemory Memory => memory;

    internal TableStatistics Statistics =>
        new((uint)_count, Sum(Misses) + Sum(Matches), Sum(Matches));

    /// <summary>Hashes and tries that a lookup may have to ask.</summary>
    internal int HomeCount => _entries.HomeCount;

    internal void Add(FlowEntry entry)
    {
        // 47 bits of sequence last for four years of a million flow-mods per second.
        var age = ((1UL << SequenceBits) - 1) - _sequence++;
        entry.Enter(memory, ((ulong)entry.Priority << 48) | (entry.Filter is null ? 0 : 1UL << SequenceBits) | age);
        _entries.Add(entry);
        _count++;
    }

    internal void Remove(FlowEntry entry)
    {
        _entries.Remove(entry);
        memory.Retire(entry.Node);
        _count--;
    }

    /// <summary>Worker: counts a lookup without a match.</summary>
    internal void CountMiss(int worker) => _counters[((worker + 1) * CellWords) + Misses]++;

    /// <summary>Worker: counts lookups with a match.</summary>
    internal void CountMatches(int worker, int count) => _counters[((worker + 1) * CellWords) + Matches] += count;

    /// <inheritdoc cref="TupleSpace.Lookup(ref FlowKey, ulong)"/>
    internal EntryNode* Lookup(ref FlowKey key, ulong bound) => _entries.Lookup(ref key, bound);

    /// <summary>The entry that a lookup finds, for those who want it and not its node. SAFETY: nothing ends the round, or changes the table if the
    /// caller has no rounds, between the two.</summary>
    internal FlowEntry? Find(ref FlowKey key, ulong bound = ulong.MaxValue)
    {
        var node = Lookup(ref key, bound);
        return node is null ? null : memory.EntryOf(node);
    }

    /// <inheritdoc cref="TupleSpace.Lookup(LookupGroup, uint, bool)"/>
    internal void Lookup(LookupGroup group, uint packets, bool seeksFollowing) => _entries.Lookup(group, packets, seeksFollowing);

    private ulong Sum(int word)
    {
        long sum = 0;
        for (var worker = 1; worker <= workers; worker++)
        {
            sum += Volatile.Read(ref _counters[(worker * CellWords) + word]);
        }

        return (ulong)sum;
    }
}
