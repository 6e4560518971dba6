using Oko.OpenFlow.Match;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Actions;

/// <summary>An action on the wire. Source: OpenFlow 1.3.5, 7.2.5 "Action Structures".</summary>
public abstract record OfAction;

/// <summary>OFPAT_OUTPUT.</summary>
/// <param name="Port">Where to.</param>
/// <param name="MaxLength">To the controller: bytes at most; 0xFFFF (OFPCML_NO_BUFFER) = all.</param>
public sealed record OutputAction(PortNumber Port, ushort MaxLength = 0xFFFF) : OfAction;

/// <summary>OFPAT_GROUP.</summary>
public sealed record GroupAction(GroupId Group) : OfAction;

/// <summary>OFPAT_SET_QUEUE.</summary>
public sealed record SetQueueAction(QueueId Queue) : OfAction;

/// <summary>OFPAT_SET_MPLS_TTL.</summary>
public sealed record SetMplsTtlAction(byte Ttl) : OfAction;

/// <summary>OFPAT_DEC_MPLS_TTL.</summary>
public sealed record DecMplsTtlAction : OfAction;

/// <summary>OFPAT_SET_NW_TTL.</summary>
public sealed record SetNwTtlAction(byte Ttl) : OfAction;

/// <summary>OFPAT_DEC_NW_TTL.</summary>
public sealed record DecNwTtlAction : OfAction;

/// <summary>OFPAT_COPY_TTL_OUT.</summary>
public sealed record CopyTtlOutAction : OfAction;

/// <summary>OFPAT_COPY_TTL_IN.</summary>
public sealed record CopyTtlInAction : OfAction;

/// <summary>OFPAT_PUSH_VLAN.</summary>
public sealed record PushVlanAction(ushort EtherType) : OfAction;

/// <summary>OFPAT_POP_VLAN.</summary>
public sealed record PopVlanAction : OfAction;

/// <summary>OFPAT_PUSH_MPLS.</summary>
public sealed record PushMplsAction(ushort EtherType) : OfAction;

/// <summary>OFPAT_POP_MPLS.</summary>
public sealed record PopMplsAction(ushort EtherType) : OfAction;

/// <summary>OFPAT_PUSH_PBB.</summary>
public sealed record PushPbbAction(ushort EtherType) : OfAction;

/// <summary>OFPAT_POP_PBB.</summary>
public sealed record PopPbbAction : OfAction;

/// <summary>OFPAT_SET_FIELD.</summary>
public sealed record SetFieldAction(OxmEntry Field) : OfAction;

/// <summary>OFPAT_EXPERIMENTER; no such action is known to this codec, so it is only written.</summary>
public sealed record ExperimenterAction(uint Experimenter, byte[] Data) : OfAction;
