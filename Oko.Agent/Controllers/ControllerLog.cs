namespace Oko.Agent.Controllers;

/// <summary>What sessions with controllers write to the log; event ids 4000 to 4099. Any thread.</summary>
internal static partial class ControllerLog
{
    [LoggerMessage(EventId = 4000, Level = LogLevel.Error, Message = "A request of {Peer} failed by a fault of the switch; the connection is closed")]
    public static partial void RequestFailed(ILogger logger, string peer, Exception exception);

    [LoggerMessage(EventId = 4001, Level = LogLevel.Debug, Message = "{Peer}: refused with {Error}: {Detail}. To do: {Remedy}")]
    public static partial void Refused(ILogger logger, string peer, string error, string detail, string remedy);

    [LoggerMessage(EventId = 4002, Level = LogLevel.Warning, Message = "{Peer} reports {Error} about our message with xid {Xid}")]
    public static partial void ErrorReceived(ILogger logger, string peer, string error, uint xid);

    [LoggerMessage(EventId = 4003, Level = LogLevel.Warning, Message = "No controller: the switch learns addresses (standalone) until one is there")]
    public static partial void StandaloneEntered(ILogger logger);

    [LoggerMessage(EventId = 4004, Level = LogLevel.Information, Message = "A controller is there: the switch no longer learns addresses by itself")]
    public static partial void StandaloneLeft(ILogger logger);

    [LoggerMessage(EventId = 4005, Level = LogLevel.Error, Message = "Delivery of a packet to the controllers failed")]
    public static partial void PacketInFailed(ILogger logger, Exception exception);
}
