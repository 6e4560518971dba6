using System.Collections.Immutable;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using static Oko.Agent.Tests.Rules.RuleBench;

namespace Oko.Agent.Tests.Rules;

public class InstructionErrorTests
{
    private static readonly FlowMatch Tagged = new([new OxmEntry(OxmCatalogue.VlanVid, 0x1000, 0x1000)]);

    private RuleBench _bench = null!;

    [SetUp]
    public void SetUp() => _bench = new RuleBench();

    [TearDown]
    public void TearDown() => _bench.Dispose();

    [TestCase(0, 0)]
    [TestCase(5, 5)]
    [TestCase(5, 4)]
    [TestCase(0, 64)]
    [TestCase(63, 64)]
    [TestCase(0, 255)]
    public void Goto_NotToALaterTable_BadTableId(byte from, byte to)
    {
        var mod = Mod(FlowModCommand.Add, 1, FlowMatch.Any, [new GotoTableInstruction(new TableId(to))]) with { Table = new TableId(from) };
        _bench.Refuse(mod, BadInstructionCode.BadTableId);
    }

    [Test]
    public void Goto_ToLaterTables_Accepted()
    {
        _bench.Do(Mod(FlowModCommand.Add, 1, FlowMatch.Any, [new GotoTableInstruction(new TableId(63))]));
        _bench.Do(Add(1, FlowMatch.Any, Output(2)) with { Table = new TableId(63) });
        _bench.Forward(1, 2);
    }

    [Test]
    public void Instruction_TwiceOrOfAnExperimenter_IsRefused()
    {
        Refuse(BadInstructionCode.UnknownInst, new ClearActionsInstruction(), new ClearActionsInstruction());
        Refuse(BadInstructionCode.BadExperimenter, new ExperimenterInstruction(0x1234, []));
    }

    [TestCase(0u)]
    [TestCase(0xFFFFFF01u)]
    [TestCase(0xFFFFFFF7u)]
    [TestCase(0xFFFFFFF9u, Description = "TABLE is for packet-outs only")]
    [TestCase(0xFFFFFFFFu)]
    public void Output_ToNoPort_BadOutPort(uint port) => RefuseAction(BadActionCode.BadOutPort, Output(port));

    [TestCase(1u)]
    [TestCase(77u, Description = "no such port now, but there may be one later")]
    [TestCase(0xFFFFFF00u)]
    [TestCase(0xFFFFFFF8u)]
    [TestCase(0xFFFFFFFAu)]
    [TestCase(0xFFFFFFFBu)]
    [TestCase(0xFFFFFFFCu)]
    [TestCase(0xFFFFFFFDu)]
    [TestCase(0xFFFFFFFEu)]
    public void Output_ToAPossiblePort_Accepted(uint port) => _bench.Do(Add(1, FlowMatch.Any, Output(port)));

    [Test]
    public void Action_NotThere_ItsOwnCode()
    {
        RefuseAction(BadActionCode.BadOutGroup, new GroupAction(new GroupId(1)));
        RefuseAction(BadActionCode.BadQueue, new SetQueueAction(new QueueId(1)));
        RefuseAction(BadActionCode.BadExperimenter, new ExperimenterAction(0x2320, []));
    }

    [Test]
    public void ActionList_OverTheBound_TooMany() =>
        RefuseAction(BadActionCode.TooMany, [.. Enumerable.Repeat(Output(1), 1025)]);

    [Test]
    public void FlowStats_OfTheLongestEntry_FitIntoAMessage()
    {
        var sets = Enumerable.Repeat<OfAction>(new SetFieldAction(new OxmEntry(OxmCatalogue.Ipv6Src, UInt128.MaxValue)), 1024);
        var match = new FlowMatch([new OxmEntry(OxmCatalogue.EthType, 0x86DD), new OxmEntry(OxmCatalogue.Filter, 1)]);
        _bench.Do(Mod(FlowModCommand.Add, 1, match, [new ApplyActionsInstruction([.. sets]), new WriteActionsInstruction([.. sets])]));
        var part = MultipartSplitter.Split(new FlowStatsReply(_bench.Stats()), xid: 1).Should().ContainSingle().Subject;
        MessageCodec.Encode(part).Length.Should().BeInRange(49_000, 58_000, "a full match of 40 fields adds under 1,500 bytes");
    }

    [Test]
    public void Push_EtherTypeOfNoTag_BadArgument()
    {
        RefuseAction(BadActionCode.BadArgument, new PushVlanAction(0x0800));
        RefuseAction(BadActionCode.BadArgument, new PushMplsAction(0x8100));
        RefuseAction(BadActionCode.BadArgument, new PushPbbAction(0x8847));
        foreach (var action in new OfAction[]
        {
            new PushVlanAction(0x8100), new PushVlanAction(0x88A8), new PushMplsAction(0x8847), new PushMplsAction(0x8848), new PushPbbAction(0x88E7),
        })
        {
            _bench.Do(Add(1, FlowMatch.Any, action));
        }
    }

    private static IEnumerable<TestCaseData> ActionsWithPrerequisites()
    {
        static TestCaseData Case(string needs, OfAction action, params OxmEntry[] match) =>
            new TestCaseData(action, new FlowMatch([.. match])).SetArgDisplayNames(action.GetType().Name, needs);

        var mpls = new OxmEntry(OxmCatalogue.EthType, 0x8848);
        var ipv6 = new OxmEntry(OxmCatalogue.EthType, 0x86DD);
        yield return Case("mpls", new PopMplsAction(0x0800), mpls);
        yield return Case("mpls", new SetMplsTtlAction(3), mpls);
        yield return Case("mpls", new DecMplsTtlAction(), mpls);
        yield return Case("mpls", new CopyTtlInAction(), mpls);
        yield return Case("mpls", new CopyTtlOutAction(), mpls);
        yield return Case("mpls", Set(OxmCatalogue.MplsLabel, 1), mpls);
        yield return Case("mpls", Set(OxmCatalogue.MplsTc, 1), mpls);
        yield return Case("mpls", Set(OxmCatalogue.MplsBos, 1), mpls);
        yield return Case("pbb", new PopPbbAction(), new OxmEntry(OxmCatalogue.EthType, 0x88E7));
        yield return Case("pbb", Set(OxmCatalogue.PbbIsid, 1), new OxmEntry(OxmCatalogue.EthType, 0x88E7));
        yield return Case("ip", new SetNwTtlAction(3), ipv6);
        yield return Case("ip", new DecNwTtlAction(), ipv6);
    }

    [TestCaseSource(nameof(ActionsWithPrerequisites))]
    public void Action_WithoutItsHeaderInTheMatch_MatchInconsistent(OfAction action, FlowMatch match)
    {
        RefuseAction(BadActionCode.MatchInconsistent, action);
        _bench.Do(Add(1, match, action));
    }

    [Test]
    public void Action_AfterAPushOrPop_KnowsTheNewHeader()
    {
        _bench.Do(Add(1, FlowMatch.Any, new PushMplsAction(0x8847), Set(OxmCatalogue.MplsLabel, 1), new PopMplsAction(0x0800), new DecNwTtlAction()));
        _bench.Do(Add(2, FlowMatch.Any, new PushPbbAction(0x88E7), Set(OxmCatalogue.PbbIsid, 1), new PopPbbAction()));
        RefuseAction(BadActionCode.MatchInconsistent, new PushMplsAction(0x8847), new DecNwTtlAction());
        RefuseAction(BadActionCode.MatchInconsistent, new PushMplsAction(0x8847), new PopMplsAction(0x88B5), new DecNwTtlAction());
        RefuseAction(BadActionCode.MatchInconsistent, new PushPbbAction(0x88E7), new PopPbbAction(), new PopPbbAction());
    }

    [Test]
    public void SetField_OfWhatCannotBeSet_BadSetType()
    {
        RefuseAction(BadActionCode.BadSetType, Set(OxmCatalogue.InPort, 1));
        RefuseAction(BadActionCode.BadSetType, Set(OxmCatalogue.InPhyPort, 1));
        RefuseAction(BadActionCode.BadSetType, Set(OxmCatalogue.Metadata, 1));
        RefuseAction(BadActionCode.BadSetType, Set(OxmCatalogue.Filter, 1));
        RefuseAction(BadActionCode.BadSetType, Set(OxmCatalogue.Basics.Single(field => field.Name == "ipv6_exthdr"), 1));
        RefuseAction(BadActionCode.BadSetType, new SetFieldAction(new OxmEntry(OxmCatalogue.EthDst, 0, 1)));
    }

    [Test]
    public void SetField_ValueOutOfRange_BadSetArgument()
    {
        RefuseAction(BadActionCode.BadSetArgument, new PushVlanAction(0x8100), Set(OxmCatalogue.VlanVid, 5));
        RefuseAction(BadActionCode.BadSetArgument, new PushVlanAction(0x8100), Set(OxmCatalogue.VlanVid, 0x2001));
        RefuseAction(BadActionCode.BadSetArgument, Set(OxmCatalogue.IpDscp, 64));
    }

    [Test]
    public void SetField_WithoutPrerequisiteInMatch_MatchInconsistent()
    {
        var ip = (OxmCatalogue.EthType, 0x0800UL);
        RefuseAction(BadActionCode.MatchInconsistent, Set(OxmCatalogue.Ipv4Src, 1));
        RefuseAction(BadActionCode.MatchInconsistent, Set(OxmCatalogue.ArpSpa, 1));
        RefuseAction(BadActionCode.MatchInconsistent, Set(OxmCatalogue.VlanPcp, 1));
        _bench.Refuse(Add(1, Match(ip), Set(OxmCatalogue.TcpDst, 80)), BadActionCode.MatchInconsistent);
        _bench.Refuse(Add(1, Match(ip), Set(OxmCatalogue.Ipv6Src, 80)), BadActionCode.MatchInconsistent);
        _bench.Refuse(
            Mod(FlowModCommand.Add, 1, FlowMatch.Any, [new WriteActionsInstruction([Set(OxmCatalogue.Ipv4Src, 1)])]),
            BadActionCode.MatchInconsistent);
        _bench.Do(Add(1, Match(ip, (OxmCatalogue.IpProto, 6)), Set(OxmCatalogue.TcpDst, 80), Set(OxmCatalogue.IpDscp, 1)));
        _bench.Do(Add(1, FlowMatch.Any, Set(OxmCatalogue.EthDst, 80)));
    }

    [Test]
    public void SetField_AfterOneThatChangesThePrerequisite_FollowsIt()
    {
        var tcp = Match((OxmCatalogue.EthType, 0x0800), (OxmCatalogue.IpProto, 6));
        _bench.Refuse(Add(1, tcp, Set(OxmCatalogue.IpProto, 17), Set(OxmCatalogue.TcpDst, 80)), BadActionCode.MatchInconsistent);
        _bench.Do(Add(1, tcp, Set(OxmCatalogue.IpProto, 17), Set(OxmCatalogue.UdpDst, 80)));
    }

    [Test]
    public void VlanActions_FollowPushAndPop()
    {
        var setVid = Set(OxmCatalogue.VlanVid, 0x1005);
        RefuseAction(BadActionCode.MatchInconsistent, setVid);
        RefuseAction(BadActionCode.MatchInconsistent, new PopVlanAction());
        RefuseAction(BadActionCode.MatchInconsistent, new PushVlanAction(0x8100), new PopVlanAction(), setVid);
        _bench.Refuse(Add(1, Tagged, new PopVlanAction(), setVid), BadActionCode.MatchInconsistent);
        _bench.Do(Add(1, Tagged, setVid, new PopVlanAction()));
        _bench.Do(Add(1, FlowMatch.Any, new PushVlanAction(0x8100), setVid, Output(1)));
        _bench.Do(Add(1, Tagged, new PushVlanAction(0x88A8), new PopVlanAction(), setVid, new PopVlanAction()));
        _bench.Refuse(Add(1, Match((OxmCatalogue.VlanVid, 0)), setVid), BadActionCode.MatchInconsistent);

        // In the action set a push by an earlier table may come first.
        _bench.Do(Mod(FlowModCommand.Add, 1, FlowMatch.Any, [new WriteActionsInstruction([setVid])]));
    }

    [Test]
    public void ConformanceSuite_SetEtherTypeAndProtocol_Accepted()
    {
        var ip = (OxmCatalogue.EthType, 0x0800UL);
        _bench.Do(Add(1, Match(ip), Set(OxmCatalogue.EthType, 0x8848), Output(2)));
        _bench.Do(Add(2, Match(ip, (OxmCatalogue.IpProto, 6)), Set(OxmCatalogue.IpProto, 17), Output(2)));
    }

    [Test]
    public void Instructions_InAnyOrder_ExecuteInTheStandardsOrder()
    {
        ImmutableArray<Instruction> instructions =
        [
            new GotoTableInstruction(new TableId(1)),
            new WriteActionsInstruction([Output(3)]),
            new ClearActionsInstruction(),
            new ApplyActionsInstruction([Output(2)]),
            new WriteMetadataInstruction(0xFF, 0x0F),
        ];
        _bench.Do(Mod(FlowModCommand.Add, 1, FlowMatch.Any, instructions));
        _bench.Do(Add(1, new FlowMatch([new OxmEntry(OxmCatalogue.Metadata, 0x0F, 0xFF)])) with { Table = new TableId(1) });
        _bench.Send(1);
        _bench.Expect(2);
        _bench.Expect(3);
    }

    private static OfAction Set(OxmField field, ulong value) => new SetFieldAction(new OxmEntry(field, value));

    private void Refuse(BadInstructionCode code, params Instruction[] instructions) =>
        _bench.Refuse(Mod(FlowModCommand.Add, 1, FlowMatch.Any, [.. instructions]), code);

    private void RefuseAction(BadActionCode code, params OfAction[] actions) => _bench.Refuse(Add(1, FlowMatch.Any, actions), code);
}
