namespace Oko.Datapath.Pipeline;

/// <summary>Why a packet goes to the controllers; values of <c>enum ofp_packet_in_reason</c>.</summary>
public enum PacketInKind : byte
{
    /// <summary>OFPR_NO_MATCH: by the table-miss entry.</summary>
    NoMatch = 0,

    /// <summary>OFPR_ACTION: by an output to the controller.</summary>
    Action = 1,

    /// <summary>OFPR_INVALID_TTL.</summary>
    InvalidTtl = 2,
}

/// <summary>A packet for the controllers, copied out of its frame.</summary>
/// <param name="Data">The packet from its Ethernet header on, cut to the length the action asked for.</param>
/// <param name="TotalLength">Size of the whole packet in bytes.</param>
/// <param name="Kind">Why.</param>
/// <param name="TableId">Table of the entry.</param>
/// <param name="Cookie">Cookie of the entry; all ones for packets that no entry sent.</param>
/// <param name="InPort">Ingress port.</param>
/// <param name="Metadata">Pipeline metadata.</param>
/// <param name="TunnelId">Tunnel id.</param>
public sealed record PacketInRecord(
    byte[] Data, int TotalLength, PacketInKind Kind, byte TableId, ulong Cookie, uint InPort, ulong Metadata, ulong TunnelId);
