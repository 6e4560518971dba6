using System.Collections.Immutable;
using Oko.Datapath.Groups;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Rules.Groups;

/// <summary>Turns the buckets of a group-mod into what the worker executes, with the errors of the standard. Stateless; control
/// thread, since buckets name groups.</summary>
/// <remarks>
/// <para>Source: OpenFlow 1.3.5, 5.6 "Group Table", 7.3.4.2 and 7.4.4 (error codes of OFPET_GROUP_MOD_FAILED).</para>
/// <para>Weights mean something in select groups only, watch ports and groups in select and fast failover groups only; elsewhere
/// they are kept for GROUP_DESC and have no effect, as controllers fill them with all sorts of values.</para>
/// </remarks>
internal static class GroupTranslator
{
    /// <summary>Buckets of one group at most; the description of such a group fits one multipart message as long as the buckets'
    /// actions do (<see cref="MaxModBytes"/>).</summary>
    public const int MaxBuckets = 1024;

    private const int MaxModBytes = 59_000;

    /// <summary>Translates type and buckets.</summary>
    /// <param name="mod">As decoded.</param>
    /// <param name="targets">What the actions name.</param>
    /// <exception cref="OpenFlowErrorException">GroupModFailed, or BadAction for what stands in a bucket.</exception>
    public static GroupContents Translate(GroupMod mod, ActionTargets targets)
    {
        var kind = mod.GroupType switch
        {
            GroupType.All => GroupKind.All,
            GroupType.Select => GroupKind.Select,
            GroupType.Indirect => GroupKind.Indirect,
            GroupType.Ff => GroupKind.FastFailover,
            _ => throw Failed(GroupModFailedCode.BadType, $"group {mod.Group.Value}: type {(byte)mod.GroupType} is unknown; allowed are 0..3"),
        };
        CheckSize(mod);
        if (kind == GroupKind.Indirect && mod.Buckets.Length != 1)
        {
            throw Failed(GroupModFailedCode.InvalidGroup, $"group {mod.Group.Value}: an indirect group has one bucket, not {mod.Buckets.Length}");
        }

        if (kind == GroupKind.Select && !mod.Buckets.IsEmpty && mod.Buckets.All(bucket => bucket.Weight == 0))
        {
            throw Failed(GroupModFailedCode.InvalidGroup, $"group {mod.Group.Value}: the weights of a select group cannot all be 0");
        }

        var watches = kind is GroupKind.Select or GroupKind.FastFailover;
        return new GroupContents(kind, [.. mod.Buckets.Select(bucket => Translate(bucket, watches, targets))]);
    }

    /// <summary>The groups that buckets send packets to or watch.</summary>
    public static ImmutableArray<uint> NamedGroups(GroupContents contents) =>
    [
        .. contents.Buckets
            .SelectMany(bucket => bucket.Actions.Select(action => action.Group).Append(bucket.WatchGroup))
            .OfType<Group>().Select(group => group.Id).Distinct(),
    ];

    private static Bucket Translate(GroupBucket bucket, bool watches, ActionTargets targets) => new()
    {
        Weight = bucket.Weight,
        WatchPort = watches ? WatchedPort(bucket.WatchPort) : 0,
        WatchGroup = watches ? WatchedGroup(bucket.WatchGroup, targets) : null,
        Actions = ActionTranslator.Translate(bucket.Actions, isPacketOut: false, targets),
    };

    private static uint WatchedPort(PortNumber port)
    {
        if (port == PortNumber.Any)
        {
            return 0;
        }

        var isPlain = port.Value >= 1 && port.Value <= PortNumber.Max.Value;
        return isPlain || port == PortNumber.Local
            ? port.Value
            : throw Failed(GroupModFailedCode.BadWatch, $"watch_port 0x{port.Value:x}: allowed are port numbers, LOCAL and ANY");
    }

    private static Group? WatchedGroup(GroupId group, ActionTargets targets)
    {
        if (group == GroupId.Any)
        {
            return null;
        }

        return targets.FindGroup(group.Value)
            ?? throw Failed(GroupModFailedCode.BadWatch, $"watch_group {group.Value} does not exist; name a group that does, or ANY");
    }

    /// <summary>What could be installed but not described would break every dump of the groups.</summary>
    private static void CheckSize(GroupMod mod)
    {
        if (mod.Buckets.Length > MaxBuckets)
        {
            throw Failed(GroupModFailedCode.OutOfBuckets, $"group {mod.Group.Value}: {mod.Buckets.Length} buckets; at most {MaxBuckets} are allowed");
        }

        var bytes = MessageCodec.Encode(mod).Length;
        if (bytes > MaxModBytes)
        {
            throw Failed(GroupModFailedCode.OutOfBuckets, $"group {mod.Group.Value}: the message has {bytes} bytes; at most {MaxModBytes} are allowed");
        }
    }

    private static OpenFlowErrorException Failed(GroupModFailedCode code, string detail) => new(ErrorType.GroupModFailed, (ushort)code, detail);
}
