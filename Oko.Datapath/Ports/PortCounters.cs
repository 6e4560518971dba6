namespace Oko.Datapath.Ports;

/// <summary>Counters of a port at a moment. Source: OpenFlow 1.3.5, 7.3.5.6 "Port Statistics".</summary>
public readonly record struct PortStatistics
{
    /// <summary>Packets taken from the port.</summary>
    public long ReceivedPackets { get; init; }

    /// <summary>Bytes taken from the port.</summary>
    public long ReceivedBytes { get; init; }

    /// <summary>Packets lost before the switch saw them, for want of buffers.</summary>
    public long ReceiveDropped { get; init; }

    /// <summary>Packets that could not be received.</summary>
    public long ReceiveErrors { get; init; }

    /// <summary>Packets handed to the port.</summary>
    public long SentPackets { get; init; }

    /// <summary>Bytes handed to the port.</summary>
    public long SentBytes { get; init; }

    /// <summary>Packets that the port did not take.</summary>
    public long SendDropped { get; init; }

    /// <summary>Adds what two lanes counted.</summary>
    public static PortStatistics operator +(PortStatistics a, PortStatistics b) => new()
    {
        ReceivedPackets = a.ReceivedPackets + b.ReceivedPackets,
        ReceivedBytes = a.ReceivedBytes + b.ReceivedBytes,
        ReceiveDropped = a.ReceiveDropped + b.ReceiveDropped,
        ReceiveErrors = a.ReceiveErrors + b.ReceiveErrors,
        SentPackets = a.SentPackets + b.SentPackets,
        SentBytes = a.SentBytes + b.SentBytes,
        SendDropped = a.SendDropped + b.SendDropped,
    };
}

/// <summary>Counters of one lane, written by its worker, readable by any thread.</summary>
internal sealed class PortCounters
{
    private long _receivedPackets, _receivedBytes, _receiveDropped, _receiveErrors, _sentPackets, _sentBytes, _sendDropped;

    /// <summary>Adds received packets.</summary>
    internal void AddReceived(long packets, long bytes)
    {
        _receivedPackets += packets;
        _receivedBytes += bytes;
    }

    /// <summary>Adds sent packets.</summary>
    internal void AddSent(long packets, long bytes)
    {
        _sentPackets += packets;
        _sentBytes += bytes;
    }

    /// <summary>Adds packets that the lane did not take.</summary>
    internal void AddSendDropped(long packets) => _sendDropped += packets;

    /// <summary>Sets what the kernel counted as lost on the way in.</summary>
    internal void SetReceiveLoss(long dropped, long errors)
    {
        Volatile.Write(ref _receiveDropped, dropped);
        Volatile.Write(ref _receiveErrors, errors);
    }

    /// <summary>Any thread: what was counted.</summary>
    internal PortStatistics Read() => new()
    {
        ReceivedPackets = Volatile.Read(ref _receivedPackets),
        ReceivedBytes = Volatile.Read(ref _receivedBytes),
        ReceiveDropped = Volatile.Read(ref _receiveDropped),
        ReceiveErrors = Volatile.Read(ref _receiveErrors),
        SentPackets = Volatile.Read(ref _sentPackets),
        SentBytes = Volatile.Read(ref _sentBytes),
        SendDropped = Volatile.Read(ref _sendDropped),
    };
}
