namespace Oko.Datapath.Ports;

/// <summary>Counters of one queue of a port at a moment. Source: OpenFlow 1.3.5, 7.3.5.8 "Queue Statistics".</summary>
/// <param name="SentPackets">Packets sent by the queue.</param>
/// <param name="SentBytes">Bytes sent by the queue.</param>
/// <param name="Errors">Packets dropped since the queue was full (an overrun).</param>
/// <param name="Age">How long the queue has been there.</param>
public readonly record struct QueueStatistics(long SentPackets, long SentBytes, long Errors, TimeSpan Age)
{
    /// <summary>Adds what two lanes counted.</summary>
    public static QueueStatistics Add(QueueStatistics a, QueueStatistics b) =>
        new(a.SentPackets + b.SentPackets, a.SentBytes + b.SentBytes, a.Errors + b.Errors, a.Age);
}

/// <summary>Counters of one queue of a lane, written by its worker, readable by any thread.</summary>
internal sealed class QueueCounters
{
    private readonly long _since = Workers.Datapath.NowNanoseconds;
    private long _sentPackets, _sentBytes, _errors;

    /// <summary>Adds what a batch came to.</summary>
    internal void Add(long packets, long bytes, long errors)
    {
        _sentPackets += packets;
        _sentBytes += bytes;
        _errors += errors;
    }

    /// <summary>Any thread: what was counted.</summary>
    internal QueueStatistics Read() => new(
        Volatile.Read(ref _sentPackets),
        Volatile.Read(ref _sentBytes),
        Volatile.Read(ref _errors),
        TimeSpan.FromTicks((Workers.Datapath.NowNanoseconds - _since) / TimeSpan.NanosecondsPerTick));
}
