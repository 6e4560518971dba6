namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_packet_in_reason</c>. Source: OpenFlow 1.3.5, 7.4.1.</summary>
public enum PacketInReason : byte
{
    /// <summary>OFPR_NO_MATCH.</summary>
    NoMatch = 0,

    /// <summary>OFPR_ACTION.</summary>
    Action = 1,

    /// <summary>OFPR_INVALID_TTL.</summary>
    InvalidTtl = 2,
}
