using Oko.OpenFlow.Match;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Messages;

/// <summary>OFPT_PACKET_IN. Source: OpenFlow 1.3.5, 7.4.1.</summary>
/// <param name="Buffer">Where the switch keeps the packet.</param>
/// <param name="TotalLength">Size of the whole packet in bytes.</param>
/// <param name="Reason">Why.</param>
/// <param name="Table">Table of the entry.</param>
/// <param name="Cookie">Cookie of the entry.</param>
/// <param name="Match">Pipeline fields: at least in_port.</param>
/// <param name="Data">The packet or its start.</param>
public sealed record PacketIn(
    BufferId Buffer, ushort TotalLength, PacketInReason Reason, TableId Table, Cookie Cookie, FlowMatch Match, byte[] Data) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.PacketIn;
}

/// <summary>OFPT_FLOW_REMOVED. Source: OpenFlow 1.3.5, 7.4.2.</summary>
public sealed record FlowRemoved : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.FlowRemoved;

    /// <summary>Cookie of the entry.</summary>
    public Cookie Cookie { get; init; }

    /// <summary>Priority of the entry.</summary>
    public ushort Priority { get; init; }

    /// <summary>Why it is gone.</summary>
    public FlowRemovedReason Reason { get; init; }

    /// <summary>Its table.</summary>
    public TableId Table { get; init; }

    /// <summary>How long it lived.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>Its idle timeout.</summary>
    public ushort IdleTimeoutSeconds { get; init; }

    /// <summary>Its hard timeout.</summary>
    public ushort HardTimeoutSeconds { get; init; }

    /// <summary>Packets it matched.</summary>
    public ulong PacketCount { get; init; }

    /// <summary>Bytes it matched.</summary>
    public ulong ByteCount { get; init; }

    /// <summary>Its match.</summary>
    public FlowMatch Match { get; init; } = FlowMatch.Any;
}

/// <summary><c>struct ofp_port</c>. Source: OpenFlow 1.3.5, 7.2.1.</summary>
public sealed record PortDescription
{
    /// <summary>Number.</summary>
    public PortNumber Number { get; init; }

    /// <summary>Ethernet address, right-aligned.</summary>
    public ulong HardwareAddress { get; init; }

    /// <summary>Name, at most 15 bytes.</summary>
    public string Name { get; init; } = string.Empty;

    /// <summary>Configuration.</summary>
    public PortConfig Config { get; init; }

    /// <summary>State.</summary>
    public PortState State { get; init; }

    /// <summary>Current features.</summary>
    public PortFeatures Current { get; init; }

    /// <summary>Advertised features.</summary>
    public PortFeatures Advertised { get; init; }

    /// <summary>Supported features.</summary>
    public PortFeatures Supported { get; init; }

    /// <summary>Features advertised by the peer.</summary>
    public PortFeatures Peer { get; init; }

    /// <summary>Current speed in kilobits per second.</summary>
    public uint CurrentSpeedKbps { get; init; }

    /// <summary>Highest speed in kilobits per second.</summary>
    public uint MaxSpeedKbps { get; init; }
}

/// <summary>OFPT_PORT_STATUS. Source: OpenFlow 1.3.5, 7.4.3.</summary>
public sealed record PortStatus(PortReason Reason, PortDescription Port) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.PortStatus;
}
