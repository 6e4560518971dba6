using System.Threading.Channels;
using Oko.Agent.Filters;

namespace Oko.Agent.Management;

/// <summary>Records on their way to one client of the management API: so many wait at most, more are lost. Any thread.</summary>
internal sealed class EventStream : IFilterEventListener
{
    private const int Capacity = 1024;

    private readonly Channel<Filters.FilterEventRecord> _waiting = Channel.CreateBounded<Filters.FilterEventRecord>(Capacity);

    /// <summary>The records; ends when the filter is unloaded.</summary>
    public IAsyncEnumerable<Filters.FilterEventRecord> ReadAll(CancellationToken cancellation) => _waiting.Reader.ReadAllAsync(cancellation);

    /// <inheritdoc/>
    public bool TryDeliver(Filters.FilterEventRecord record) => _waiting.Writer.TryWrite(record);

    /// <inheritdoc/>
    public void End(uint filterId, string map) => _waiting.Writer.TryComplete();
}
