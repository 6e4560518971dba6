namespace Oko.Datapath.Workers;

/// <summary>Where each worker is in its rounds: by this a control thread knows that no worker can still look at what was taken out of reach
/// before. Each worker writes its own number, any thread reads.</summary>
/// <param name="workers">How many workers.</param>
/// <remarks>A number is odd inside a round and even outside, so that nobody has to wait for a worker that sleeps.</remarks>
internal sealed class WorkerRounds(int workers)
{
    private const int CellWords = 64 / sizeof(long);

    // A cache line for each worker, and one in front.
    private readonly long[] _rounds = new long[(workers + 1) * CellWords];

    /// <summary>Worker: begins a round, with a full fence, so that it sees all that was published before.</summary>
    internal void Begin(int worker) => Interlocked.Increment(ref Of(worker));

    /// <summary>Worker: ends it.</summary>
    internal void End(int worker)
    {
        ref var round = ref Of(worker);
        Volatile.Write(ref round, round + 1);
    }

    /// <summary>The rounds in which workers are now, for <see cref="HavePassed"/>.</summary>
    internal long[] Mark()
    {
        // What was published or taken out of reach before is so for every worker that is found outside a round.
        Interlocked.MemoryBarrier();
        var mark = new long[workers];
        for (var worker = 0; worker < workers; worker++)
        {
            mark[worker] = Volatile.Read(ref Of(worker));
        }

        return mark;
    }

    /// <summary>Whether all workers have ended the rounds of a mark.</summary>
    internal bool HavePassed(long[] mark)
    {
        for (var worker = 0; worker < workers; worker++)
        {
            if (!HasPassed(worker, mark[worker]))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Waits until a worker has ended the round it is in.</summary>
    internal void WaitFor(int worker)
    {
        Interlocked.MemoryBarrier();
        var round = Volatile.Read(ref Of(worker));
        var spin = new SpinWait();
        while (!HasPassed(worker, round))
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    private bool HasPassed(int worker, long round) => (round & 1) == 0 || Volatile.Read(ref Of(worker)) != round;

    private ref long Of(int worker) => ref _rounds[(worker + 1) * CellWords];
}
