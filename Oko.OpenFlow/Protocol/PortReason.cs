namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_port_reason</c>. Source: OpenFlow 1.3.5, 7.4.3.</summary>
public enum PortReason : byte
{
    /// <summary>OFPPR_ADD.</summary>
    Add = 0,

    /// <summary>OFPPR_DELETE.</summary>
    Delete = 1,

    /// <summary>OFPPR_MODIFY.</summary>
    Modify = 2,
}
