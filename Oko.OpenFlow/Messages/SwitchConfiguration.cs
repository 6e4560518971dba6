using System.Collections.Immutable;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Messages;

/// <summary>OFPT_FEATURES_REQUEST. Source: OpenFlow 1.3.5, 7.3.1.</summary>
public sealed record FeaturesRequest : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.FeaturesRequest;
}

/// <summary>OFPT_FEATURES_REPLY. Source: OpenFlow 1.3.5, 7.3.1.</summary>
public sealed record FeaturesReply(ulong DatapathId, uint BufferCount, byte TableCount, byte AuxiliaryId, Capabilities Capabilities) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.FeaturesReply;
}

/// <summary>OFPT_GET_CONFIG_REQUEST. Source: OpenFlow 1.3.5, 7.3.2.</summary>
public sealed record GetConfigRequest : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.GetConfigRequest;
}

/// <summary>OFPT_GET_CONFIG_REPLY. Source: OpenFlow 1.3.5, 7.3.2.</summary>
/// <param name="Flags">Fragment handling.</param>
/// <param name="MissSendLength">Bytes of a packet sent to the controller on a table miss.</param>
public sealed record GetConfigReply(ConfigFlags Flags, ushort MissSendLength) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.GetConfigReply;
}

/// <summary>OFPT_SET_CONFIG. Source: OpenFlow 1.3.5, 7.3.2.</summary>
/// <param name="Flags">Fragment handling.</param>
/// <param name="MissSendLength">Bytes of a packet sent to the controller on a table miss.</param>
public sealed record SetConfig(ConfigFlags Flags, ushort MissSendLength) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.SetConfig;
}

/// <summary>OFPT_BARRIER_REQUEST. Source: OpenFlow 1.3.5, 7.3.8.</summary>
public sealed record BarrierRequest : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.BarrierRequest;
}

/// <summary>OFPT_BARRIER_REPLY. Source: OpenFlow 1.3.5, 7.3.8.</summary>
public sealed record BarrierReply : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.BarrierReply;
}

/// <summary>OFPT_ROLE_REQUEST. Source: OpenFlow 1.3.5, 7.3.9.</summary>
public sealed record RoleRequest(ControllerRole Role, ulong GenerationId) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.RoleRequest;
}

/// <summary>OFPT_ROLE_REPLY. Source: OpenFlow 1.3.5, 7.3.9.</summary>
public sealed record RoleReply(ControllerRole Role, ulong GenerationId) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.RoleReply;
}

/// <summary>Which asynchronous messages a connection wants, as bitmaps of reasons; for master or equal, and for slave.
/// Source: OpenFlow 1.3.5, 7.3.10 "Set Asynchronous Configuration Message".</summary>
public sealed record AsyncMasks(
    uint PacketIn, uint PacketInSlave, uint PortStatus, uint PortStatusSlave, uint FlowRemoved, uint FlowRemovedSlave)
{
    /// <summary>What a connection gets that has set nothing (6.3.4 and 7.3.10 of the specification).</summary>
    public static AsyncMasks Default { get; } = new(0x7, 0, 0x7, 0x7, 0xF, 0);
}

/// <summary>OFPT_GET_ASYNC_REQUEST.</summary>
public sealed record GetAsyncRequest : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.GetAsyncRequest;
}

/// <summary>OFPT_GET_ASYNC_REPLY.</summary>
public sealed record GetAsyncReply(AsyncMasks Masks) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.GetAsyncReply;
}

/// <summary>OFPT_SET_ASYNC.</summary>
public sealed record SetAsync(AsyncMasks Masks) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.SetAsync;
}

/// <summary>OFPT_QUEUE_GET_CONFIG_REQUEST. Source: OpenFlow 1.3.5, 7.3.6.</summary>
public sealed record QueueGetConfigRequest(PortNumber Port) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.QueueGetConfigRequest;
}

/// <summary>OFPT_QUEUE_GET_CONFIG_REPLY. Source: OpenFlow 1.3.5, 7.3.6.</summary>
public sealed record QueueGetConfigReply(PortNumber Port, ImmutableArray<QueueDescription> Queues) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.QueueGetConfigReply;
}
