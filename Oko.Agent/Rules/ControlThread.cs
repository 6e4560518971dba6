using System.Diagnostics;

namespace Oko.Agent.Rules;

/// <summary>
/// The one thread at a time that changes the switch's state: a queue of work items, run one after the other in the order they
/// were handed in, and periodic work between them. Handing in is possible from any thread, and when there is nothing to do, a
/// thread with a short item may stand in (<see cref="RunOrPost"/>).
/// </summary>
/// <remarks>
/// <para>An exception in an item fails the task of that item (<see cref="RunAsync{T}"/>) or is logged
/// (<see cref="Post"/>, periodic work); the thread goes on. The queue has no bound of its own: who feeds it from a
/// socket stops reading at a <see cref="PendingCount"/> of his choice.</para>
/// <para>Producers append to one list under a short lock, the thread takes the whole list at once; so an item costs
/// well under a microsecond, and periodic work is due between two lists, never starved by a busy queue for longer
/// than one list takes.</para>
/// </remarks>
public sealed class ControlThread : IDisposable
{
    private readonly ILogger _log;
    private readonly Thread _thread;
    private readonly object _lock = new();
    private readonly List<Periodic> _periodic = [];
    private List<Action> _incoming = [];
    private List<Action> _running = [];
    private Thread? _owner;
    private bool _isTurnWanted;
    private int _pending;
    private bool _isStopping;
    private bool _isStarted;

    /// <summary>Prepares the thread; it runs from <see cref="Start"/> on, items handed in earlier wait.</summary>
    /// <param name="name">Name of the thread, at most 15 characters show in the kernel's lists.</param>
    /// <param name="log">Takes the exceptions of items nobody waits for.</param>
    public ControlThread(string name, ILogger log)
    {
        _log = log;
        _thread = new Thread(Loop) { Name = name, IsBackground = true };
    }

    /// <summary>Items handed in and not finished.</summary>
    public int PendingCount => Volatile.Read(ref _pending);

    /// <summary>Whether the caller is this thread, or stands in for it (<see cref="RunOrPost"/>).</summary>
    public bool IsCurrent => Volatile.Read(ref _owner) == Thread.CurrentThread;

    /// <summary>Adds work to be done every <paramref name="interval"/>, first after one interval. Before <see cref="Start"/> only.</summary>
    /// <exception cref="InvalidOperationException">The thread has been started.</exception>
    public void AddPeriodic(TimeSpan interval, Action work)
    {
        if (_isStarted)
        {
            throw new InvalidOperationException("Periodic work is added before the control thread starts.");
        }

        _periodic.Add(new Periodic(interval, work));
    }

    /// <summary>Starts the thread.</summary>
    public void Start()
    {
        _isStarted = true;
        var now = Stopwatch.GetTimestamp();
        foreach (var periodic in _periodic)
        {
            periodic.DueAt = now + periodic.IntervalTicks;
        }

        _thread.Start();
    }

    /// <summary>Hands in an item nobody waits for. From the control thread too: it runs after the current item.</summary>
    /// <returns>False when the thread is stopping; the item will not run.</returns>
    public bool Post(Action item)
    {
        lock (_lock)
        {
            if (_isStopping)
            {
                return false;
            }

            _incoming.Add(item);
            Interlocked.Increment(ref _pending);
            if (_incoming.Count == 1)
            {
                Monitor.Pulse(_lock);
            }
        }

        return true;
    }

    /// <summary>
    /// Runs a short item on the calling thread if nothing else runs or waits, else hands it in. For callers whose peer waits for the
    /// outcome: the change of thread costs several times what a flow-mod does.
    /// </summary>
    public void RunOrPost(Action item)
    {
        lock (_lock)
        {
            if (_owner is not null || _isTurnWanted || _incoming.Count != 0 || !_isStarted || _isStopping)
            {
                Post(item);
                return;
            }

            _owner = Thread.CurrentThread;
        }

        RunGuarded(item);
        lock (_lock)
        {
            _owner = null;
            if (_isTurnWanted)
            {
                Monitor.Pulse(_lock);
            }
        }
    }

    /// <summary>Runs a function on the control thread: at once when called from there, else in turn.</summary>
    /// <returns>A task with the result or the exception of the function; cancelled when the thread is stopping.
    /// Its continuations never run on the control thread.</returns>
    public Task<T> RunAsync<T>(Func<T> function)
    {
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (IsCurrent)
        {
            Complete(function, completion);
        }
        else if (!Post(() => Complete(function, completion)))
        {
            completion.SetCanceled();
        }

        return completion.Task;
    }

    /// <inheritdoc cref="RunAsync{T}"/>
    public Task RunAsync(Action action) => RunAsync(() =>
    {
        action();
        return true;
    });

    /// <summary>Throws when the caller is not the control thread; the guard of all state it owns.</summary>
    /// <exception cref="InvalidOperationException">Called from another thread after <see cref="Start"/>.</exception>
    public void VerifyAccess()
    {
        if (!IsCurrent && _isStarted && _thread.IsAlive)
        {
            throw new InvalidOperationException("Rule state belongs to the control thread; use RunAsync or Post.");
        }
    }

    /// <summary>Finishes what has been handed in, then ends the thread. Not from the control thread itself.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _isStopping = true;
            Monitor.Pulse(_lock);
        }

        if (_isStarted && !IsCurrent)
        {
            _thread.Join();
        }
    }

    private static void Complete<T>(Func<T> function, TaskCompletionSource<T> completion)
    {
        try
        {
            completion.SetResult(function());
        }
        catch (Exception exception)
        {
            completion.SetException(exception);
        }
    }

    private void Loop()
    {
        while (TakeItems())
        {
            foreach (var item in _running)
            {
                RunGuarded(item);
                Interlocked.Decrement(ref _pending);
            }

            _running.Clear();
            RunPeriodic();
        }
    }

    /// <summary>Waits for items or for periodic work; false when stopping and nothing is left.</summary>
    private bool TakeItems()
    {
        lock (_lock)
        {
            _owner = null;
            while (_incoming.Count == 0 && !_isStopping)
            {
                var wait = TimeToNextPeriodic();
                if (wait == TimeSpan.Zero)
                {
                    break;
                }

                Monitor.Wait(_lock, wait);
            }

            while (_owner is not null)
            {
                _isTurnWanted = true;
                Monitor.Wait(_lock);
            }

            _isTurnWanted = false;
            if (_isStopping && _incoming.Count == 0)
            {
                return false;
            }

            _owner = _thread;
            (_incoming, _running) = (_running, _incoming);
            return true;
        }
    }

    private TimeSpan TimeToNextPeriodic()
    {
        if (_periodic.Count == 0)
        {
            return Timeout.InfiniteTimeSpan;
        }

        var dueAt = _periodic.Min(periodic => periodic.DueAt);
        var ticks = dueAt - Stopwatch.GetTimestamp();

        // Rounded up to whole milliseconds, which Monitor.Wait counts in: else it would spin through the last one.
        return ticks <= 0 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(ticks * 1000 / Stopwatch.Frequency + 1);
    }

    private void RunPeriodic()
    {
        foreach (var periodic in _periodic)
        {
            var now = Stopwatch.GetTimestamp();
            if (now >= periodic.DueAt)
            {
                periodic.DueAt = now + periodic.IntervalTicks;
                RunGuarded(periodic.Work);
            }
        }
    }

    private void RunGuarded(Action item)
    {
        try
        {
            item();
        }
        catch (Exception exception)
        {
            RuleLog.ControlItemFailed(_log, exception);
        }
    }

    private sealed class Periodic(TimeSpan interval, Action work)
    {
        public readonly long IntervalTicks = (long)(interval.TotalSeconds * Stopwatch.Frequency);
        public readonly Action Work = work;
        public long DueAt;
    }
}
