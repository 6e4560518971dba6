using System.Collections.Immutable;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;
using static Oko.Agent.Tests.Rules.RuleBench;

namespace Oko.Agent.Tests.Rules;

public sealed class GroupTests
{
    private RuleBench _bench = null!;

    [SetUp]
    public void SetUp() => _bench = new RuleBench();

    [TearDown]
    public void TearDown() => _bench.Dispose();

    [Test]
    public void Group_AddedUsedAndModified_PacketsAndCountersFollow()
    {
        Do(Mod(GroupModCommand.Add, 7, GroupType.Indirect, Bucket(Output(2))));
        _bench.Do(Add(5, FlowMatch.Any, ToGroup(7)));
        _bench.Forward(1, 2, count: 3);
        Do(Mod(GroupModCommand.Modify, 7, GroupType.All, Bucket(Output(3))));
        _bench.Forward(1, 3);
        var statistics = Stats(7).Should().ContainSingle().Subject;
        statistics.ReferenceCount.Should().Be(1);
        statistics.Processed.Should().Be(new TrafficCount(4, 240), "the counters of the group go on");
        statistics.Buckets.Should().Equal(new TrafficCount(1, 60));
        Descriptions().Should().BeEquivalentTo([new GroupDescription(GroupType.All, new GroupId(7), [Bucket(Output(3))])]);
    }

    [Test]
    public void Delete_GroupInUse_TakesItsEntriesAlong()
    {
        Do(Mod(GroupModCommand.Add, 7, GroupType.All));
        Do(Mod(GroupModCommand.Add, 8, GroupType.All));
        _bench.Do(Add(5, FlowMatch.Any, ToGroup(7)) with { Flags = FlowModFlags.SendFlowRem });
        _bench.Do(Add(6, Match((OxmCatalogue.InPort, 1)), ToGroup(8), Output(2)));
        _bench.Do(RuleBench.Mod(FlowModCommand.Add, 7, Match((OxmCatalogue.InPort, 2)), [new WriteActionsInstruction([ToGroup(7)])]));
        Do(Mod(GroupModCommand.Delete, 7, GroupType.Select));
        _bench.Stats().Should().ContainSingle().Which.Priority.Should().Be(6);
        _bench.ExpectRemoved().Reason.Should().Be(FlowRemovedReason.GroupDelete);
        Do(Mod(GroupModCommand.Delete, 7, GroupType.All), "a group that is not there is no error");
        Do(Mod(GroupModCommand.Delete, GroupId.All.Value, GroupType.All));
        _bench.Stats().Should().BeEmpty();
        Descriptions().Should().BeEmpty();
    }

    [Test]
    public void ReferenceCount_EntriesChangeTheirActions_IsExact()
    {
        Do(Mod(GroupModCommand.Add, 1, GroupType.All));
        Do(Mod(GroupModCommand.Add, 2, GroupType.All, Bucket(ToGroup(1))));
        _bench.Do(Add(5, FlowMatch.Any, ToGroup(1), ToGroup(1)));
        Stats(1).Single().ReferenceCount.Should().Be(2, "one entry and one group");
        _bench.Do(RuleBench.Mod(FlowModCommand.Modify, 0, FlowMatch.Any, Apply(ToGroup(2))));
        Stats(1).Single().ReferenceCount.Should().Be(1);
        Stats(2).Single().ReferenceCount.Should().Be(1);
        _bench.Do(Add(5, FlowMatch.Any, Output(2)));
        Stats(2).Single().ReferenceCount.Should().Be(0);
        Do(Mod(GroupModCommand.Modify, 2, GroupType.All));
        Stats(1).Single().ReferenceCount.Should().Be(0);
    }

    [Test]
    public void OutGroup_InDeletesAndStatistics_SelectsItsEntries()
    {
        Do(Mod(GroupModCommand.Add, 1, GroupType.All));
        _bench.Do(Add(5, FlowMatch.Any, ToGroup(1)));
        _bench.Do(Add(6, FlowMatch.Any, Output(2)));
        _bench.Stats(AllFlows() with { OutGroup = new GroupId(1) }).Should().ContainSingle().Which.Priority.Should().Be(5);
        _bench.Stats(AllFlows() with { OutGroup = GroupId.All }).Should().HaveCount(2, "some controllers say ALL for any");
        _bench.Do(RuleBench.Mod(FlowModCommand.Delete, 0, FlowMatch.Any) with { OutGroup = new GroupId(1) });
        _bench.Stats().Should().ContainSingle().Which.Priority.Should().Be(6);
    }

    [Test]
    public void Refused_EachKindOfMistake_HasItsCodeAndChangesNothing()
    {
        Do(Mod(GroupModCommand.Add, 1, GroupType.All));
        Do(Mod(GroupModCommand.Add, 2, GroupType.All, Bucket(ToGroup(1))));
        Refuse(Mod(GroupModCommand.Add, 1, GroupType.All), GroupModFailedCode.GroupExists);
        Refuse(Mod(GroupModCommand.Add, 0xFFFFFF01, GroupType.All), GroupModFailedCode.InvalidGroup);
        Refuse(Mod(GroupModCommand.Delete, GroupId.Any.Value, GroupType.All), GroupModFailedCode.InvalidGroup);
        Refuse(Mod(GroupModCommand.Add, 3, GroupType.Indirect), GroupModFailedCode.InvalidGroup);
        Refuse(Mod(GroupModCommand.Add, 3, GroupType.Indirect, Bucket(), Bucket()), GroupModFailedCode.InvalidGroup);
        Refuse(Mod(GroupModCommand.Add, 3, GroupType.Select, Bucket() with { Weight = 0 }, Bucket() with { Weight = 0 }), GroupModFailedCode.InvalidGroup);
        Refuse(Mod(GroupModCommand.Add, 3, (GroupType)4), GroupModFailedCode.BadType);
        Refuse(Mod((GroupModCommand)3, 3, GroupType.All), GroupModFailedCode.BadCommand);
        Refuse(Mod(GroupModCommand.Modify, 3, GroupType.All), GroupModFailedCode.UnknownGroup);
        Refuse(Mod(GroupModCommand.Modify, 1, GroupType.All, Bucket(ToGroup(2))), GroupModFailedCode.Loop);
        Refuse(Mod(GroupModCommand.Modify, 1, GroupType.All, Bucket(ToGroup(1))), GroupModFailedCode.Loop);
        Refuse(Mod(GroupModCommand.Modify, 1, GroupType.Ff, Bucket() with { WatchGroup = new GroupId(2) }), GroupModFailedCode.Loop);
        Refuse(Mod(GroupModCommand.Delete, 1, GroupType.All), GroupModFailedCode.ChainedGroup);
        Refuse(Mod(GroupModCommand.Add, 3, GroupType.Ff, Bucket() with { WatchPort = new PortNumber(0) }), GroupModFailedCode.BadWatch);
        Refuse(Mod(GroupModCommand.Add, 3, GroupType.Ff, Bucket() with { WatchGroup = new GroupId(9) }), GroupModFailedCode.BadWatch);
        Refuse(Mod(GroupModCommand.Add, 3, GroupType.All, [.. Enumerable.Repeat(Bucket(), 1025)]), GroupModFailedCode.OutOfBuckets);
        Refuse(Mod(GroupModCommand.Add, 3, GroupType.All, Bucket(ToGroup(9))), BadActionCode.BadOutGroup);
        _bench.Refuse(Add(5, FlowMatch.Any, ToGroup(9)), BadActionCode.BadOutGroup);
    }

    [Test]
    public void Chain_TooDeepOrTooWide_IsRefusedWhereverItGrows()
    {
        for (uint id = 1; id <= 16; id++)
        {
            Do(Mod(GroupModCommand.Add, id, GroupType.All, id == 1 ? [] : [Bucket(ToGroup(id - 1))]));
        }

        Refuse(Mod(GroupModCommand.Add, 17, GroupType.All, Bucket(ToGroup(16))), GroupModFailedCode.ChainingUnsupported);
        Do(Mod(GroupModCommand.Add, 20, GroupType.All));
        Refuse(Mod(GroupModCommand.Modify, 1, GroupType.All, Bucket(ToGroup(20))), GroupModFailedCode.ChainingUnsupported);
        Do(Mod(GroupModCommand.Add, 30, GroupType.All, [.. Enumerable.Repeat(Bucket(Output(2)), 64)]));
        Do(Mod(GroupModCommand.Add, 31, GroupType.All, [.. Enumerable.Repeat(Bucket(ToGroup(30)), 60)]));
        Refuse(Mod(GroupModCommand.Add, 32, GroupType.All, Bucket(ToGroup(31)), Bucket(ToGroup(31))), GroupModFailedCode.OutOfBuckets);
        Refuse(Mod(GroupModCommand.Modify, 30, GroupType.All, [.. Enumerable.Repeat(Bucket(Output(2)), 80)]), GroupModFailedCode.OutOfBuckets);
        Do(Mod(GroupModCommand.Add, 32, GroupType.Select, Bucket(ToGroup(31)), Bucket(ToGroup(31))), "only one of them is executed");
    }

    private static GroupBucket Bucket(params OfAction[] actions) => new(1, PortNumber.Any, GroupId.Any, [.. actions]);

    private static OfAction ToGroup(uint id) => new GroupAction(new GroupId(id));

    private static GroupMod Mod(GroupModCommand command, uint id, GroupType type, params GroupBucket[] buckets) => new(command, type, new GroupId(id), [.. buckets]);

    private void Do(GroupMod mod, string because = "") =>
        FluentActions.Invoking(() => _bench.Rules.RunAsync(() => _bench.Rules.ApplyGroupMod(mod)).GetAwaiter().GetResult()).Should().NotThrow(because);

    private void Refuse(GroupMod mod, Enum code)
    {
        var before = Descriptions();
        var error = FluentActions.Invoking(() => _bench.Rules.RunAsync(() => _bench.Rules.ApplyGroupMod(mod)).GetAwaiter().GetResult())
            .Should().Throw<OpenFlowErrorException>().Which;
        (error.Type, error.Code).Should().Be((TypeOf(code), Convert.ToUInt16(code)), "{0}", error.Message);
        Descriptions().Should().Equal(before, "a refused group-mod changes nothing");
    }

    private static ErrorType TypeOf(Enum code) => code is BadActionCode ? ErrorType.BadAction : ErrorType.GroupModFailed;

    private ImmutableArray<GroupDescription> Descriptions() => _bench.Rules.RunAsync(_bench.Rules.GetGroups).GetAwaiter().GetResult();

    private ImmutableArray<GroupStatsEntry> Stats(uint id) => _bench.Rules.RunAsync(() => _bench.Rules.GetGroupStats(new GroupId(id))).GetAwaiter().GetResult();
}
