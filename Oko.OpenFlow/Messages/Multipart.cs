using System.Collections.Immutable;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Messages;

/// <summary>What a multipart message holds. Source: OpenFlow 1.3.5, 7.3.5 "Multipart Messages".</summary>
public abstract record MultipartBody
{
    /// <summary>OFPMP.</summary>
    public abstract MultipartType MultipartType { get; }
}

/// <summary>A body of a request that has none beyond its type.</summary>
public sealed record EmptyRequest(MultipartType Kind) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => Kind;
}

/// <summary>OFPT_MULTIPART_REQUEST.</summary>
public sealed record MultipartRequest(MultipartBody Body, bool More = false) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.MultipartRequest;
}

/// <summary>OFPT_MULTIPART_REPLY.</summary>
public sealed record MultipartReply(MultipartBody Body, bool More = false) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.MultipartReply;
}

/// <summary>OFPMP_DESC reply. Source: 7.3.5.1.</summary>
public sealed record DescriptionReply(string Manufacturer, string Hardware, string Software, string SerialNumber, string Datapath) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.Desc;
}

/// <summary>OFPMP_FLOW request. Source: 7.3.5.2.</summary>
public sealed record FlowStatsRequest(TableId Table, PortNumber OutPort, GroupId OutGroup, Cookie Cookie, ulong CookieMask, FlowMatch Match) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.Flow;
}

/// <summary>One entry of an OFPMP_FLOW reply.</summary>
public sealed record FlowStatsEntry
{
    /// <summary>Its table.</summary>
    public TableId Table { get; init; }

    /// <summary>How long it lives.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>Its priority.</summary>
    public ushort Priority { get; init; }

    /// <summary>Its idle timeout.</summary>
    public ushort IdleTimeoutSeconds { get; init; }

    /// <summary>Its hard timeout.</summary>
    public ushort HardTimeoutSeconds { get; init; }

    /// <summary>Its flags.</summary>
    public FlowModFlags Flags { get; init; }

    /// <summary>Its cookie.</summary>
    public Cookie Cookie { get; init; }

    /// <summary>Packets it matched.</summary>
    public ulong PacketCount { get; init; }

    /// <summary>Bytes it matched.</summary>
    public ulong ByteCount { get; init; }

    /// <summary>Its match.</summary>
    public FlowMatch Match { get; init; } = FlowMatch.Any;

    /// <summary>Its instructions.</summary>
    public ImmutableArray<Instruction> Instructions { get; init; } = [];
}

/// <summary>OFPMP_FLOW reply.</summary>
public sealed record FlowStatsReply(ImmutableArray<FlowStatsEntry> Entries) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.Flow;
}

/// <summary>OFPMP_AGGREGATE request. Source: 7.3.5.3.</summary>
public sealed record AggregateStatsRequest(TableId Table, PortNumber OutPort, GroupId OutGroup, Cookie Cookie, ulong CookieMask, FlowMatch Match)
    : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.Aggregate;
}

/// <summary>OFPMP_AGGREGATE reply.</summary>
public sealed record AggregateStatsReply(ulong PacketCount, ulong ByteCount, uint FlowCount) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.Aggregate;
}

/// <summary>One table of an OFPMP_TABLE reply. Source: 7.3.5.4.</summary>
public sealed record TableStatsEntry(TableId Table, uint ActiveCount, ulong LookupCount, ulong MatchedCount);

/// <summary>OFPMP_TABLE reply.</summary>
public sealed record TableStatsReply(ImmutableArray<TableStatsEntry> Entries) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.Table;
}

/// <summary>OFPMP_PORT_STATS request. Source: 7.3.5.6.</summary>
public sealed record PortStatsRequest(PortNumber Port) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.PortStats;
}

/// <summary>One port of an OFPMP_PORT_STATS reply. Unavailable counters are all ones.</summary>
public sealed record PortStatsEntry
{
    /// <summary>Number.</summary>
    public PortNumber Port { get; init; }

    /// <summary>Received packets.</summary>
    public ulong ReceivedPackets { get; init; }

    /// <summary>Sent packets.</summary>
    public ulong SentPackets { get; init; }

    /// <summary>Received bytes.</summary>
    public ulong ReceivedBytes { get; init; }

    /// <summary>Sent bytes.</summary>
    public ulong SentBytes { get; init; }

    /// <summary>Packets dropped on the way in.</summary>
    public ulong ReceiveDropped { get; init; }

    /// <summary>Packets dropped on the way out.</summary>
    public ulong SendDropped { get; init; }

    /// <summary>Receive errors.</summary>
    public ulong ReceiveErrors { get; init; }

    /// <summary>Transmit errors.</summary>
    public ulong SendErrors { get; init; }

    /// <summary>How long the port exists.</summary>
    public TimeSpan Duration { get; init; }
}

/// <summary>OFPMP_PORT_STATS reply.</summary>
public sealed record PortStatsReply(ImmutableArray<PortStatsEntry> Entries) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.PortStats;
}

/// <summary>OFPMP_PORT_DESC reply. Source: 7.3.5.7.</summary>
public sealed record PortDescriptionReply(ImmutableArray<PortDescription> Ports) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.PortDesc;
}

/// <summary>OFPMP_QUEUE request. Source: 7.3.5.8.</summary>
public sealed record QueueStatsRequest(PortNumber Port, QueueId Queue) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.Queue;
}

/// <summary>OFPMP_QUEUE reply. Source: 7.3.5.8.</summary>
public sealed record QueueStatsReply(ImmutableArray<QueueStatsEntry> Queues) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.Queue;
}

/// <summary>A property of a table: instruction and action types, next tables or OXM headers, by its type.</summary>
/// <param name="Type">OFPTFPT.</param>
/// <param name="Values">Types, table ids or OXM headers; an experimenter's OXM header is followed by its id.</param>
public sealed record TableFeatureProperty(TableFeatureType Type, ImmutableArray<uint> Values);

/// <summary>One table of OFPMP_TABLE_FEATURES. Source: 7.3.5.5.</summary>
public sealed record TableFeaturesEntry(
    TableId Table, string Name, ulong MetadataMatch, ulong MetadataWrite, uint Config, uint MaxEntries, ImmutableArray<TableFeatureProperty> Properties);

/// <summary>OFPMP_TABLE_FEATURES, request or reply; a request without entries asks.</summary>
public sealed record TableFeatures(ImmutableArray<TableFeaturesEntry> Entries) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.TableFeatures;
}

/// <summary>OFPMP_EXPERIMENTER of somebody else. Source: 7.3.5.15.</summary>
public sealed record ExperimenterMultipart(uint Experimenter, uint ExpType, byte[] Data) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.Experimenter;
}
