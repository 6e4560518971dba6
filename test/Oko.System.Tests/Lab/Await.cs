namespace Oko.System.Tests.Lab;

/// <summary>Waits for what another process does and does not announce.</summary>
public static class Await
{
    /// <summary>Asks again until it holds; fails the test after <paramref name="seconds"/>, with what <paramref name="log"/> says then.</summary>
    public static void Until(Func<bool> condition, int seconds, string what, Func<string>? log = null)
    {
        if (!SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(seconds)))
        {
            Assert.Fail($"not within {seconds} s: {what}{(log is null ? string.Empty : $"; the log:\n{log()}")}");
        }
    }
}
