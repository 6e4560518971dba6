using Oko.Datapath.Pipeline;

namespace Oko.Datapath.Tables;

/// <summary>
/// A flow entry as the worker sees it. What identifies it never changes; instructions are replaced with one reference store;
/// counters are written by the worker and read by the control thread.
/// </summary>
public sealed unsafe class FlowEntry
{
    private EntryPlace _place;
    private InstructionSet _instructions = InstructionSet.Empty;
    private long _packetsBase, _bytesBase;

    /// <summary>Table the entry stands in.</summary>
    public byte TableId { get; init; }

    /// <summary>0 to 65535; the higher wins.</summary>
    public ushort Priority { get; init; }

    /// <summary>The header part of the match.</summary>
    public FlowPattern Pattern { get; init; } = FlowPattern.CatchAll;

    /// <summary>The filter that must match as well, or null.</summary>
    public FilterSlot? Filter { get; init; }

    /// <summary>What happens to matching packets.</summary>
    public InstructionSet Instructions
    {
        get => Volatile.Read(ref _instructions);
        init
        {
            _instructions = value;
            Program = EntryProgram.Of(value);
        }
    }

    /// <summary>Controller's cookie.</summary>
    public ulong Cookie { get; set; }

    /// <summary>Seconds without a packet after which the entry expires; 0 = never.</summary>
    public ushort IdleTimeoutSeconds { get; init; }

    /// <summary>Seconds after which the entry expires; 0 = never.</summary>
    public ushort HardTimeoutSeconds { get; init; }

    /// <summary>OFPFF flags.</summary>
    public ushort Flags { get; init; }

    /// <summary>When it was added, on the datapath's clock.</summary>
    public long CreatedNanoseconds { get; init; }

    /// <summary>Whatever its owner wants to keep with it.</summary>
    public object? Tag { get; init; }

    /// <summary>Packets since the entry was made or its counters were reset.</summary>
    public ulong PacketCount => (ulong)(_place.Packets - _packetsBase);

    /// <summary>Bytes since the entry was made or its counters were reset.</summary>
    public ulong ByteCount => (ulong)(_place.Bytes - _bytesBase);

    /// <summary>When a packet matched last; the time of creation before the first one.</summary>
    public long LastUsedNanoseconds => Math.Max(_place.LastUsed, CreatedNanoseconds);

    /// <summary>
    /// Order of lookup, unique in its table: priority, then entries with a filter, then the older.
    /// </summary>
    internal ulong Rank { get; set; }

    /// <summary>The tuple the entry stands in; the control thread's.</summary>
    internal MaskTuple? Home { get; set; }

    /// <summary>Where its tuple keeps it, null while it stands in none; the control thread's.</summary>
    internal EntryLink? Link { get; set; }

    /// <summary>The instructions as the worker executes them, which finds them in the link; the control thread's.</summary>
    internal EntryProgram Program { get; private set; } = EntryProgram.Empty;

    /// <summary>Whether the entry is the table-miss entry. Source: OpenFlow 1.3.5, 5.4 "Table-miss".</summary>
    internal bool IsTableMiss { get; private set; }

    /// <summary>What every match by worker 0 touches; the others' states follow. SAFETY: valid as long as the entry, once it was added to a table.</summary>
    internal EntryState* State => _place.State;

    /// <summary>Control thread: replaces what happens to matching packets, from the next packet on.</summary>
    public void SetInstructions(InstructionSet instructions)
    {
        // A packet meanwhile is treated by the old program or the new, or goes to the old port or the new: each alone is right.
        Volatile.Write(ref _instructions, instructions);
        Program = EntryProgram.Of(instructions);
        if (Link is { } link)
        {
            link.Program = Program;
        }

        _place.Tell(instructions.OnlyOutput, Filter is not null);
    }

    /// <summary>Control thread: counts from 0 again. What the worker adds meanwhile is counted.</summary>
    public void ResetCounters()
    {
        _packetsBase = _place.Packets;
        _bytesBase = _place.Bytes;
    }

    /// <summary>Control thread: sets the counters to what they were once.</summary>
    public void SetCounters(ulong packets, ulong bytes)
    {
        _packetsBase = _place.Packets - (long)packets;
        _bytesBase = _place.Bytes - (long)bytes;
    }

    internal void Prepare(EntryBlocks blocks, ulong rank)
    {
        if (State is null)
        {
            _place = blocks.Take();
        }

        Rank = rank;
        IsTableMiss = Priority == 0 && Filter is null && Pattern.IsCatchAll;
        _place.Tell(_instructions.OnlyOutput, Filter is not null);
    }
}
