using Microsoft.Extensions.Logging;
using Oko.Agent.Filters;
using Oko.Bpf.Execution;
using Oko.Bpf.Loading;

namespace Oko.Agent.Tests.Filters;

/// <summary>What filters print reaches the log.</summary>
public sealed class FilterTraceLogTests : ILogger<FilterTraceLog>
{
    private readonly List<string> _lines = [];

    [Test]
    public void Print_InAFilter_IsALineOfTheLog()
    {
        var content = File.ReadAllBytes(SourceTree.BpfObject("trace.o"));
        using (new FilterTraceLog(this))
        {
            using var filter = LoadedFilter.Create(FilterLoader.Load(content, entry: null));
            var packets = new PacketSet([new byte[60]]);
            FilterBenchmark.Run(filter, FilterEngine.Il, packets, rounds: 1);
            packets.Dispose();
        }

        _lines.Should().Contain("Filter: port -1, address 0a000001, 12345678901% of all").And.Contain("Filter: second");
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (_lines)
        {
            _lines.Add(formatter(state, exception));
        }
    }
}
