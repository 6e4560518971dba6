using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using static Oko.Agent.Tests.Rules.RuleBench;

namespace Oko.Agent.Tests.Rules;

public class FlowModTests
{
    private static readonly (OxmField, ulong) FromPort1 = (OxmCatalogue.InPort, 1);
    private static readonly (OxmField, ulong) Ip = (OxmCatalogue.EthType, 0x0800);

    private RuleBench _bench = null!;

    [SetUp]
    public void SetUp() => _bench = new RuleBench();

    [TearDown]
    public void TearDown() => _bench.Dispose();

    [Test]
    public void Add_Entry_ForwardsAndComesBackInStatsAsInstalled()
    {
        var mod = Add(100, Match(FromPort1, Ip), Output(2)) with
        {
            Cookie = new Cookie(0xABCD),
            IdleTimeoutSeconds = 10,
            HardTimeoutSeconds = 100,
            Flags = FlowModFlags.SendFlowRem | FlowModFlags.NoPktCounts | FlowModFlags.NoBytCounts,
        };
        _bench.Do(mod);
        _bench.Forward(1, 2);
        var entry = _bench.Stats().Should().ContainSingle().Subject;
        entry.Match.Should().Be(mod.Match);
        entry.Instructions.Should().Equal(mod.Instructions);
        (entry.Cookie, entry.Priority, entry.Flags, entry.IdleTimeoutSeconds, entry.HardTimeoutSeconds, entry.Table)
            .Should().Be((mod.Cookie, mod.Priority, mod.Flags, mod.IdleTimeoutSeconds, mod.HardTimeoutSeconds, mod.Table));
        (entry.PacketCount, entry.ByteCount).Should().Be((1UL, 60UL));
    }

    [Test]
    public void Add_IdenticalEntry_ReplacesKeepsCountersRestartsDurationAndSaysNothing()
    {
        _bench.Do(Add(5, Match(FromPort1), Output(2)) with { Flags = FlowModFlags.SendFlowRem, Cookie = new Cookie(1) });
        _bench.Forward(1, 2, count: 3);
        _bench.AdvanceSeconds(50);
        _bench.Do(Add(5, Match(FromPort1), Output(3)) with { Cookie = new Cookie(2) });
        _bench.Forward(1, 3);
        var entry = _bench.Stats().Should().ContainSingle().Subject;
        (entry.Cookie.Value, entry.PacketCount, entry.Flags).Should().Be((2UL, 4UL, FlowModFlags.None));
        entry.Duration.TotalSeconds.Should().BeLessThan(50);
        _bench.Removed.Should().BeEmpty();
    }

    [Test]
    public void Add_IdenticalEntryWithResetCounts_CountsFromZero()
    {
        _bench.Do(Add(5, Match(FromPort1), Output(2)));
        _bench.Forward(1, 2);
        _bench.Do(Add(5, Match(FromPort1), Output(2)) with { Flags = FlowModFlags.ResetCounts });
        _bench.Stats()[0].PacketCount.Should().Be(0);
    }

    [Test]
    public void Add_SameMatchInOtherOrderAndMaskForm_IsTheSameEntry()
    {
        _bench.Do(Add(5, Match(FromPort1, Ip), Output(2)));
        var reordered = new FlowMatch(
            [new OxmEntry(OxmCatalogue.EthType, 0x0800), new OxmEntry(OxmCatalogue.InPort, 1), new OxmEntry(OxmCatalogue.EthDst, 0, 0)]);
        _bench.Do(Add(5, reordered, Output(3)));
        _bench.Stats().Should().ContainSingle().Which.Match.Should().Be(reordered);
    }

    [Test]
    public void Add_CheckOverlap_RefusesOverlapOfSamePriorityOnly()
    {
        _bench.Do(Add(5, Match(FromPort1), Output(2)));
        _bench.Refuse(Add(5, Match(Ip), Output(3)) with { Flags = FlowModFlags.CheckOverlap }, FlowModFailedCode.Overlap);
        _bench.Refuse(Add(5, Match(FromPort1), Output(3)) with { Flags = FlowModFlags.CheckOverlap }, FlowModFailedCode.Overlap);
        _bench.Refuse(Add(5, Filtered(1, FromPort1), Output(3)) with { Flags = FlowModFlags.CheckOverlap }, FlowModFailedCode.Overlap);
        _bench.Do(Add(6, Match(Ip), Output(3)) with { Flags = FlowModFlags.CheckOverlap });
        _bench.Do(Add(5, Match((OxmCatalogue.InPort, 2)), Output(3)) with { Flags = FlowModFlags.CheckOverlap });
        _bench.Do(Add(5, Match(Ip), Output(3)));
        _bench.Stats().Should().HaveCount(4);
    }

    [Test]
    public void Add_OverBoundOfTable_TableFullButReplacingWorks()
    {
        using var bench = new RuleBench(maxRulesPerTable: 2);
        bench.Do(Add(1, FlowMatch.Any));
        bench.Do(Add(2, FlowMatch.Any));
        bench.Refuse(Add(3, FlowMatch.Any), FlowModFailedCode.TableFull);
        bench.Do(Add(2, FlowMatch.Any, Output(1)));
        bench.Do(Add(3, FlowMatch.Any) with { Table = new TableId(1) });
        bench.Dump().Should().HaveCount(3);
    }

    [Test]
    public void Add_CookieMaskOutPortAndOutGroup_AreIgnored()
    {
        _bench.Do(Add(1, FlowMatch.Any, Output(2)) with
        {
            Cookie = new Cookie(10), CookieMask = 10, OutPort = new PortNumber(0), OutGroup = new GroupId(0),
        });
        _bench.Stats()[0].Cookie.Value.Should().Be(10);
    }

    [Test]
    public void Modify_NonStrict_ChangesInstructionsOfAllContainedAndNothingElse()
    {
        _bench.Do(Add(5, Match(FromPort1, Ip), Output(2)) with { Cookie = new Cookie(7), Flags = FlowModFlags.SendFlowRem, IdleTimeoutSeconds = 9 });
        _bench.Do(Add(6, Match(FromPort1), Output(2)) with { Cookie = new Cookie(8) });
        _bench.Do(Add(7, Match((OxmCatalogue.InPort, 2)), Output(2)));
        _bench.Forward(1, 2);
        var modify = Mod(FlowModCommand.Modify, 0, Match(FromPort1), Apply(Output(3))) with
        {
            Cookie = new Cookie(99), OutPort = new PortNumber(77), OutGroup = new GroupId(5), HardTimeoutSeconds = 1,
        };
        _bench.Do(modify);
        _bench.Forward(1, 3);
        var stats = _bench.Stats().ToDictionary(entry => entry.Priority);
        stats[5].Instructions.Should().Equal(modify.Instructions);
        (stats[5].Cookie.Value, stats[5].Flags, stats[5].IdleTimeoutSeconds, stats[5].HardTimeoutSeconds)
            .Should().Be((7UL, FlowModFlags.SendFlowRem, (ushort)9, (ushort)0));
        stats[6].Instructions.Should().Equal(modify.Instructions);
        stats[6].PacketCount.Should().Be(2, "counters are kept");
        stats[7].Instructions.Should().NotEqual(modify.Instructions);
    }

    [Test]
    public void Modify_WithCookieMask_ChangesOnlyThoseWithTheCookie()
    {
        _bench.Do(Add(5, FlowMatch.Any, Output(2)) with { Cookie = new Cookie(0x11) });
        _bench.Do(Add(6, FlowMatch.Any, Output(2)) with { Cookie = new Cookie(0x21) });
        var modify = Mod(FlowModCommand.Modify, 0, FlowMatch.Any) with { Cookie = new Cookie(0x10), CookieMask = 0xF0 };
        _bench.Do(modify);
        _bench.Stats().Where(entry => entry.Instructions.IsEmpty).Should().ContainSingle().Which.Priority.Should().Be(5);
    }

    [Test]
    public void Modify_WithResetCounts_CountsFromZero()
    {
        _bench.Do(Add(5, Match(FromPort1), Output(2)));
        _bench.Forward(1, 2);
        _bench.Do(Mod(FlowModCommand.ModifyStrict, 5, Match(FromPort1), Apply(Output(2))) with { Flags = FlowModFlags.ResetCounts });
        _bench.Stats()[0].PacketCount.Should().Be(0);
    }

    [Test]
    public void Modify_NothingMatches_AddsNothing()
    {
        _bench.Do(Mod(FlowModCommand.Modify, 5, Match(FromPort1), Apply(Output(2))));
        _bench.Do(Mod(FlowModCommand.ModifyStrict, 5, Match(FromPort1), Apply(Output(2))));
        _bench.Stats().Should().BeEmpty();
    }

    [Test]
    public void ModifyStrict_OtherPriorityOrWiderMatch_LeavesAlone()
    {
        _bench.Do(Add(5, Match(FromPort1), Output(2)));
        _bench.Do(Mod(FlowModCommand.ModifyStrict, 6, Match(FromPort1)));
        _bench.Do(Mod(FlowModCommand.ModifyStrict, 5, FlowMatch.Any));
        _bench.Stats()[0].Instructions.Should().NotBeEmpty();
        _bench.Do(Mod(FlowModCommand.ModifyStrict, 5, Match(FromPort1)));
        _bench.Stats()[0].Instructions.Should().BeEmpty();
    }

    [Test]
    public void Modify_SetFieldUnfitForOneSelectedEntry_ChangesNone()
    {
        _bench.Do(Add(5, Match(FromPort1, Ip), Output(2)));
        _bench.Do(Add(6, Match(FromPort1, (OxmCatalogue.EthType, 0x0806)), Output(2)));
        var setAddress = Mod(
            FlowModCommand.Modify, 0, Match(FromPort1), Apply(new SetFieldAction(new OxmEntry(OxmCatalogue.Ipv4Src, 1)), Output(3)));
        _bench.Refuse(setAddress, BadActionCode.MatchInconsistent);
        _bench.Stats().Should().OnlyContain(entry => ((ApplyActionsInstruction)entry.Instructions[0]).Actions.Length == 1);
        _bench.Do(setAddress with { Match = Match(FromPort1, Ip) });
    }

    [Test]
    public void Delete_NonStrict_SelectsContainedWithOutPortAndCookie()
    {
        _bench.Do(Add(5, Match(FromPort1), Output(2)) with { Cookie = new Cookie(1) });
        _bench.Do(Add(6, Match(FromPort1, Ip), Output(3)) with { Cookie = new Cookie(2) });
        _bench.Do(Add(7, Match((OxmCatalogue.InPort, 2)), Output(2)) with { Cookie = new Cookie(2) });
        _bench.Do(Mod(FlowModCommand.Delete, 0, FlowMatch.Any) with { OutPort = new PortNumber(9) });
        _bench.Do(Mod(FlowModCommand.Delete, 0, FlowMatch.Any) with { OutGroup = new GroupId(9) });
        _bench.Do(Mod(FlowModCommand.Delete, 0, FlowMatch.Any) with { Cookie = new Cookie(3), CookieMask = 3 });
        _bench.Dump().Should().HaveCount(3);
        _bench.Do(Mod(FlowModCommand.Delete, 0, Match(FromPort1)) with { OutPort = new PortNumber(3), OutGroup = GroupId.All });
        _bench.Dump().Select(entry => entry.Priority).Should().Equal(5, 7);
        _bench.Do(Mod(FlowModCommand.Delete, 0, FlowMatch.Any) with { Cookie = new Cookie(2), CookieMask = ulong.MaxValue });
        _bench.Dump().Select(entry => entry.Priority).Should().Equal(5);
        _bench.Send(1);
        _bench.Expect(2);
        _bench.Do(Mod(FlowModCommand.Delete, 0, FlowMatch.Any));
        _bench.Dump().Should().BeEmpty();
    }

    [Test]
    public void Delete_OutPortInWriteActions_Selects()
    {
        _bench.Do(Mod(FlowModCommand.Add, 5, FlowMatch.Any, [new WriteActionsInstruction([Output(3)])]));
        _bench.Do(Mod(FlowModCommand.Delete, 0, FlowMatch.Any) with { OutPort = new PortNumber(3) });
        _bench.Dump().Should().BeEmpty();
    }

    [Test]
    public void Delete_TableAll_DeletesInAllTables()
    {
        _bench.Do(Add(1, FlowMatch.Any));
        _bench.Do(Add(1, FlowMatch.Any) with { Table = new TableId(63) });
        _bench.Do(Mod(FlowModCommand.DeleteStrict, 1, FlowMatch.Any) with { Table = TableId.All });
        _bench.Dump().Should().BeEmpty();
    }

    [Test]
    public void DeleteStrict_NeedsPriorityAndExactMatch()
    {
        _bench.Do(Add(5, Match(FromPort1)));
        _bench.Do(Mod(FlowModCommand.DeleteStrict, 6, Match(FromPort1)));
        _bench.Do(Mod(FlowModCommand.DeleteStrict, 5, FlowMatch.Any));
        _bench.Dump().Should().HaveCount(1);
        _bench.Do(Mod(FlowModCommand.DeleteStrict, 5, Match(FromPort1)));
        _bench.Dump().Should().BeEmpty();
    }

    [Test]
    public void Delete_EntryWithSendFlowRemoved_ReportsItsLastState()
    {
        _bench.Do(Add(5, Match(FromPort1), Output(2)) with
        {
            Flags = FlowModFlags.SendFlowRem, Cookie = new Cookie(0xC0), IdleTimeoutSeconds = 30, HardTimeoutSeconds = 60,
        });
        _bench.Do(Add(6, FlowMatch.Any) with { Table = new TableId(2) });
        _bench.Forward(1, 2, count: 2);
        _bench.AdvanceSeconds(3.5);
        _bench.Do(Mod(FlowModCommand.Delete, 0, FlowMatch.Any) with { Table = TableId.All });
        var removed = _bench.Removed.Should().ContainSingle().Subject;
        (removed.Reason, removed.Cookie.Value, removed.Priority, removed.IdleTimeoutSeconds, removed.HardTimeoutSeconds, removed.PacketCount)
            .Should().Be((FlowRemovedReason.Delete, 0xC0UL, (ushort)5, (ushort)30, (ushort)60, 2UL));
        removed.Duration.TotalSeconds.Should().BeInRange(3, 10);
        removed.Match.Should().Be(Match(FromPort1));
    }

    [Test]
    public void TableId_OutOfRange_BadTableId([Values] FlowModCommand command)
    {
        _bench.Refuse(Mod(command, 1, FlowMatch.Any) with { Table = new TableId(64) }, FlowModFailedCode.BadTableId);
        if (command < FlowModCommand.Delete)
        {
            _bench.Refuse(Mod(command, 1, FlowMatch.Any) with { Table = TableId.All }, FlowModFailedCode.BadTableId);
        }
    }

    [Test]
    public void BufferId_OfNoBuffer_IsUnknownInAddAndModifyIgnoredInDelete()
    {
        var buffer = new BufferId(5);
        _bench.Refuse(Add(1, FlowMatch.Any) with { Buffer = buffer }, BadRequestCode.BufferUnknown);
        _bench.Refuse(Mod(FlowModCommand.Modify, 1, FlowMatch.Any) with { Buffer = buffer }, BadRequestCode.BufferUnknown);
        _bench.Do(Mod(FlowModCommand.Delete, 1, FlowMatch.Any) with { Buffer = new BufferId(0) });
    }

    [Test]
    public void Flags_Unknown_BadFlags() =>
        _bench.Refuse(Add(1, FlowMatch.Any) with { Flags = (FlowModFlags)0x20 }, FlowModFailedCode.BadFlags);

    [Test]
    public void Match_EveryFieldOfTheStandard_IsAccepted()
    {
        foreach (var field in OxmCatalogue.Basics)
        {
            _bench.Do(Add((ushort)(100 + field.Number), Match((field, 1)), Output(1)));
        }

        _bench.Dump().Should().HaveCount(40);
    }
}
