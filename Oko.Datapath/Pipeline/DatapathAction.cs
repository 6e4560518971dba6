using Oko.Datapath.Groups;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Pipeline;

/// <summary>What an action does, in the order in which an action set is executed (OpenFlow 1.3.5, 5.10 "Action Set").</summary>
public enum ActionKind : byte
{
    /// <summary>Copy the TTL from the outermost header to the next.</summary>
    CopyTtlIn,

    /// <summary>Remove the outermost VLAN tag.</summary>
    PopVlan,

    /// <summary>Remove the outermost PBB service instance header.</summary>
    PopPbb,

    /// <summary>Remove the outermost MPLS label stack entry.</summary>
    PopMpls,

    /// <summary>Push an MPLS label stack entry.</summary>
    PushMpls,

    /// <summary>Push a PBB service instance header.</summary>
    PushPbb,

    /// <summary>Push a VLAN tag.</summary>
    PushVlan,

    /// <summary>Copy the TTL from the next header to the outermost.</summary>
    CopyTtlOut,

    /// <summary>Decrement the MPLS TTL.</summary>
    DecMplsTtl,

    /// <summary>Decrement the IP TTL.</summary>
    DecNwTtl,

    /// <summary>Write the MPLS TTL.</summary>
    SetMplsTtl,

    /// <summary>Write the IP TTL.</summary>
    SetNwTtl,

    /// <summary>Write a header field.</summary>
    SetField,

    /// <summary>Choose the queue of later outputs.</summary>
    SetQueue,

    /// <summary>Process by a group.</summary>
    Group,

    /// <summary>Send to a port.</summary>
    Output,
}

/// <summary>One action as the worker executes it. Immutable.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Port">Output: port number, reserved ones as in OpenFlow (<see cref="ReservedPort"/>); SetQueue: number of the queue.</param>
/// <param name="MaxLength">Output to the controller: bytes of the packet to send at most; 0xFFFF = all.</param>
/// <param name="Field">SetField: which.</param>
/// <param name="Value">SetField, SetMplsTtl, SetNwTtl: the value, right-aligned, host order.</param>
/// <param name="EtherType">Push: type of the new header; PopMpls: type of what is behind.</param>
/// <param name="Group">Group: which.</param>
public readonly record struct DatapathAction(
    ActionKind Kind, uint Port = 0, ushort MaxLength = 0, FlowField Field = 0, UInt128 Value = default, ushort EtherType = 0, Group? Group = null)
{
    /// <summary>Sends to a port.</summary>
    public static DatapathAction Output(uint port, ushort maxLength = 0xFFFF) => new(ActionKind.Output, Port: port, MaxLength: maxLength);

    /// <summary>Writes a header field.</summary>
    public static DatapathAction SetField(FlowField field, UInt128 value) => new(ActionKind.SetField, Field: field, Value: value);

    /// <summary>Processes the packet, or a copy of it, by a group.</summary>
    public static DatapathAction ToGroup(Group group) => new(ActionKind.Group, Group: group);

    /// <summary>Lets later outputs of the packet leave by a queue of the port they go to.</summary>
    public static DatapathAction SetQueue(uint queue) => new(ActionKind.SetQueue, Port: queue);

    /// <summary>Pushes a VLAN tag.</summary>
    public static DatapathAction PushVlan(ushort etherType) => new(ActionKind.PushVlan, EtherType: etherType);

    /// <summary>Removes the outermost VLAN tag.</summary>
    public static DatapathAction PopVlan() => new(ActionKind.PopVlan);

    /// <summary>Pushes an MPLS label stack entry (0x8847 or 0x8848).</summary>
    public static DatapathAction PushMpls(ushort etherType) => new(ActionKind.PushMpls, EtherType: etherType);

    /// <summary>Removes the outermost MPLS label stack entry; what is behind has this EtherType.</summary>
    public static DatapathAction PopMpls(ushort etherType) => new(ActionKind.PopMpls, EtherType: etherType);

    /// <summary>Pushes a PBB service instance header (0x88e7).</summary>
    public static DatapathAction PushPbb(ushort etherType) => new(ActionKind.PushPbb, EtherType: etherType);

    /// <summary>Removes the outermost PBB service instance header.</summary>
    public static DatapathAction PopPbb() => new(ActionKind.PopPbb);

    /// <summary>Copies the TTL from the outermost header to the next.</summary>
    public static DatapathAction CopyTtlIn() => new(ActionKind.CopyTtlIn);

    /// <summary>Copies the TTL from the next header to the outermost.</summary>
    public static DatapathAction CopyTtlOut() => new(ActionKind.CopyTtlOut);

    /// <summary>Decrements the MPLS TTL.</summary>
    public static DatapathAction DecMplsTtl() => new(ActionKind.DecMplsTtl);

    /// <summary>Decrements the IP TTL.</summary>
    public static DatapathAction DecNwTtl() => new(ActionKind.DecNwTtl);

    /// <summary>Writes the MPLS TTL.</summary>
    public static DatapathAction SetMplsTtl(byte ttl) => new(ActionKind.SetMplsTtl, Value: ttl);

    /// <summary>Writes the IP TTL.</summary>
    public static DatapathAction SetNwTtl(byte ttl) => new(ActionKind.SetNwTtl, Value: ttl);
}

/// <summary>Port numbers with a meaning of their own. Source: OpenFlow 1.3.5, 7.2.1 "Port Structures".</summary>
public static class ReservedPort
{
    /// <summary>OFPP_IN_PORT.</summary>
    public const uint InPort = 0xFFFFFFF8;

    /// <summary>OFPP_TABLE.</summary>
    public const uint Table = 0xFFFFFFF9;

    /// <summary>OFPP_NORMAL.</summary>
    public const uint Normal = 0xFFFFFFFA;

    /// <summary>OFPP_FLOOD.</summary>
    public const uint Flood = 0xFFFFFFFB;

    /// <summary>OFPP_ALL.</summary>
    public const uint All = 0xFFFFFFFC;

    /// <summary>OFPP_CONTROLLER.</summary>
    public const uint Controller = 0xFFFFFFFD;

    /// <summary>OFPP_LOCAL.</summary>
    public const uint Local = 0xFFFFFFFE;
}
