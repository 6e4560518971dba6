using DotNetty.Common.Concurrency;
using Oko.OpenFlow.Channel;
using TaskCompletionSource = System.Threading.Tasks.TaskCompletionSource;

namespace Oko.OpenFlow.Tests.Channel;

/// <summary>The event loop that runs on the threads that bring its tasks.</summary>
public sealed class TurnEventLoopTests
{
    [Test]
    public void Execute_NobodyElse_RunsBeforeItReturns()
    {
        using var loop = new TurnEventLoop();
        Thread? runner = null;
        loop.Execute(new ActionTask(() =>
        {
            loop.InEventLoop.Should().BeTrue();
            runner = Thread.CurrentThread;
        }));
        runner.Should().Be(Thread.CurrentThread);
        loop.InEventLoop.Should().BeFalse();
    }

    [Test]
    public void Execute_FromATask_RunsBehindIt()
    {
        using var loop = new TurnEventLoop();
        var order = new List<int>();
        loop.Execute(new ActionTask(() =>
        {
            loop.Execute(new ActionTask(() => order.Add(2)));
            order.Add(1);
        }));
        order.Should().Equal(1, 2);
    }

    [Test]
    public async Task Execute_FromManyThreads_OneTaskAtATimeInOrderPerThread()
    {
        const int Count = 20_000;
        using var loop = new TurnEventLoop();
        var inside = 0;
        var seen = new List<(int Thread, int Number)>();
        var all = new TaskCompletionSource();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(() =>
        {
            for (var number = 0; number < Count; number++)
            {
                var copy = number;
                loop.Execute(new ActionTask(() =>
                {
                    Interlocked.Increment(ref inside).Should().Be(1);
                    seen.Add((thread, copy));
                    if (seen.Count == 4 * Count)
                    {
                        all.SetResult();
                    }

                    Interlocked.Decrement(ref inside);
                }));
            }
        })));
        await all.Task.WaitAsync(TimeSpan.FromSeconds(20));
        foreach (var group in seen.GroupBy(item => item.Thread))
        {
            group.Select(item => item.Number).Should().BeInAscendingOrder();
        }
    }

    [Test]
    public async Task Execute_TaskThrows_NextOneRuns()
    {
        using var loop = new TurnEventLoop();
        var next = new TaskCompletionSource();
        loop.Execute(new ActionTask(() => throw new InvalidOperationException("a fault")));
        loop.Execute(new ActionTask(next.SetResult));
        await next.Task.WaitAsync(TimeSpan.FromSeconds(5));
    }

    [Test]
    public async Task Schedule_Tasks_RunWhenTheyAreDue()
    {
        using var loop = new TurnEventLoop();
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var order = new List<int>();
        var late = loop.ScheduleAsync(() => order.Add(2), TimeSpan.FromMilliseconds(60));
        var early = loop.ScheduleAsync(() => order.Add(1), TimeSpan.FromMilliseconds(20));
        await Task.WhenAll(early, late).WaitAsync(TimeSpan.FromSeconds(5));
        order.Should().Equal(1, 2);
        clock.Elapsed.Should().BeGreaterThan(TimeSpan.FromMilliseconds(55));
    }

    private sealed class ActionTask(Action action) : IRunnable
    {
        public void Run() => action();
    }
}
