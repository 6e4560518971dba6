using Oko.Agent.Configuration;
using Oko.OpenFlow.Channel;
using Oko.OpenFlow.Channel.Tls;

namespace Oko.Agent.Controllers;

/// <summary>What the switch says of itself to controllers, and the bounds of their connections. Immutable.</summary>
public sealed record ControllerOptions
{
    /// <summary>Datapath id.</summary>
    public required ulong DatapathId { get; init; }

    /// <summary>Description of this switch for people, never empty (ONOS takes an empty description for another switch).</summary>
    public required string Description { get; init; }

    /// <summary>Version of the software.</summary>
    public required string SoftwareVersion { get; init; }

    /// <summary>Whether the switch learns addresses while no controller is connected.</summary>
    public bool IsStandalone { get; init; }

    /// <summary>How long no controller may be connected before the switch learns addresses.</summary>
    public TimeSpan StandaloneAfter { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Bytes of requests of one connection that wait at most; above, its socket is not read for a while.</summary>
    public long MaxWaitingBytes { get; init; } = 32 << 20;

    /// <summary>How long a peer may leave a reply unread that is longer than what the channel keeps.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>For endpoints with TLS, or null.</summary>
    public TlsCredentials? Tls { get; init; }

    /// <summary>Which connections may change filters and maps.</summary>
    public FilterAdmins FilterAdmins { get; init; } = FilterAdmins.All;

    /// <summary>Times and bounds of the channel.</summary>
    public ChannelSettings Channel { get; init; } = new();
}
