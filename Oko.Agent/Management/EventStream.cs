using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Oko.Agent.Filters;

namespace Oko.Agent.Management;

/// <summary>Records on their way to one client of the management API: so many wait at most, more are lost. Any thread; one reader.</summary>
public sealed class EventStream : IFilterEventListener
{
    /// <summary>Most records that wait.</summary>
    public const int Capacity = 1024;

    /// <summary>Bytes of waiting records from which on more are lost.</summary>
    public const long MaxWaitingBytes = 4 << 20;

    private readonly Channel<Filters.FilterEventRecord> _waiting = Channel.CreateBounded<Filters.FilterEventRecord>(Capacity);
    private long _waitingBytes;

    /// <summary>The records; ends when the filter is unloaded.</summary>
    public async IAsyncEnumerable<Filters.FilterEventRecord> ReadAll([EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var record in _waiting.Reader.ReadAllAsync(cancellation))
        {
            Interlocked.Add(ref _waitingBytes, -record.Data.Length);
            yield return record;
        }
    }

    /// <inheritdoc/>
    public bool TryDeliver(Filters.FilterEventRecord record)
    {
        if (Volatile.Read(ref _waitingBytes) >= MaxWaitingBytes)
        {
            return false;
        }

        // Counted first: the reader may take it at once.
        Interlocked.Add(ref _waitingBytes, record.Data.Length);
        if (_waiting.Writer.TryWrite(record))
        {
            return true;
        }

        Interlocked.Add(ref _waitingBytes, -record.Data.Length);
        return false;
    }

    /// <inheritdoc/>
    public void End(uint filterId, string map) => _waiting.Writer.TryComplete();
}
