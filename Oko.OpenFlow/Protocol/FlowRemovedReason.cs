namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_flow_removed_reason</c>. Source: OpenFlow 1.3.5, 7.4.2.</summary>
public enum FlowRemovedReason : byte
{
    /// <summary>OFPRR_IDLE_TIMEOUT.</summary>
    IdleTimeout = 0,

    /// <summary>OFPRR_HARD_TIMEOUT.</summary>
    HardTimeout = 1,

    /// <summary>OFPRR_DELETE.</summary>
    Delete = 2,

    /// <summary>OFPRR_GROUP_DELETE.</summary>
    GroupDelete = 3,
}
