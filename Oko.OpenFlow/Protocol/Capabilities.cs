namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_capabilities</c>. Source: OpenFlow 1.3.5, 7.3.1.</summary>
[Flags]
public enum Capabilities : uint
{
    /// <summary>No bit set.</summary>
    None = 0,

    /// <summary>OFPC_FLOW_STATS.</summary>
    FlowStats = 1,

    /// <summary>OFPC_TABLE_STATS.</summary>
    TableStats = 2,

    /// <summary>OFPC_PORT_STATS.</summary>
    PortStats = 4,

    /// <summary>OFPC_GROUP_STATS.</summary>
    GroupStats = 8,

    /// <summary>OFPC_IP_REASM.</summary>
    IpReasm = 32,

    /// <summary>OFPC_QUEUE_STATS.</summary>
    QueueStats = 64,

    /// <summary>OFPC_PORT_BLOCKED.</summary>
    PortBlocked = 256,
}
