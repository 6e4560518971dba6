using Oko.Bpf.Maps;

namespace Oko.Datapath.Workers;

/// <summary>Packets and bytes of something that all workers count: each has a cell, in a cache line of its own. Any thread may read the sums.</summary>
internal readonly struct WorkerCounters
{
    private const int CellWords = 64 / sizeof(long);

    private readonly long[] _cells = new long[(BpfMap.Workers + 1) * CellWords];

    /// <summary>Makes cells for as many workers as the process has (<see cref="BpfMap.Workers"/>).</summary>
    public WorkerCounters()
    {
    }

    internal ulong Packets => Sum(0);

    internal ulong Bytes => Sum(1);

    /// <summary>Worker: a packet.</summary>
    internal void Count(int worker, int bytes)
    {
        // Behind one cell of room, for an array's length lies in front of its first element.
        var cell = (worker + 1) * CellWords;
        _cells[cell]++;
        _cells[cell + 1] += bytes;
    }

    private ulong Sum(int word)
    {
        long sum = 0;
        for (var cell = CellWords; cell < _cells.Length; cell += CellWords)
        {
            sum += Volatile.Read(ref _cells[cell + word]);
        }

        return (ulong)sum;
    }
}
