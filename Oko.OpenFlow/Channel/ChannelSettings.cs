namespace Oko.OpenFlow.Channel;

/// <summary>Times and bounds of an <see cref="OpenFlowChannel"/>. Immutable, any thread.</summary>
/// <remarks>The defaults satisfy the common controllers: ONOS and Floodlight give up after 30 s of silence, a
/// controller that still closes its side of an old connection refuses a new one for about a second.</remarks>
public sealed record ChannelSettings
{
    /// <summary>A peer that has not finished the exchange of HELLO by then is dropped.</summary>
    public TimeSpan HelloTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Silence of the peer after which the switch sends an ECHO_REQUEST.</summary>
    public TimeSpan EchoAfter { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Silence after that ECHO_REQUEST for which the connection is dropped.</summary>
    public TimeSpan DropAfter { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long one attempt to connect may take.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Shortest wait before the first retry; jitter makes it up to half as long again, later ones double it.</summary>
    public TimeSpan FirstRetry { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Longest wait between two attempts.</summary>
    public TimeSpan LongestRetry { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>A connection that lasted this long was a success: after it the waits start from the first again.</summary>
    public TimeSpan StableAfter { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Bytes waiting to be sent from which on <see cref="OpenFlowConnection.IsWritable"/> is false.</summary>
    public long WritableBytes { get; init; } = 1 << 20;

    /// <summary>Bytes waiting to be sent at which a peer that does not read is dropped.</summary>
    public long MaxPendingBytes { get; init; } = 64 << 20;

    /// <summary>Bytes of messages that may be lost (packet-ins) waiting to be sent at which more of them are lost.</summary>
    public long MaxDroppableBytes { get; init; } = 1 << 20;

    /// <summary>Connections all listeners together hold at once; more are closed when they come.</summary>
    public int MaxAcceptedConnections { get; init; } = 64;
}
