using System.Collections.Immutable;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Messages;

/// <summary>OFPT_FLOW_MOD. Source: OpenFlow 1.3.5, 7.3.4.1 "Modify Flow Entry Message".</summary>
public sealed record FlowMod : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.FlowMod;

    /// <summary>Controller's cookie.</summary>
    public Cookie Cookie { get; init; }

    /// <summary>Bits of the cookie that select entries; not for ADD.</summary>
    public ulong CookieMask { get; init; }

    /// <summary>Table; OFPTT_ALL for deletes.</summary>
    public TableId Table { get; init; }

    /// <summary>What to do.</summary>
    public FlowModCommand Command { get; init; }

    /// <summary>Seconds without a packet; 0 = never.</summary>
    public ushort IdleTimeoutSeconds { get; init; }

    /// <summary>Seconds; 0 = never.</summary>
    public ushort HardTimeoutSeconds { get; init; }

    /// <summary>Priority.</summary>
    public ushort Priority { get; init; } = 0x8000;

    /// <summary>Buffered packet to apply it to.</summary>
    public BufferId Buffer { get; init; } = BufferId.NoBuffer;

    /// <summary>For deletes: only entries that output there.</summary>
    public PortNumber OutPort { get; init; } = PortNumber.Any;

    /// <summary>For deletes: only entries that use that group.</summary>
    public GroupId OutGroup { get; init; } = GroupId.Any;

    /// <summary>OFPFF flags.</summary>
    public FlowModFlags Flags { get; init; }

    /// <summary>What to match.</summary>
    public FlowMatch Match { get; init; } = FlowMatch.Any;

    /// <summary>What to do with packets.</summary>
    public ImmutableArray<Instruction> Instructions { get; init; } = [];
}

/// <summary>OFPT_PORT_MOD. Source: OpenFlow 1.3.5, 7.3.4.3.</summary>
/// <param name="Port">Which.</param>
/// <param name="HardwareAddress">Its Ethernet address, as a check; right-aligned.</param>
/// <param name="Config">Bits to set.</param>
/// <param name="Mask">Which bits.</param>
/// <param name="Advertise">Features to advertise; 0 = as they are.</param>
public sealed record PortMod(PortNumber Port, ulong HardwareAddress, PortConfig Config, PortConfig Mask, PortFeatures Advertise) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.PortMod;
}

/// <summary>OFPT_TABLE_MOD. Source: OpenFlow 1.3.5, 7.3.3.</summary>
public sealed record TableMod(TableId Table, uint Config) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.TableMod;
}

/// <summary>OFPT_PACKET_OUT. Source: OpenFlow 1.3.5, 7.3.7.</summary>
public sealed record PacketOut(BufferId Buffer, PortNumber InPort, ImmutableArray<OfAction> Actions, byte[] Data) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.PacketOut;
}
