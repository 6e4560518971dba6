using Oko.Datapath.Workers;

namespace Oko.Agent.Observability;

/// <summary>Notes how long garbage collections stop the threads of the switch. One per process; <see cref="Pauses"/> may be read by any thread.</summary>
/// <remarks>The runtime keeps the pauses of the last collection only, so each collection has to be looked at: a new object that nobody holds is found
/// by the next one, and its finalizer looks.</remarks>
public sealed class CollectionWatch : IDisposable
{
    private volatile bool _isStopped;
    private long _lastIndex;

    /// <summary>Begins to watch.</summary>
    public CollectionWatch() => _ = new Notice(this);

    /// <summary>The pauses so far.</summary>
    public PauseCounts Pauses { get; } = new();

    /// <summary>Ends the watch with the next collection.</summary>
    public void Dispose() => _isStopped = true;

    private void Look()
    {
        var last = GC.GetGCMemoryInfo(GCKind.Any);
        if (last.Index != _lastIndex)
        {
            _lastIndex = last.Index;
            foreach (var pause in last.PauseDurations)
            {
                Pauses.Note((long)pause.TotalNanoseconds);
            }
        }
    }

    private sealed class Notice(CollectionWatch watch)
    {
        ~Notice()
        {
            if (!watch._isStopped && !Environment.HasShutdownStarted)
            {
                watch.Look();
                _ = new Notice(watch);
            }
        }
    }
}
