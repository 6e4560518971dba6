using Oko.Datapath.Groups;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Pipeline;

/// <summary>What an action does.</summary>
public enum ActionKind : byte
{
    /// <summary>Send to a port.</summary>
    Output,

    /// <summary>Write a header field.</summary>
    SetField,

    /// <summary>Push a VLAN tag.</summary>
    PushVlan,

    /// <summary>Remove the outermost VLAN tag.</summary>
    PopVlan,

    /// <summary>Process by a group.</summary>
    Group,
}

/// <summary>One action as the worker executes it. Immutable.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Port">Output: port number, reserved ones as in OpenFlow (<see cref="ReservedPort"/>).</param>
/// <param name="MaxLength">Output to the controller: bytes of the packet to send at most; 0xFFFF = all.</param>
/// <param name="Field">SetField: which.</param>
/// <param name="Value">SetField: the value, right-aligned, host order.</param>
/// <param name="EtherType">PushVlan: TPID of the tag.</param>
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

    /// <summary>Pushes a VLAN tag.</summary>
    public static DatapathAction PushVlan(ushort etherType) => new(ActionKind.PushVlan, EtherType: etherType);

    /// <summary>Removes the outermost VLAN tag.</summary>
    public static DatapathAction PopVlan() => new(ActionKind.PopVlan);
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
