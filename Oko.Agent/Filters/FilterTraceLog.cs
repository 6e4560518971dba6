using Oko.Agent.Observability;
using Oko.Bpf.Execution;

namespace Oko.Agent.Filters;

/// <summary>Writes what filters print with <c>bpf_trace_printk</c> to the log. The lines are fetched ten times a second by a timer; no packet
/// waits for the log.</summary>
public sealed class FilterTraceLog : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(100);

    private readonly ILogger<FilterTraceLog> _log;
    private readonly Timer _timer;
    private long _lost = TraceBuffer.Lost;

    /// <summary>Starts.</summary>
    public FilterTraceLog(ILogger<FilterTraceLog> log)
    {
        _log = log;
        _timer = new Timer(_ => Drain(), null, Period, Period);
    }

    /// <summary>Stops; what was printed before is written.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        Drain();
    }

    private void Drain()
    {
        while (TraceBuffer.TryRead(out var line))
        {
            LogMessages.FilterPrinted(_log, line);
        }

        var lost = TraceBuffer.Lost;
        var before = Interlocked.Exchange(ref _lost, lost);
        if (lost > before)
        {
            LogMessages.FilterLinesLost(_log, lost - before, TraceBuffer.LinesPerSecond);
        }
    }
}
