using System.Collections.Immutable;
using Oko.Datapath.Groups;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Rules.Groups;

/// <summary>Checks that groups behind groups end, soon, before a change is made. Control thread only.</summary>
/// <remarks>The worker follows chains without counting: what bounds its work for one packet is this check. Source: OpenFlow 1.3.5,
/// 7.3.4.2 (OFPGMFC_LOOP: "Group could not be added or modified because it would create a forwarding loop").</remarks>
internal static class GroupChains
{
    /// <summary>Groups behind one another at most.</summary>
    public const int MaxDepth = 16;

    /// <summary>Buckets that are looked at or executed for one packet at most.</summary>
    public const int MaxSteps = 4096;

    /// <summary>Checks the groups as they would be with new contents in one of them.</summary>
    /// <param name="id">The group that is added or modified.</param>
    /// <param name="contents">Its new contents.</param>
    /// <param name="groups">All groups as they are.</param>
    /// <param name="isChained">Whether another group names it.</param>
    /// <exception cref="OpenFlowErrorException">GroupModFailed: Loop, ChainingUnsupported (too deep) or OutOfBuckets.</exception>
    public static void Check(uint id, GroupContents contents, IReadOnlyDictionary<uint, GroupRecord> groups, bool isChained)
    {
        var named = GroupTranslator.NamedGroups(contents);
        if (named.Contains(id) || named.Any(other => Reaches(other, id, groups, [])))
        {
            throw Failed(GroupModFailedCode.Loop, $"group {id}: its buckets lead back to it");
        }

        // Only a chain that the group is part of can have grown.
        if (named.IsEmpty && !isChained)
        {
            return;
        }

        var known = new Dictionary<uint, Extent>();
        foreach (var group in groups.Keys.Append(id))
        {
            var extent = Measure(group, id, contents, groups, known);
            if (extent.Depth > MaxDepth)
            {
                throw Failed(GroupModFailedCode.ChainingUnsupported, $"group {id}: {extent.Depth} groups would stand behind one another; at most {MaxDepth} are allowed");
            }

            if (extent.Steps > MaxSteps)
            {
                throw Failed(GroupModFailedCode.OutOfBuckets, $"group {id}: a packet to group {group} would concern {extent.Steps} buckets; at most {MaxSteps} are allowed");
            }
        }
    }

    private static bool Reaches(uint from, uint id, IReadOnlyDictionary<uint, GroupRecord> groups, HashSet<uint> seen) =>
        seen.Add(from) && groups[from].Named.Any(next => next == id || Reaches(next, id, groups, seen));

    private static Extent Measure(uint group, uint changed, GroupContents contents, IReadOnlyDictionary<uint, GroupRecord> groups, Dictionary<uint, Extent> known)
    {
        if (known.TryGetValue(group, out var extent))
        {
            return extent;
        }

        var buckets = group == changed ? contents : groups[group].Group.Contents;
        var (depth, looks, sum, longest) = (1, 0L, 0L, 0L);
        foreach (var bucket in buckets.Buckets)
        {
            var steps = 1L;
            foreach (var next in bucket.Actions.Select(action => action.Group).OfType<Group>())
            {
                var behind = Measure(next.Id, changed, contents, groups, known);
                steps += behind.Steps;
                depth = Math.Max(depth, behind.Depth + 1);
            }

            looks++;
            if (bucket.WatchGroup is { } watched)
            {
                var behind = Measure(watched.Id, changed, contents, groups, known);
                looks += behind.Looks;
                depth = Math.Max(depth, behind.Depth + 1);
            }

            sum += steps;
            longest = Math.Max(longest, steps);
        }

        var total = buckets.Kind == GroupKind.All ? sum : looks + longest;
        return known[group] = new Extent(depth, Math.Min(looks, int.MaxValue), Math.Min(total, int.MaxValue));
    }

    private static OpenFlowErrorException Failed(GroupModFailedCode code, string detail) => new(ErrorType.GroupModFailed, (ushort)code, detail);

    /// <summary>What a packet to a group costs.</summary>
    /// <param name="Depth">Groups behind one another.</param>
    /// <param name="Looks">Buckets to look at for a live one.</param>
    /// <param name="Steps">Those, and buckets to execute.</param>
    private readonly record struct Extent(int Depth, long Looks, long Steps);
}
