using System.Collections.Concurrent;
using DotNetty.Common;
using DotNetty.Common.Concurrency;
using DotNetty.Transport.Channels;

namespace Oko.OpenFlow.Channel;

// A request and its reply cost least when the thread that learns of the request writes the reply, too. With an event loop that is
// a thread of its own each message changes threads on its way in and again on its way out, which takes several times what a
// flow-mod does. So here the loop is a turn that threads take: who has a task runs it at once when nobody else is at it, else leaves
// it to the one who is. Tasks still run one at a time and in order, which is all that channels rely on.

/// <summary>
/// An event loop without a thread of its own: tasks run one at a time, in order, on the threads that bring them. Any thread.
/// </summary>
internal sealed class TurnEventLoop : AbstractScheduledEventExecutor, IEventLoop, IDisposable
{
    // A thread that came to send one message must not serve all sockets for as long as there is something to do.
    private const int TasksPerTurn = 64;

    private readonly ConcurrentQueue<IRunnable> _tasks = new();
    private readonly Timer _timer;
    private Thread? _runner;
    private int _pending;
    private PreciseTimeSpan _timerDue = PreciseTimeSpan.MinusOne;
    private volatile bool _isShutdown;

    public TurnEventLoop() => _timer = new Timer(_ => Execute(RunDueTasks));

    /// <inheritdoc/>
    public override bool IsShuttingDown => _isShutdown;

    /// <inheritdoc/>
    public override bool IsShutdown => _isShutdown;

    /// <inheritdoc/>
    public override bool IsTerminated => _isShutdown;

    /// <inheritdoc/>
    public override Task TerminationCompletion => Task.CompletedTask;

    /// <inheritdoc/>
    public new IEventLoopGroup Parent => this;

    /// <inheritdoc/>
    public new IEnumerable<IEventLoop> Items => [this];

    /// <inheritdoc/>
    public new IEventLoop GetNext() => this;

    /// <inheritdoc/>
    public Task RegisterAsync(IChannel channel) => channel.Unsafe.RegisterAsync(this);

    /// <inheritdoc/>
    public override bool IsInEventLoop(Thread thread) => Volatile.Read(ref _runner) == thread;

    /// <summary>Runs a task before it returns, or leaves it to the thread whose turn it is.</summary>
    public override void Execute(IRunnable task)
    {
        _tasks.Enqueue(task);
        if (Interlocked.Increment(ref _pending) == 1)
        {
            TakeTurn();
        }
    }

    /// <inheritdoc/>
    public override Task ShutdownGracefullyAsync(TimeSpan quietPeriod, TimeSpan timeout)
    {
        // Nothing to wait for: whoever runs a task has to finish it anyway.
        _isShutdown = true;
        Execute(CancelScheduledTasks);
        return Task.CompletedTask;
    }

    public void Dispose() => _timer.Dispose();

    /// <inheritdoc/>
    protected override IEnumerable<IEventExecutor> GetItems() => Items;

    private void TakeTurn()
    {
        Volatile.Write(ref _runner, Thread.CurrentThread);
        for (var budget = TasksPerTurn; ; budget--)
        {
            if (budget == 0)
            {
                Volatile.Write(ref _runner, null);
                ThreadPool.UnsafeQueueUserWorkItem(static loop => loop.TakeTurn(), this, preferLocal: false);
                return;
            }

            // What is counted has been put into the queue before.
            _tasks.TryDequeue(out var task);
            SafeExecute(task);
            if (Volatile.Read(ref _pending) == 1)
            {
                SetTimer();
                Volatile.Write(ref _runner, null);
                if (Interlocked.Decrement(ref _pending) == 0)
                {
                    return;
                }

                Volatile.Write(ref _runner, Thread.CurrentThread);
            }
            else
            {
                Interlocked.Decrement(ref _pending);
            }
        }
    }

    private void RunDueTasks()
    {
        _timerDue = PreciseTimeSpan.MinusOne;
        var now = GetNanos();
        while (PollScheduledTask(now) is { } task)
        {
            SafeExecute(task);
        }
    }

    private void SetTimer()
    {
        var due = NextScheduledTaskNanos();
        if (due == _timerDue || _isShutdown)
        {
            return;
        }

        _timerDue = due;
        var wait = (due - GetNanos()).ToTimeSpan();

        // Rounded up to whole milliseconds, which timers count in: else it would fire early and spin.
        _timer.Change(due == PreciseTimeSpan.MinusOne ? Timeout.Infinite : Math.Max(0, (long)Math.Ceiling(wait.TotalMilliseconds)), Timeout.Infinite);
    }
}
