namespace Oko.Datapath.Tables;

// Entries are objects among many others, a kilobyte apart; their states lie together, so that those of ten thousand entries fit
// the second cache and a few pages. A place is used once: it goes with its block when the collector finds no entry in that any more, which no
// worker can be looking at either. So nothing is ever reused under a reader.

/// <summary>Where the state of an entry lies. Any thread may take one.</summary>
internal readonly unsafe struct EntryPlace
{
    private const int BlockStates = 512, LineBytes = 64;

    private static readonly Lock Taking = new();
    private static EntryState[] _block = [];
    private static EntryState* _next;
    private static int _left;

    // Keeps the memory.
    private readonly EntryState[] _memory;

    private EntryPlace(EntryState[] memory, EntryState* state)
    {
        _memory = memory;
        State = state;
    }

    /// <summary>The state. SAFETY: its block is pinned and lives as long as this value does.</summary>
    internal EntryState* State { get; }

    /// <summary>A new place, all zero.</summary>
    internal static EntryPlace Take()
    {
        lock (Taking)
        {
            if (_left == 0)
            {
                // Room for two more, so that states can begin at a cache line.
                _block = GC.AllocateArray<EntryState>(BlockStates + 2, pinned: true);
                fixed (EntryState* first = _block)
                {
                    _next = (EntryState*)(((nuint)first + LineBytes - 1) & ~(nuint)(LineBytes - 1));
                }

                _left = BlockStates;
            }

            _left--;
            return new EntryPlace(_block, _next++);
        }
    }
}
