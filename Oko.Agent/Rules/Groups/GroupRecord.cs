using System.Collections.Immutable;
using Oko.Datapath.Groups;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;

namespace Oko.Agent.Rules.Groups;

/// <summary>The rule manager's record of one group: what the controller said, and the group that the worker executes. Control
/// thread only.</summary>
internal sealed class GroupRecord(Group group, long createdNanoseconds)
{
    /// <summary>The group in the datapath; its counters are live.</summary>
    public Group Group { get; } = group;

    /// <summary>When it was added, on the datapath's clock.</summary>
    public long CreatedNanoseconds { get; } = createdNanoseconds;

    /// <summary>Type as the controller sent it.</summary>
    public GroupType Type { get; set; }

    /// <summary>Buckets as the controller sent them.</summary>
    public ImmutableArray<GroupBucket> Buckets { get; set; } = [];

    /// <summary>Groups that its buckets send packets to or watch.</summary>
    public ImmutableArray<uint> Named { get; set; } = [];
}
