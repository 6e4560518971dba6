using System.Collections.Immutable;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Messages;

/// <summary>A bucket of a group. Source: OpenFlow 1.3.5, 7.3.4.2.</summary>
/// <param name="Weight">Share of a select group's packets.</param>
/// <param name="WatchPort">Port whose state says whether the bucket is live; ANY = none.</param>
/// <param name="WatchGroup">Group that must be live instead; ANY = none.</param>
/// <param name="Actions">What is done with the packet, an action set.</param>
public sealed record GroupBucket(ushort Weight, PortNumber WatchPort, GroupId WatchGroup, ImmutableArray<OfAction> Actions);

/// <summary>OFPT_GROUP_MOD. Source: OpenFlow 1.3.5, 7.3.4.2.</summary>
public sealed record GroupMod(GroupModCommand Command, GroupType GroupType, GroupId Group, ImmutableArray<GroupBucket> Buckets) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.GroupMod;
}

/// <summary>OFPMP_GROUP request. Source: 7.3.5.9.</summary>
public sealed record GroupStatsRequest(GroupId Group) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.Group;
}

/// <summary>What passed a bucket or a band.</summary>
public readonly record struct TrafficCount(ulong Packets, ulong Bytes);

/// <summary>One group of an OFPMP_GROUP reply. Source: 7.3.5.9.</summary>
public sealed record GroupStatsEntry
{
    /// <summary>Its id.</summary>
    public GroupId Group { get; init; }

    /// <summary>Flow entries and groups that send packets straight to it.</summary>
    public uint ReferenceCount { get; init; }

    /// <summary>Packets and bytes it processed.</summary>
    public TrafficCount Processed { get; init; }

    /// <summary>How long it exists.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>What each bucket processed, in the order of the group's buckets.</summary>
    public ImmutableArray<TrafficCount> Buckets { get; init; } = [];
}

/// <summary>OFPMP_GROUP reply.</summary>
public sealed record GroupStatsReply(ImmutableArray<GroupStatsEntry> Entries) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.Group;
}

/// <summary>One group of an OFPMP_GROUP_DESC reply. Source: 7.3.5.10.</summary>
public sealed record GroupDescription(GroupType GroupType, GroupId Group, ImmutableArray<GroupBucket> Buckets);

/// <summary>OFPMP_GROUP_DESC reply.</summary>
public sealed record GroupDescriptionReply(ImmutableArray<GroupDescription> Groups) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.GroupDesc;
}

/// <summary>OFPMP_GROUP_FEATURES reply, per group type. Source: 7.3.5.11.</summary>
public sealed record GroupFeaturesReply(uint Types, GroupCapabilities Capabilities, ImmutableArray<uint> MaxGroups, ImmutableArray<uint> Actions) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.GroupFeatures;
}
