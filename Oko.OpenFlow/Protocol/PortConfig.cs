namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_port_config</c>. Source: OpenFlow 1.3.5, 7.2.1.</summary>
[Flags]
public enum PortConfig : uint
{
    /// <summary>No bit set.</summary>
    None = 0,

    /// <summary>OFPPC_PORT_DOWN.</summary>
    PortDown = 1,

    /// <summary>OFPPC_NO_RECV.</summary>
    NoRecv = 4,

    /// <summary>OFPPC_NO_FWD.</summary>
    NoFwd = 32,

    /// <summary>OFPPC_NO_PACKET_IN.</summary>
    NoPacketIn = 64,
}
