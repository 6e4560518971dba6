using Microsoft.Extensions.Logging;

namespace Oko.OpenFlow.Channel;

/// <summary>What the channel writes to the log; event ids 1000 to 1099. Any thread.</summary>
internal static partial class ChannelLog
{
    /// <summary>How loud the comings and goings of an endpoint are: a tool on a listener makes two of them per command.</summary>
    public static LogLevel LevelOf(OpenFlowEndpoint endpoint) => endpoint.IsListener ? LogLevel.Debug : LogLevel.Information;

    [LoggerMessage(EventId = 1001, Message = "{Endpoint}: connected with {Peer}, OpenFlow 1.3")]
    public static partial void Opened(ILogger logger, LogLevel level, string endpoint, string peer);

    [LoggerMessage(EventId = 1002, Message = "{Endpoint}: connection with {Peer} closed: {Reason}")]
    public static partial void Closed(ILogger logger, LogLevel level, string endpoint, string peer, string reason);

    [LoggerMessage(EventId = 1003, Level = LogLevel.Warning, Message = "{Endpoint}: cannot connect: {Reason}; trying on")]
    public static partial void CannotConnect(ILogger logger, string endpoint, string reason);

    [LoggerMessage(EventId = 1004, Level = LogLevel.Information, Message = "{Endpoint}: listening on {Address}")]
    public static partial void Listening(ILogger logger, string endpoint, string address);

    [LoggerMessage(EventId = 1005, Level = LogLevel.Warning, Message = "{Endpoint}: {Peer} refused, {Limit} connections are open already")]
    public static partial void TooManyConnections(ILogger logger, string endpoint, string peer, int limit);

    [LoggerMessage(EventId = 1006, Level = LogLevel.Error, Message = "Internal error on the connection with {Peer}; it is closed")]
    public static partial void InternalError(ILogger logger, string peer, Exception exception);

    [LoggerMessage(EventId = 1007, Level = LogLevel.Warning, Message = "{Endpoint}: cannot accept a connection: {Reason}; trying on")]
    public static partial void CannotAccept(ILogger logger, string endpoint, string reason);
}
