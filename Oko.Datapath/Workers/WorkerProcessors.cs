using System.Collections.Immutable;
using System.Globalization;
using Oko.Datapath.Interop;

namespace Oko.Datapath.Workers;

/// <summary>Keeps the processors of the workers to them.</summary>
public static class WorkerProcessors
{
    private const string Threads = "/proc/self/task";

    /// <summary>
    /// Moves all threads of this process away from the processors that workers are pinned to; threads that those start stay away too, and a
    /// worker goes back by pinning itself. Whatever the niceness, the kernel gives another thread a whole tick of some milliseconds
    /// once it lets it run, and that is more packets than a small ring holds.
    /// </summary>
    /// <param name="cpus">Processors of workers. When there are no others, nothing is moved.</param>
    public static void Reserve(ImmutableArray<int> cpus)
    {
        if (cpus.IsEmpty || !Sched.GetAffinity(0).Except(cpus).Any())
        {
            return;
        }

        // Again until none is new: a thread may be started by one that has not been moved yet.
        var moved = new HashSet<int>();
        while (ListThreads().Where(moved.Add).ToList() is { Count: > 0 } others)
        {
            foreach (var thread in others)
            {
                // One that has ended since is none the worse.
                _ = Sched.SetAffinity(thread, Sched.GetAffinity(thread).Except(cpus));
            }
        }
    }

    private static IEnumerable<int> ListThreads() =>
        Directory.EnumerateDirectories(Threads).Select(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture));
}
