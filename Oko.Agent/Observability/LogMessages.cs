namespace Oko.Agent.Observability;

/// <summary>What the host, the ports, the filters and the management server write to the log. Any thread.</summary>
internal static partial class LogMessages
{
    [LoggerMessage(EventIds.Starting, LogLevel.Information, "OkoSwitch {Version}, datapath id {DatapathId:x16}, fail mode {FailMode}")]
    public static partial void Starting(ILogger logger, string version, ulong datapathId, string failMode);

    [LoggerMessage(EventIds.Ready, LogLevel.Information, "Ready: {Ports} ports, {Controllers} controllers, {Listeners} listeners")]
    public static partial void Ready(ILogger logger, int ports, int controllers, int listeners);

    [LoggerMessage(EventIds.Stopping, LogLevel.Information, "Stopping: {Reason}")]
    public static partial void Stopping(ILogger logger, string reason);

    [LoggerMessage(EventIds.StopFailed, LogLevel.Error, "A part did not stop as it should: {Part}")]
    public static partial void StopFailed(ILogger logger, Exception exception, string part);

    [LoggerMessage(EventIds.PortOpened, LogLevel.Information, "Port {Number} ({Name}, {Address}): {Mode}")]
    public static partial void PortOpened(ILogger logger, uint number, string name, string address, string mode);

    [LoggerMessage(EventIds.PortRemoved, LogLevel.Warning, "Port {Number} ({Name}): the interface is gone; the port comes back when the interface does")]
    public static partial void PortRemoved(ILogger logger, uint number, string name);

    [LoggerMessage(EventIds.PortReopened, LogLevel.Information, "Port {Number} ({Name}): the interface is back: {Mode}")]
    public static partial void PortReopened(ILogger logger, uint number, string name, string mode);

    [LoggerMessage(EventIds.PortReopenFailed, LogLevel.Warning, "Port {Number} ({Name}): the interface is back, but cannot be opened: {Reason}")]
    public static partial void PortReopenFailed(ILogger logger, uint number, string name, string reason);

    [LoggerMessage(EventIds.PartialChecksums, LogLevel.Information,
        "Ports {Names}: virtual links on which hosts leave checksums unfinished; the switch completes them, nothing needs to be switched off")]
    public static partial void PartialChecksums(ILogger logger, string names);

    [LoggerMessage(EventIds.PortLinkChanged, LogLevel.Information, "Port {Number} ({Name}): link {State}")]
    public static partial void PortLinkChanged(ILogger logger, uint number, string name, string state);

    [LoggerMessage(EventIds.FilterPrinted, LogLevel.Information, "Filter: {Line}")]
    public static partial void FilterPrinted(ILogger logger, string line);

    [LoggerMessage(EventIds.FilterLinesLost, LogLevel.Warning, "Filters printed {Lines} lines more than are kept, {Limit} per second")]
    public static partial void FilterLinesLost(ILogger logger, long lines, int limit);

    [LoggerMessage(EventIds.FilterInstalled, LogLevel.Information,
        "Filter {FilterId} ({Name}) loaded: {Instructions} instructions, at most {WorstCase} run per packet, {Maps} maps")]
    public static partial void FilterInstalled(ILogger logger, uint filterId, string name, int instructions, int worstCase, int maps);

    [LoggerMessage(EventIds.FilterReplaced, LogLevel.Information,
        "Filter {FilterId} ({Name}) replaced, generation {Generation}, {Kept} of {Maps} maps kept")]
    public static partial void FilterReplaced(ILogger logger, uint filterId, string name, uint generation, int kept, int maps);

    [LoggerMessage(EventIds.FilterRefused, LogLevel.Warning, "Filter {FilterId} refused, {Kind}: {Reason}")]
    public static partial void FilterRefused(ILogger logger, uint filterId, string kind, string reason);

    [LoggerMessage(EventIds.FilterUnloaded, LogLevel.Information, "Filter {FilterId} ({Name}) unloaded; {Entries} flow entries went with it")]
    public static partial void FilterUnloaded(ILogger logger, uint filterId, string name, int entries);

    [LoggerMessage(EventIds.FilterWorkFailed, LogLevel.Error, "Loading filter {FilterId} failed; the switch goes on")]
    public static partial void FilterWorkFailed(ILogger logger, Exception exception, uint filterId);

    [LoggerMessage(EventIds.ManagementListening, LogLevel.Information, "Management on {Path}")]
    public static partial void ManagementListening(ILogger logger, string path);

    [LoggerMessage(EventIds.StaleSocketReplaced, LogLevel.Information, "Management: replaced the socket {Path} of a process that is gone")]
    public static partial void StaleSocketReplaced(ILogger logger, string path);

    [LoggerMessage(EventIds.ManagementFailed, LogLevel.Error, "A management request failed; the switch goes on")]
    public static partial void ManagementFailed(ILogger logger, Exception exception);
}
