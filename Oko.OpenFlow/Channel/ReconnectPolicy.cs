namespace Oko.OpenFlow.Channel;

/// <summary>
/// How long to wait before the next attempt to reach a controller: longer and longer up to a limit, with jitter so that a rack of
/// switches does not come back in step. One per controller, one thread at a time.
/// </summary>
public sealed class ReconnectPolicy(ChannelSettings settings, Random random)
{
    private int _failures;

    /// <summary>Says how the last attempt went and returns the wait before the next.</summary>
    /// <param name="connectedFor">How long the connection was usable (after HELLO); zero when it never was.</param>
    public TimeSpan NextDelay(TimeSpan connectedFor)
    {
        if (connectedFor >= settings.StableAfter)
        {
            _failures = 0;
        }

        // The exponent is bounded before it is used: a switch may try for years.
        var delay = settings.FirstRetry * Math.Pow(2, Math.Min(_failures++, 16)) * (1 + (0.5 * random.NextDouble()));
        return delay < settings.LongestRetry ? delay : settings.LongestRetry * (0.75 + (0.25 * random.NextDouble()));
    }
}
