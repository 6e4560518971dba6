namespace Oko.Datapath.Ports;

/// <summary>Counters of one queue of a port, written by the port's worker, readable by any thread.
/// Source: OpenFlow 1.3.5, 7.3.5.8 "Queue Statistics".</summary>
public sealed class QueueCounters
{
    private readonly long _since = Workers.Datapath.NowNanoseconds;
    private long _sentPackets, _sentBytes, _errors;

    /// <summary>Packets sent by the queue.</summary>
    public long SentPackets => Volatile.Read(ref _sentPackets);

    /// <summary>Bytes sent by the queue.</summary>
    public long SentBytes => Volatile.Read(ref _sentBytes);

    /// <summary>Packets dropped since the queue was full (an overrun).</summary>
    public long Errors => Volatile.Read(ref _errors);

    /// <summary>How long the queue has been there.</summary>
    public TimeSpan Age => TimeSpan.FromTicks((Workers.Datapath.NowNanoseconds - _since) / TimeSpan.NanosecondsPerTick);

    internal void Add(long packets, long bytes, long errors)
    {
        _sentPackets += packets;
        _sentBytes += bytes;
        _errors += errors;
    }
}
