using Oko.OpenFlow.Match;
using Oko.OpenFlow.Protocol;
using static Oko.Agent.Tests.Rules.RuleBench;

namespace Oko.Agent.Tests.Rules;

public class ExpiryTests
{
    private static readonly (OxmField, ulong) FromPort1 = (OxmCatalogue.InPort, 1);

    private RuleBench _bench = null!;

    [SetUp]
    public void SetUp() => _bench = new RuleBench();

    [TearDown]
    public void TearDown() => _bench.Dispose();

    [Test]
    public void HardTimeout_Passed_RemovesAndReports()
    {
        _bench.Do(Add(5, Match(FromPort1), Output(2)) with { HardTimeoutSeconds = 10, IdleTimeoutSeconds = 300, Flags = FlowModFlags.SendFlowRem });
        _bench.AdvanceSeconds(9);
        _bench.LetExpiryRun();
        _bench.Dump().Should().HaveCount(1);
        _bench.AdvanceSeconds(1);
        var removed = _bench.ExpectRemoved();
        removed.Reason.Should().Be(FlowRemovedReason.HardTimeout);
        removed.Duration.TotalSeconds.Should().BeInRange(10, 20);
        _bench.Dump().Should().BeEmpty();
    }

    [Test]
    public void IdleTimeout_WithoutPackets_RemovesAndReports()
    {
        _bench.Do(Add(5, Match(FromPort1), Output(2)) with { IdleTimeoutSeconds = 10, HardTimeoutSeconds = 300, Flags = FlowModFlags.SendFlowRem });
        _bench.AdvanceSeconds(10);
        _bench.ExpectRemoved().Reason.Should().Be(FlowRemovedReason.IdleTimeout);
    }

    [Test]
    public void IdleTimeout_PacketBeforeIt_StartsAnew()
    {
        // The entry is made 8 s in the past of the clock that packets are stamped with.
        _bench.AdvanceSeconds(-8);
        _bench.Do(Add(5, Match(FromPort1), Output(2)) with { IdleTimeoutSeconds = 10, Flags = FlowModFlags.SendFlowRem });
        _bench.AdvanceSeconds(8);
        _bench.Forward(1, 2);
        _bench.AdvanceSeconds(5);
        _bench.LetExpiryRun();
        _bench.Removed.Should().BeEmpty("the packet came 5 s ago");
        _bench.AdvanceSeconds(6);
        _bench.ExpectRemoved().Reason.Should().Be(FlowRemovedReason.IdleTimeout);
    }

    [Test]
    public void Timeout_OfReplacedEntry_IsThatOfTheNewOne()
    {
        _bench.Do(Add(5, FlowMatch.Any) with { HardTimeoutSeconds = 10, Flags = FlowModFlags.SendFlowRem });
        _bench.AdvanceSeconds(8);
        _bench.Do(Add(5, FlowMatch.Any) with { HardTimeoutSeconds = 20, Flags = FlowModFlags.SendFlowRem });
        _bench.AdvanceSeconds(15);
        _bench.LetExpiryRun();
        _bench.Removed.Should().BeEmpty();
        _bench.Do(Add(5, FlowMatch.Any));
        _bench.AdvanceSeconds(1000);
        _bench.LetExpiryRun();
        _bench.Dump().Should().HaveCount(1, "the last one has no timeout");
    }

    [Test]
    public void Timeout_WithoutSendFlowRemoved_RemovesSilently()
    {
        _bench.Do(Add(5, FlowMatch.Any) with { HardTimeoutSeconds = 1 });
        _bench.AdvanceSeconds(1);
        SpinWait.SpinUntil(() => _bench.Dump().Count == 0, 5000).Should().BeTrue();
        _bench.Removed.Should().BeEmpty();
    }

    [Test]
    public void Timeouts_OfManyEntriesAddedAndDeleted_LeaveNothingBehind()
    {
        for (var i = 0; i < 5000; i++)
        {
            _bench.Do(Add(5, FlowMatch.Any) with { HardTimeoutSeconds = 60000 });
            _bench.Do(Mod(FlowModCommand.Delete, 0, FlowMatch.Any));
        }

        _bench.Do(Add(5, FlowMatch.Any) with { HardTimeoutSeconds = 1, Flags = FlowModFlags.SendFlowRem });
        _bench.AdvanceSeconds(1);
        _bench.ExpectRemoved().Reason.Should().Be(FlowRemovedReason.HardTimeout);
    }
}
