using Oko.Datapath.Pipeline;

namespace Oko.Datapath.Tables;

/// <summary>
/// A flow entry as the worker sees it. What identifies it never changes; instructions are replaced with one reference store;
/// counters are written by the worker and read by the control thread. Its owner may keep more with it, by deriving from it.
/// </summary>
public unsafe class FlowEntry
{
    private EntryMemory? _memory;
    private EntryNode* _node;
    private readonly FlowPattern _pattern;
    private InstructionSet _instructions = InstructionSet.Empty;

    // Beside what the node counts: what was counted in nodes before, less what was counted before a reset.
    private EntryCounters _before;

    /// <summary>Table the entry stands in.</summary>
    public byte TableId { get; init; }

    /// <summary>0 to 65535; the higher wins.</summary>
    public ushort Priority { get; init; }

    /// <summary>The header part of the match.</summary>
    public FlowPattern Pattern
    {
        get => _pattern;
        init => _pattern = value;
    }

    /// <summary>The filter that must match as well, or null.</summary>
    public FilterSlot? Filter { get; init; }

    /// <summary>What happens to matching packets.</summary>
    public InstructionSet Instructions
    {
        get => Volatile.Read(ref _instructions);
        init => _instructions = value;
    }

    /// <summary>Controller's cookie.</summary>
    public ulong Cookie { get; set; }

    /// <summary>When it was added, or last replaced by one that is the same, on the datapath's clock.</summary>
    public long CreatedNanoseconds { get; set; }

    /// <summary>Packets since the entry was made or its counters were reset.</summary>
    public ulong PacketCount => (ulong)(_before.Packets + InNode().Packets);

    /// <summary>Bytes since the entry was made or its counters were reset.</summary>
    public ulong ByteCount => (ulong)(_before.Bytes + InNode().Bytes);

    /// <summary>When a packet matched last; the time of creation before the first one.</summary>
    public long LastUsedNanoseconds => Math.Max(Math.Max(_before.LastUsed, InNode().LastUsed), CreatedNanoseconds);

    /// <summary>
    /// Order of lookup, unique in its table: priority, then entries with a filter, then the older.
    /// </summary>
    internal ulong Rank { get; set; }

    /// <summary>The hash or trie the entry stands in; the control thread's.</summary>
    internal EntryHome? Home { get; set; }

    /// <summary>Whether the entry is the table-miss entry. Source: OpenFlow 1.3.5, 5.4 "Table-miss".</summary>
    internal bool IsTableMiss { get; private set; }

    /// <summary>The entry as lookups see it, null before it was added to a table; the control thread's.</summary>
    internal EntryNode* Node => _node;

    /// <summary>Control thread: replaces what happens to matching packets, from the next packet on.</summary>
    public void SetInstructions(InstructionSet instructions)
    {
        Volatile.Write(ref _instructions, instructions);
        _memory?.SetInstructions(_node, instructions);
    }

    /// <summary>Control thread: counts from 0 again. What the worker adds meanwhile is counted.</summary>
    public void ResetCounters() => SetCounters(0, 0);

    /// <summary>Control thread: sets the counters to what they were once.</summary>
    public void SetCounters(ulong packets, ulong bytes)
    {
        var counted = InNode();
        (_before.Packets, _before.Bytes) = ((long)packets - counted.Packets, (long)bytes - counted.Bytes);
    }

    /// <summary>Control thread: gives the entry a node, complete but for a table that names it.</summary>
    internal void Enter(EntryMemory memory, ulong rank)
    {
        // An entry that was removed and comes again has a node that waits for its next use.
        Settle();
        Rank = rank;
        IsTableMiss = Priority == 0 && Filter is null && _pattern.IsCatchAll;
        var node = memory.Take(this);
        node->Rank = rank;
        node->HasFilter = Filter is not null;
        node->SetKey(_pattern.Mask.Form, _pattern.Key);
        memory.SetInstructions(node, _instructions);
        _memory = memory;
        _node = node;
    }

    /// <summary>Control thread: the node will be another entry's.</summary>
    internal void Leave(EntryNode* node)
    {
        if (node == _node)
        {
            Settle();
        }
    }

    private void Settle()
    {
        var counted = InNode();
        _before.Packets += counted.Packets;
        _before.Bytes += counted.Bytes;
        _before.LastUsed = Math.Max(_before.LastUsed, counted.LastUsed);
        _memory = null;
        _node = null;
    }

    private EntryCounters InNode()
    {
        // SAFETY: the memory has the node as long as the entry refers to it, and is not freed before this has returned.
        var counted = _memory?.Sum(_node) ?? default;
        GC.KeepAlive(this);
        return counted;
    }
}
