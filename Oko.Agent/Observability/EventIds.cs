namespace Oko.Agent.Observability;

/// <summary>Numbers of log events, by subject; rules log under 3000 and controllers under 4000, beside their code. Append-only, since people filter
/// by them.</summary>
public static class EventIds
{
    /// <summary>Start, stop and options.</summary>
    public const int Starting = 1000, Ready = 1001, Stopping = 1002, StopFailed = 1003;

    /// <summary>Ports.</summary>
    public const int PortOpened = 2000, PortRemoved = 2001, PortReopened = 2002, PortReopenFailed = 2003, PartialChecksums = 2004,
        PortLinkChanged = 2005;

    /// <summary>Filters.</summary>
    public const int FilterInstalled = 5000, FilterReplaced = 5001, FilterRefused = 5002, FilterUnloaded = 5003, FilterWorkFailed = 5004,
        FilterPrinted = 5005, FilterLinesLost = 5006;

    /// <summary>Management.</summary>
    public const int ManagementListening = 6000, StaleSocketReplaced = 6001, ManagementFailed = 6002;
}
