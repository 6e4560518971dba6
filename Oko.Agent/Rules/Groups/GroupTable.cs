using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Oko.Datapath.Groups;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Rules.Groups;

/// <summary>
/// The groups of the switch: carries out group-mods, each whole or not at all, and answers requests about groups. Control thread
/// only.
/// </summary>
/// <remarks>
/// <para>Source: OpenFlow 1.3.5, 6.5 "Group Table Modification Messages", 7.3.5.9 to 7.3.5.11.</para>
/// <para>Flow entries that use a group go with it. That holds for entries, too, that the sender of the delete does not see, since
/// they name a filter: an entry cannot send packets to a group that is not there.</para>
/// </remarks>
internal sealed class GroupTable(RuleStore rules, ChangeJournal journal, ActionTargets targets, Func<long> clock, Action<Rule, FlowRemovedReason> removed)
{
    /// <summary>Groups there can be.</summary>
    public const int MaxGroups = 65_536;

    private readonly Dictionary<uint, GroupRecord> _groups = [];
    private readonly UserIndex<GroupRecord> _chained = new();

    /// <summary>The group of a number, or null.</summary>
    public Group? Find(uint id) => _groups.TryGetValue(id, out var record) ? record.Group : null;

    /// <summary>Carries out one group-mod.</summary>
    /// <exception cref="OpenFlowErrorException">It is refused and nothing has changed.</exception>
    public void Apply(GroupMod mod)
    {
        switch (mod.Command)
        {
            case GroupModCommand.Add:
                Add(mod);
                break;
            case GroupModCommand.Modify:
                Modify(mod);
                break;
            case GroupModCommand.Delete:
                Delete(mod.Group);
                break;
            default:
                throw Failed(GroupModFailedCode.BadCommand, $"group-mod command {(ushort)mod.Command}: allowed are 0..2");
        }
    }

    /// <summary>OFPMP_GROUP: one group, or all; nothing if there is none of that number.</summary>
    public ImmutableArray<GroupStatsEntry> Statistics(GroupId id)
    {
        var now = clock();
        return [.. Select(id).Select(record => new GroupStatsEntry
        {
            Group = new GroupId(record.Group.Id),
            ReferenceCount = (uint)(rules.UsersOfGroup.CountOf(record.Group.Id) + _chained.CountOf(record.Group.Id)),
            Processed = new TrafficCount(record.Group.PacketCount, record.Group.ByteCount),
            Duration = TimeSpan.FromTicks(Math.Max(0, now - record.CreatedNanoseconds) / TimeSpan.NanosecondsPerTick),
            Buckets = [.. record.Group.Contents.Buckets.Select(bucket => new TrafficCount(bucket.PacketCount, bucket.ByteCount))],
        })];
    }

    /// <summary>OFPMP_GROUP_DESC: all groups, as they were configured.</summary>
    public ImmutableArray<GroupDescription> Describe() =>
        [.. Select(GroupId.All).Select(record => new GroupDescription(record.Type, new GroupId(record.Group.Id), record.Buckets))];

    private void Add(GroupMod mod)
    {
        var id = mod.Group.Value;
        if (id > GroupId.Max.Value)
        {
            throw Failed(GroupModFailedCode.InvalidGroup, $"group 0x{id:x}: allowed are 0..0x{GroupId.Max.Value:x}");
        }

        if (_groups.ContainsKey(id))
        {
            throw Failed(GroupModFailedCode.GroupExists, $"group {id} exists; modify or delete it");
        }

        if (_groups.Count >= MaxGroups)
        {
            throw Failed(GroupModFailedCode.OutOfGroups, $"there are {_groups.Count} groups, the most this switch holds");
        }

        var contents = Translate(mod);
        var record = new GroupRecord(new Group(id, contents), clock());
        Insert(record, mod.GroupType, mod.Buckets);
    }

    /// <summary>The counters of the group go on, those of its buckets start anew (6.5).</summary>
    private void Modify(GroupMod mod)
    {
        if (!_groups.TryGetValue(mod.Group.Value, out var record))
        {
            throw Failed(GroupModFailedCode.UnknownGroup, $"group {mod.Group.Value} does not exist; add it");
        }

        Configure(record, mod.GroupType, mod.Buckets, Translate(mod));
    }

    private GroupContents Translate(GroupMod mod)
    {
        var contents = GroupTranslator.Translate(mod, targets);
        GroupChains.Check(mod.Group.Value, contents, _groups, _chained.CountOf(mod.Group.Value) != 0);
        return contents;
    }

    private void Insert(GroupRecord record, GroupType type, ImmutableArray<GroupBucket> buckets)
    {
        if (journal.IsOpen)
        {
            journal.NoteInverse(() => Remove(record));
        }

        _groups.Add(record.Group.Id, record);
        TakeOver(record, type, buckets, record.Group.Contents);
    }

    private void Configure(GroupRecord record, GroupType type, ImmutableArray<GroupBucket> buckets, GroupContents contents)
    {
        if (journal.IsOpen)
        {
            var (oldType, oldBuckets, oldContents) = (record.Type, record.Buckets, record.Group.Contents);
            journal.NoteInverse(() => Configure(record, oldType, oldBuckets, oldContents));
        }

        record.Group.Contents = contents;
        TakeOver(record, type, buckets, contents);
    }

    private void TakeOver(GroupRecord record, GroupType type, ImmutableArray<GroupBucket> buckets, GroupContents contents)
    {
        ForgetChained(record);
        record.Type = type;
        record.Buckets = buckets;
        record.Named = GroupTranslator.NamedGroups(contents);
        foreach (var named in record.Named)
        {
            _chained.Add(named, record);
        }
    }

    private void ForgetChained(GroupRecord record)
    {
        foreach (var named in record.Named)
        {
            _chained.Remove(named, record);
        }
    }

    /// <summary>The type does not matter; a group that is not there is no error (6.5).</summary>
    private void Delete(GroupId id)
    {
        if (id == GroupId.All)
        {
            foreach (var record in Select(id).ToArray())
            {
                Remove(record);
            }

            return;
        }

        if (id.Value > GroupId.Max.Value)
        {
            throw Failed(GroupModFailedCode.InvalidGroup, $"group 0x{id.Value:x}: allowed are 0..0x{GroupId.Max.Value:x} and ALL");
        }

        if (!TryFindRecord(id, out var found))
        {
            return;
        }

        if (_chained.UsersOf(id.Value) is [var user, ..])
        {
            throw Failed(GroupModFailedCode.ChainedGroup, $"group {id.Value} is used by group {user.Group.Id}; modify or delete that first");
        }

        Remove(found);
    }

    private void Remove(GroupRecord record)
    {
        foreach (var rule in rules.UsersOfGroup.UsersOf(record.Group.Id))
        {
            rules.Remove(rule);
            removed(rule, FlowRemovedReason.GroupDelete);
        }

        if (journal.IsOpen)
        {
            journal.NoteInverse(() => Insert(record, record.Type, record.Buckets));
        }

        ForgetChained(record);
        _groups.Remove(record.Group.Id);
    }

    private bool TryFindRecord(GroupId id, [NotNullWhen(true)] out GroupRecord? record) => _groups.TryGetValue(id.Value, out record);

    private IEnumerable<GroupRecord> Select(GroupId id)
    {
        if (id == GroupId.All)
        {
            return _groups.Values.OrderBy(record => record.Group.Id);
        }

        return TryFindRecord(id, out var record) ? [record] : [];
    }

    private static OpenFlowErrorException Failed(GroupModFailedCode code, string detail) => new(ErrorType.GroupModFailed, (ushort)code, detail);
}
