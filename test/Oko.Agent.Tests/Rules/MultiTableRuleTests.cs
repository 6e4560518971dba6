using System.Collections.Immutable;
using Oko.Agent.Controllers;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using static Oko.Agent.Tests.Rules.RuleBench;

namespace Oko.Agent.Tests.Rules;

/// <summary>Pipelines as controllers build them, from flow-mods to packets.</summary>
public class MultiTableRuleTests
{
    private RuleBench _bench = null!;

    [SetUp]
    public void SetUp() => _bench = new RuleBench();

    [TearDown]
    public void TearDown() => _bench.Dispose();

    [Test]
    public void VlanPipeline_LikeFaucets_TagsOnTheTrunkAndNotOnTheAccessPort()
    {
        // Table 0: untagged from port 1 into VLAN 100; table 1: destination unknown, so flood: trunk port 3 tagged, port 2 untagged.
        ImmutableArray<Instruction> intoVlan =
        [
            new ApplyActionsInstruction([new PushVlanAction(0x8100), new SetFieldAction(new OxmEntry(OxmCatalogue.VlanVid, 0x1064))]),
            new GotoTableInstruction(new TableId(1)),
        ];
        _bench.Do(Mod(FlowModCommand.Add, 100, Match((OxmCatalogue.InPort, 1), (OxmCatalogue.VlanVid, 0)), intoVlan));
        _bench.Do(Add(1, Match((OxmCatalogue.VlanVid, 0x1064)), Output(3), new PopVlanAction(), Output(2)) with { Table = new TableId(1) });
        _bench.Send(1);
        _bench.Expect(2).Should().Equal(Udp());
        var tagged = _bench.Expect(3);
        tagged.Should().HaveCount(64);
        tagged[12..16].Should().Equal(0x81, 0x00, 0x00, 0x64);
    }

    [Test]
    public void Metadata_WrittenUnderMask_IsMatchedInTheNextTable()
    {
        _bench.Do(Mod(
            FlowModCommand.Add, 1, FlowMatch.Any, [new WriteMetadataInstruction(0xAB, 0xFF), new GotoTableInstruction(new TableId(9))]));
        _bench.Do(Add(1, Match((OxmCatalogue.Metadata, 0xAB)), Output(2)) with { Table = new TableId(9) });
        _bench.Forward(1, 2);
        _bench.Stats().Should().OnlyContain(entry => entry.PacketCount == 1);
    }

    [Test]
    public void TableMissEntry_ToController_MakesPacketInWithReasonNoMatch()
    {
        _bench.Do(Add(0, FlowMatch.Any, Output(PortNumber.Controller.Value)) with { Cookie = new Cookie(0x77) });
        _bench.Send(2);
        _bench.Datapath.WaitForPacketIn(TimeSpan.FromSeconds(5)).Should().BeTrue();
        _bench.Datapath.TryReadPacketIn(out var record).Should().BeTrue();
        (record!.Kind, record.Cookie, record.InPort, record.TotalLength)
            .Should().Be((Oko.Datapath.Pipeline.PacketInKind.NoMatch, 0x77UL, 2u, 60));
    }

    [Test]
    public void Synchronize_AfterManyAdds_NextPacketMeetsTheLast()
    {
        for (var round = 1; round <= 200; round++)
        {
            var priority = (ushort)round;
            var port = (uint)(2 + (round % 2));
            _bench.Rules.RunAsync(() =>
            {
                _bench.Rules.ApplyFlowMod(Add(priority, Match((OxmCatalogue.InPort, 1)), Output(port)), ConnectionView.Everything);
                _bench.Rules.Synchronize();
            }).GetAwaiter().GetResult();
            _bench.Forward(1, port);
        }
    }

    [Test]
    public void Replace_UnderTraffic_LosesNoPacketAndNoCount()
    {
        const int packets = 4000;
        var match = Match((OxmCatalogue.InPort, 1));
        _bench.Do(Add(5, match, Output(2)));
        var sender = Task.Run(() =>
        {
            for (var sent = 0; sent < packets; sent++)
            {
                _bench.Send(1);
            }
        });
        for (var round = 0; !sender.IsCompleted || round < 50; round++)
        {
            _bench.Do(Add(5, match, Output(2)) with { Cookie = new Cookie((ulong)round) });
        }

        for (var received = 0; received < packets; received++)
        {
            _bench.Expect(2);
        }

        _bench.Stats()[0].PacketCount.Should().Be(packets);
    }
}
