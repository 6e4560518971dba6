using Microsoft.Extensions.Logging.Abstractions;
using Oko.Agent.Rules;

namespace Oko.Agent.Tests.Rules;

public class ControlThreadTests
{
    [Test]
    public async Task Items_FromManyThreads_RunOneByOneInOrderPerThread()
    {
        using var control = Started();
        var seen = new List<(int Thread, int Number)>();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(() =>
        {
            for (var number = 0; number < 10_000; number++)
            {
                var copy = number;
                control.Post(() => seen.Add((thread, copy)));
            }
        })));
        var count = await control.RunAsync(() => seen.Count);
        count.Should().Be(40_000);
        foreach (var group in seen.GroupBy(item => item.Thread))
        {
            group.Select(item => item.Number).Should().BeInAscendingOrder();
        }
    }

    [Test]
    public async Task RunOrPost_NothingToDo_RunsOnTheCaller()
    {
        using var control = Started();
        Thread? runner = null;
        await control.RunAsync(() => 0);

        // The thread rests some moments after its item has ended.
        while (runner != Thread.CurrentThread)
        {
            control.RunOrPost(() =>
            {
                control.IsCurrent.Should().BeTrue();
                runner = Thread.CurrentThread;
            });
        }

        control.IsCurrent.Should().BeFalse();
        (await control.RunAsync(() => control.IsCurrent)).Should().BeTrue();
    }

    [Test]
    public async Task RunOrPost_ThreadIsBusy_WaitsItsTurn()
    {
        using var control = Started();
        using var busy = new ManualResetEventSlim();
        var order = new List<int>();
        control.Post(() =>
        {
            busy.Wait();
            order.Add(1);
        });
        control.RunOrPost(() => order.Add(2));
        control.Post(() => order.Add(3));
        order.Should().BeEmpty();
        busy.Set();
        (await control.RunAsync(() => order.ToArray())).Should().Equal(1, 2, 3);
    }

    [Test]
    public async Task RunOrPost_FromManyThreads_OneItemAtATime()
    {
        using var control = Started();
        var (inside, count) = (0, 0);
        void Item()
        {
            Interlocked.Increment(ref inside).Should().Be(1);
            count++;
            Interlocked.Decrement(ref inside);
        }

        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(() =>
        {
            for (var number = 0; number < 10_000; number++)
            {
                if (number % 4 == thread)
                {
                    control.Post(Item);
                }
                else
                {
                    control.RunOrPost(Item);
                }
            }
        })));
        (await control.RunAsync(() => count)).Should().Be(40_000);
    }

    [Test]
    public async Task RunAsync_FunctionThrows_FailsItsTaskOnly()
    {
        using var control = Started();
        var failing = control.RunAsync<int>(() => throw new InvalidOperationException("bad item"));
        control.Post(() => throw new InvalidOperationException("nobody waits"));
        var next = control.RunAsync(() => 7);
        await FluentActions.Awaiting(() => failing).Should().ThrowAsync<InvalidOperationException>().WithMessage("bad item");
        (await next).Should().Be(7);
    }

    [Test]
    public async Task RunAsync_OnTheThreadItself_RunsAtOnce()
    {
        using var control = Started();
        var value = await control.RunAsync(() => control.RunAsync(() => 3).Result + 1);
        value.Should().Be(4);
    }

    [Test]
    public async Task Periodic_ThatThrows_KeepsRunning()
    {
        using var control = new ControlThread("test", NullLogger.Instance);
        var runs = 0;
        var enough = new TaskCompletionSource();
        control.AddPeriodic(TimeSpan.FromMilliseconds(5), () =>
        {
            if (++runs == 3)
            {
                enough.SetResult();
            }

            throw new InvalidOperationException("periodic");
        });
        control.Start();
        await enough.Task.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    public async Task Dispose_WithItemsWaiting_FinishesThemAndRefusesMore()
    {
        var control = Started();
        var ran = 0;
        for (var i = 0; i < 1000; i++)
        {
            control.Post(() => ran++);
        }

        control.Dispose();
        ran.Should().Be(1000);
        control.Post(() => ran++).Should().BeFalse();
        await FluentActions.Awaiting(() => control.RunAsync(() => 1)).Should().ThrowAsync<TaskCanceledException>();
    }

    [Test]
    public async Task VerifyAccess_FromAnotherThread_Throws()
    {
        using var control = Started();
        FluentActions.Invoking(control.VerifyAccess).Should().Throw<InvalidOperationException>();
        await control.RunAsync(control.VerifyAccess);
    }

    private static ControlThread Started()
    {
        var control = new ControlThread("test", NullLogger.Instance);
        control.Start();
        return control;
    }
}
