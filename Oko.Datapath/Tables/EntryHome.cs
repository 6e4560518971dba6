namespace Oko.Datapath.Tables;

/// <summary>Entries of a table that a lookup finds in one way. One writing thread, any number of reading ones, as <see cref="TupleSpace"/> explains.</summary>
internal abstract unsafe class EntryHome
{
    private readonly Dictionary<ushort, int> _priorities = [];
    private readonly SortedSet<ushort> _present = [];

    /// <summary>Whether no entry is counted.</summary>
    internal bool IsEmpty => _present.Count == 0;

    /// <summary>The highest priority of its entries.</summary>
    internal ushort HighestPriority { get; private set; }

    /// <summary>Worker: the entry of the greatest rank below the bound for one packet, null = none.</summary>
    /// <param name="key">SAFETY: the words of a key.</param>
    /// <param name="bound">Ranks from here up do not count: that of an entry with a filter, or all ones.</param>
    internal abstract EntryNode* Find(ulong* key, ulong bound);

    /// <summary>Worker: finds for all open packets of a group what is of use to them.</summary>
    internal abstract void Find(LookupGroup group);

    /// <summary>Makes lookups find an entry, which was counted before.</summary>
    internal abstract void Link(FlowEntry entry);

    /// <summary>Lookups find an entry no longer; it is still counted.</summary>
    internal abstract void Unlink(FlowEntry entry);

    /// <summary>Counts entries per priority; true if the highest changed or the last entry went.</summary>
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
}
