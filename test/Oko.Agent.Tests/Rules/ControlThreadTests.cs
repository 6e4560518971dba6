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
