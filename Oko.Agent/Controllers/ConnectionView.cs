using Oko.OpenFlow.Match;

namespace Oko.Agent.Controllers;

/// <summary>
/// What one connection sees of flow entries that name a filter. An immutable value handed with each request from a session
/// to the rule manager; any thread.
/// </summary>
/// <remarks>Clients that do not know an OXM reject the whole message that carries it, so the field is sent only to connections
/// that showed they know it. What a connection does not see it does not touch: its deletes and modifies pass such entries by.
/// Source: Oko.OpenFlow/OkoExtension/README.md, 1 "Awareness".</remarks>
/// <param name="Aware">The connection knows the extension: it sees the field and may get messages of ours.</param>
/// <param name="HidesFilterEntries">Entries with a filter do not exist for this connection, neither to read nor to change.</param>
/// <param name="StripsFilterField">Entries with a filter are shown without the field.</param>
public sealed record ConnectionView(bool Aware, bool HidesFilterEntries, bool StripsFilterField)
{
    /// <summary>Sees everything: connections that use the extension, and the switch's own tools.</summary>
    public static ConnectionView Everything { get; } = new(true, false, false);

    /// <summary>Sees entries with a filter by the rest of their match: tools of operators.</summary>
    public static ConnectionView Stripped { get; } = new(false, false, true);

    /// <summary>Sees no entry with a filter: controllers that reconcile what they read.</summary>
    public static ConnectionView Hidden { get; } = new(false, true, false);

    /// <summary>Whether an entry with this filter (null = none) exists for the connection.</summary>
    public bool Sees(uint? filterId) => filterId is null || !HidesFilterEntries;

    /// <summary>The match of an entry that the connection sees, as it may be sent.</summary>
    public FlowMatch Show(FlowMatch match) => Aware || match.FilterId is null ? match : match.WithoutFilter();
}
