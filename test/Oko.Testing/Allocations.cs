namespace Oko.Testing;

/// <summary>Measures what a piece of work allocates when it has run for a while.</summary>
public static class Allocations
{
    private const int Attempts = 5;

    /// <summary>Bytes that the calling thread allocates in one go of the work, the least of a few: the runtime may allocate on any
    /// thread at any time (a method compiled anew, a type loaded late), what the work itself allocates comes every time.</summary>
    public static long Of(Action work)
    {
        work();
        var least = long.MaxValue;
        for (var attempt = 0; attempt < Attempts && least > 0; attempt++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            work();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}
