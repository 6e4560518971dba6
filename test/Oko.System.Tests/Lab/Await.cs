using System.Diagnostics;

namespace Oko.System.Tests.Lab;

/// <summary>Waits for what another process does and does not announce.</summary>
public static class Await
{
    /// <summary>Asks again until it holds; fails the test after <paramref name="seconds"/>.</summary>
    public static void Until(Func<bool> condition, int seconds, string what)
    {
        var clock = Stopwatch.StartNew();
        while (!condition())
        {
            if (clock.Elapsed > TimeSpan.FromSeconds(seconds))
            {
                Assert.Fail($"not within {seconds} s: {what}");
            }

            Thread.Yield();
        }
    }
}
