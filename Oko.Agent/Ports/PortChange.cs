using Oko.Datapath.Ports;

namespace Oko.Agent.Ports;

/// <summary>What happened to a port. The numbers are those of OFPPR_*.</summary>
public enum PortChangeKind : byte
{
    /// <summary>OFPPR_ADD: its interface came back.</summary>
    Added = 0,

    /// <summary>OFPPR_DELETE: its interface is gone.</summary>
    Removed = 1,

    /// <summary>OFPPR_MODIFY: link or configuration changed.</summary>
    Modified = 2,
}

/// <summary>A change of a port, for PORT_STATUS. Handed out on the control thread.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Port">The port as it is now; after <see cref="PortChangeKind.Removed"/> only its description may be read.</param>
public readonly record struct PortChange(PortChangeKind Kind, Port Port);
