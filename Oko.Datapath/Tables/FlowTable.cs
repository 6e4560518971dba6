using Oko.Datapath.Packet;

namespace Oko.Datapath.Tables;

/// <summary>What a table has seen. Source: OpenFlow 1.3.5, 7.3.5.4 "Table Statistics".</summary>
/// <param name="ActiveCount">Number of entries.</param>
/// <param name="LookupCount">Packets looked up.</param>
/// <param name="MatchedCount">Packets that hit an entry.</param>
public readonly record struct TableStatistics(uint ActiveCount, ulong LookupCount, ulong MatchedCount);

/// <summary>One flow table: entries are added and removed by the control thread, looked up by the workers.</summary>
/// <param name="workers">How many workers.</param>
internal sealed class FlowTable(int workers = 1)
{
    private const int SequenceBits = 47, CellWords = 64 / sizeof(long);

    private readonly TupleSpace _entries = new();
    private readonly EntryBlocks _states = new(workers);

    // For each worker lookups and matches, in a cache line of its own.
    private readonly long[] _counters = new long[(workers + 1) * CellWords];
    private ulong _sequence;
    private int _count;

    internal TableStatistics Statistics =>
        new((uint)_count, Sum(0), Sum(1));

    /// <summary>Hashes that a lookup may have to ask.</summary>
    internal int TupleCount => _entries.TupleCount;

    internal void Add(FlowEntry entry)
    {
        // 47 bits of sequence last for four years of a million flow-mods per second.
        var age = ((1UL << SequenceBits) - 1) - _sequence++;
        entry.Prepare(_states, ((ulong)entry.Priority << 48) | (entry.Filter is null ? 0 : 1UL << SequenceBits) | age);
        _entries.Add(entry);
        _count++;
    }

    internal void Remove(FlowEntry entry)
    {
        _entries.Remove(entry);
        _count--;
    }

    /// <summary>Worker: counts a lookup.</summary>
    internal void CountLookup(int worker) => _counters[(worker + 1) * CellWords]++;

    /// <summary>Worker: counts a hit.</summary>
    internal void CountMatch(int worker) => _counters[((worker + 1) * CellWords) + 1]++;

    internal EntryLink? Lookup(ref FlowKey key, ulong bound) => _entries.Lookup(ref key, bound);

    /// <inheritdoc cref="TupleSpace.Lookup(LookupGroup, uint)"/>
    internal void Lookup(LookupGroup group, uint packets) => _entries.Lookup(group, packets);

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
