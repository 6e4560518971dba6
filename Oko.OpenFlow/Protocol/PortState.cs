namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_port_state</c>. Source: OpenFlow 1.3.5, 7.2.1.</summary>
[Flags]
public enum PortState : uint
{
    /// <summary>No bit set.</summary>
    None = 0,

    /// <summary>OFPPS_LINK_DOWN.</summary>
    LinkDown = 1,

    /// <summary>OFPPS_BLOCKED.</summary>
    Blocked = 2,

    /// <summary>OFPPS_LIVE.</summary>
    Live = 4,
}
