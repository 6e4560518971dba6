namespace Oko.Datapath.Tables;

/// <summary>Gives entries of a table their places. Control thread.</summary>
/// <param name="workers">How many workers.</param>
internal sealed unsafe class EntryBlocks(int workers)
{
    private const int LineBytes = 64;

    private EntryState[] _block = [];
    private EntryState* _next;
    private int _left;

    /// <summary>A new place, all zero.</summary>
    internal EntryPlace Take()
    {
        if (_left == 0)
        {
            // Room for two more, so that states can begin at a cache line.
            _block = GC.AllocateArray<EntryState>((EntryPlace.BlockPlaces * workers) + 2, pinned: true);
            fixed (EntryState* first = _block)
            {
                // SAFETY: the block is pinned, and each place keeps it.
                _next = (EntryState*)(((nuint)first + LineBytes - 1) & ~(nuint)(LineBytes - 1));
            }

            _left = EntryPlace.BlockPlaces;
        }

        _left--;
        return new EntryPlace(_block, _next++, workers);
    }
}
