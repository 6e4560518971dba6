using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Oko.Testing;

/// <summary>A log that tests read. Any thread.</summary>
public sealed class LogRecorder : ILogger
{
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly SemaphoreSlim _news = new(0);

    /// <summary>Everything that was logged, oldest first.</summary>
    public IReadOnlyCollection<string> Lines => [.. _lines];

    /// <summary>Waits for a line that holds a text.</summary>
    /// <exception cref="TimeoutException">None came; the text lists what did.</exception>
    public async Task<string> ExpectAsync(string text)
    {
        while (true)
        {
            if (_lines.FirstOrDefault(line => line.Contains(text, StringComparison.Ordinal)) is { } found)
            {
                return found;
            }

            if (!await _news.WaitAsync(ControllerSimulator.DefaultTimeout).ConfigureAwait(false))
            {
                throw new TimeoutException($"no line of the log holds '{text}'; there are: {string.Join(" / ", _lines)}");
            }
        }
    }

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        _lines.Enqueue($"{logLevel} {formatter(state, exception)}{(exception is null ? string.Empty : " " + exception)}");
        _news.Release();
    }

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => true;

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;
}
