namespace Oko.Datapath.Tables;

// Entries are objects among many others, a kilobyte apart; their states lie together, so that those of ten thousand entries fit
// the second cache and a few pages. Each worker has a state of each entry, the same distance behind the first one's, for it counts without
// asking the others. A place is used once: it goes with its block when the collector finds no entry in that any more, which no
// worker can be looking at either. So nothing is ever reused under a reader.

/// <summary>Where the states of an entry lie, one for each worker.</summary>
internal readonly unsafe struct EntryPlace
{
    /// <summary>Places of a block.</summary>
    internal const int BlockPlaces = 512;

    private readonly int _workers;

    // Keeps the memory.
    private readonly EntryState[] _memory;

    internal EntryPlace(EntryState[] memory, EntryState* state, int workers)
    {
        _memory = memory;
        _workers = workers;
        State = state;
    }

    /// <summary>The state of worker 0, or null: there is no place. SAFETY: its block is pinned and lives as long as this value does.</summary>
    internal EntryState* State { get; }

    /// <summary>Packets that all workers counted.</summary>
    internal long Packets
    {
        get
        {
            long sum = 0;
            for (var worker = 0; worker < _workers; worker++)
            {
                sum += Volatile.Read(ref Of(worker)->Packets);
            }

            return sum;
        }
    }

    /// <summary>Bytes that all workers counted.</summary>
    internal long Bytes
    {
        get
        {
            long sum = 0;
            for (var worker = 0; worker < _workers; worker++)
            {
                sum += Volatile.Read(ref Of(worker)->Bytes);
            }

            return sum;
        }
    }

    /// <summary>When a packet matched last.</summary>
    internal long LastUsed
    {
        get
        {
            long last = 0;
            for (var worker = 0; worker < _workers; worker++)
            {
                last = Math.Max(last, Volatile.Read(ref Of(worker)->LastUsed));
            }

            return last;
        }
    }

    /// <summary>Bytes from the state of worker 0 to that of another one.</summary>
    internal static nint OffsetOf(int worker) => worker * BlockPlaces * sizeof(EntryState);

    /// <summary>Control thread: what workers must know to forward a packet.</summary>
    internal void Tell(uint onlyOutput, bool hasFilter)
    {
        for (var worker = 0; worker < _workers; worker++)
        {
            Of(worker)->HasFilter = hasFilter;
            Volatile.Write(ref Of(worker)->OnlyOutput, onlyOutput);
        }
    }

    // SAFETY: the block has a state for each worker.
    private EntryState* Of(int worker) => (EntryState*)((byte*)State + OffsetOf(worker));
}
