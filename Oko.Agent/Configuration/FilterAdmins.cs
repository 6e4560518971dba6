using System.Collections.Immutable;
using Oko.OpenFlow.Channel;

namespace Oko.Agent.Configuration;

/// <summary>Which OpenFlow connections may load, replace and unload filters and change their maps: by the address they came about by.
/// Immutable, any thread.</summary>
/// <param name="IncludesAll">All of them.</param>
/// <param name="IncludesSecure">Those over TLS, whose peers have shown a certificate.</param>
/// <param name="Endpoints">Those of these controllers and listeners.</param>
public sealed record FilterAdmins(bool IncludesAll, bool IncludesSecure, ImmutableArray<OpenFlowEndpoint> Endpoints)
{
    /// <summary>All connections.</summary>
    public static FilterAdmins All { get; } = new(true, true, []);

    /// <summary>No connection.</summary>
    public static FilterAdmins None { get; } = new(false, false, []);

    /// <summary>Whether a connection of this address is one of them.</summary>
    public bool Include(OpenFlowEndpoint endpoint) => IncludesAll || (IncludesSecure && endpoint.IsSecure) || Endpoints.Contains(endpoint);
}
