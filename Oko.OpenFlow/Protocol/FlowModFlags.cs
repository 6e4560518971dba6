namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_flow_mod_flags</c>. Source: OpenFlow 1.3.5, 7.3.4.1.</summary>
[Flags]
public enum FlowModFlags : ushort
{
    /// <summary>No bit set.</summary>
    None = 0,

    /// <summary>OFPFF_SEND_FLOW_REM.</summary>
    SendFlowRem = 1,

    /// <summary>OFPFF_CHECK_OVERLAP.</summary>
    CheckOverlap = 2,

    /// <summary>OFPFF_RESET_COUNTS.</summary>
    ResetCounts = 4,

    /// <summary>OFPFF_NO_PKT_COUNTS.</summary>
    NoPktCounts = 8,

    /// <summary>OFPFF_NO_BYT_COUNTS.</summary>
    NoBytCounts = 16,
}
