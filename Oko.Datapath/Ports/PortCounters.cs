namespace Oko.Datapath.Ports;

/// <summary>Counters of one port, written by its worker, readable by any thread. Source: OpenFlow 1.3.5, 7.3.5.6 "Port Statistics".</summary>
public sealed class PortCounters
{
    private long _receivedPackets, _receivedBytes, _receiveDropped, _receiveErrors, _sentPackets, _sentBytes, _sendDropped;

    /// <summary>Packets taken from the port.</summary>
    public long ReceivedPackets => Volatile.Read(ref _receivedPackets);

    /// <summary>Bytes taken from the port.</summary>
    public long ReceivedBytes => Volatile.Read(ref _receivedBytes);

    /// <summary>Packets lost before the switch saw them, for want of buffers.</summary>
    public long ReceiveDropped => Volatile.Read(ref _receiveDropped);

    /// <summary>Packets that could not be received.</summary>
    public long ReceiveErrors => Volatile.Read(ref _receiveErrors);

    /// <summary>Packets handed to the port.</summary>
    public long SentPackets => Volatile.Read(ref _sentPackets);

    /// <summary>Bytes handed to the port.</summary>
    public long SentBytes => Volatile.Read(ref _sentBytes);

    /// <summary>Packets that the port did not take.</summary>
    public long SendDropped => Volatile.Read(ref _sendDropped);

    /// <summary>Adds received packets; the port's worker only.</summary>
    public void AddReceived(long packets, long bytes)
    {
        _receivedPackets += packets;
        _receivedBytes += bytes;
    }

    /// <summary>Adds sent packets; the port's worker only.</summary>
    public void AddSent(long packets, long bytes)
    {
        _sentPackets += packets;
        _sentBytes += bytes;
    }

    /// <summary>Adds packets that the port did not take; the port's worker only.</summary>
    public void AddSendDropped(long packets) => _sendDropped += packets;

    /// <summary>Sets what the kernel counted as lost on the way in.</summary>
    public void SetReceiveLoss(long dropped, long errors)
    {
        Volatile.Write(ref _receiveDropped, dropped);
        Volatile.Write(ref _receiveErrors, errors);
    }
}
