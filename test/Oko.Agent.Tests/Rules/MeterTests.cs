using System.Collections.Immutable;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;
using static Oko.Agent.Tests.Rules.RuleBench;

namespace Oko.Agent.Tests.Rules;

public sealed class MeterTests
{
    private RuleBench _bench = null!;

    [SetUp]
    public void SetUp() => _bench = new RuleBench();

    [TearDown]
    public void TearDown() => _bench.Dispose();

    [Test]
    public void Meter_AddedUsedAndModified_LimitsAndCounts()
    {
        Do(Mod(MeterModCommand.Add, 3, MeterFlags.Pktps | MeterFlags.Burst, new DropBand(1, 2)));
        _bench.Do(Metered(5, 3));
        _bench.Forward(1, 2, count: 2);
        _bench.Send(1);
        SpinWait.SpinUntil(() => Stats(3).Single().Bands[0].Packets == 1, TimeSpan.FromSeconds(5)).Should().BeTrue("the third packet is dropped");
        var statistics = Stats(3).Single();
        statistics.FlowCount.Should().Be(1);
        statistics.Input.Should().Be(new TrafficCount(3, 180));
        statistics.Bands.Should().Equal(new TrafficCount(1, 60));
        Do(Mod(MeterModCommand.Modify, 3, MeterFlags.Pktps, new DropBand(1000, 0)));
        _bench.Forward(1, 2, count: 5);
        Stats(3).Single().Input.Packets.Should().Be(8, "the counters of the meter go on");
        Stats(3).Single().Bands.Should().Equal(new TrafficCount(0, 0));
        Configurations(MeterId.All).Should().BeEquivalentTo([new MeterConfiguration(MeterFlags.Pktps, new MeterId(3), [new DropBand(1000, 0)])]);
    }

    [Test]
    public void Delete_MeterInUse_TakesItsEntriesAlong()
    {
        Do(Mod(MeterModCommand.Add, 3, MeterFlags.Kbps));
        Do(Mod(MeterModCommand.Add, 4, MeterFlags.Kbps));
        _bench.Do(Metered(5, 3) with { Flags = FlowModFlags.SendFlowRem });
        _bench.Do(Metered(6, 4));
        Do(Mod(MeterModCommand.Delete, 3, 0));
        _bench.Stats().Should().ContainSingle().Which.Priority.Should().Be(6);
        _bench.ExpectRemoved().Reason.Should().Be(FlowRemovedReason.Delete);
        Do(Mod(MeterModCommand.Delete, 99, 0));
        Do(Mod(MeterModCommand.Delete, MeterId.All.Value, 0));
        _bench.Stats().Should().BeEmpty();
        Configurations(MeterId.All).Should().BeEmpty();
    }

    [Test]
    public void ControllerMeter_Added_LimitsPacketIns()
    {
        Do(Mod(MeterModCommand.Add, MeterId.Controller.Value, MeterFlags.Pktps | MeterFlags.Burst, new DropBand(1, 1)));
        _bench.Datapath.ControllerMeter.Should().NotBeNull();
        Do(Mod(MeterModCommand.Delete, MeterId.Controller.Value, 0));
        _bench.Datapath.ControllerMeter.Should().BeNull();
    }

    [Test]
    public void Refused_EachKindOfMistake_HasItsCodeAndChangesNothing()
    {
        Do(Mod(MeterModCommand.Add, 3, MeterFlags.Kbps, new DropBand(1000, 0)));
        Refuse(Mod(MeterModCommand.Add, 3, MeterFlags.Kbps), MeterModFailedCode.MeterExists);
        Refuse(Mod(MeterModCommand.Add, 0, MeterFlags.Kbps), MeterModFailedCode.InvalidMeter);
        Refuse(Mod(MeterModCommand.Add, 0xFFFF0001, MeterFlags.Kbps), MeterModFailedCode.InvalidMeter);
        Refuse(Mod(MeterModCommand.Modify, 4, MeterFlags.Kbps), MeterModFailedCode.UnknownMeter);
        Refuse(Mod((MeterModCommand)3, 4, MeterFlags.Kbps), MeterModFailedCode.BadCommand);
        Refuse(Mod(MeterModCommand.Modify, 3, (MeterFlags)0x10), MeterModFailedCode.BadFlags);
        Refuse(Mod(MeterModCommand.Modify, 3, MeterFlags.Kbps | MeterFlags.Pktps), MeterModFailedCode.BadFlags);
        Refuse(Mod(MeterModCommand.Modify, 3, MeterFlags.Kbps, new DropBand(0, 0)), MeterModFailedCode.BadRate);
        Refuse(Mod(MeterModCommand.Modify, 3, MeterFlags.Kbps, new DscpRemarkBand(5, 0, 0)), MeterModFailedCode.BadBandValue);
        Refuse(Mod(MeterModCommand.Modify, 3, MeterFlags.Kbps, new ExperimenterBand(5, 0, 1, [])), MeterModFailedCode.BadBand);
        Refuse(Mod(MeterModCommand.Modify, 3, MeterFlags.Kbps, [.. Enumerable.Repeat(new DropBand(5, 0), 17)]), MeterModFailedCode.OutOfBands);
        FluentActions.Invoking(() => Stats(9)).Should().Throw<OpenFlowErrorException>().Which.Code.Should().Be((ushort)MeterModFailedCode.UnknownMeter);
        FluentActions.Invoking(() => _bench.Do(Metered(5, 9))).Should().Throw<OpenFlowErrorException>()
            .Which.Should().Match<OpenFlowErrorException>(error => error.Type == ErrorType.MeterModFailed && error.Code == (ushort)MeterModFailedCode.InvalidMeter);
    }

    private static FlowMod Metered(ushort priority, uint meter) =>
        RuleBench.Mod(FlowModCommand.Add, priority, FlowMatch.Any, [new MeterInstruction(new MeterId(meter)), .. Apply(Output(2))]);

    private static MeterMod Mod(MeterModCommand command, uint id, MeterFlags flags, params MeterBand[] bands) => new(command, flags, new MeterId(id), [.. bands]);

    private void Do(MeterMod mod) => _bench.Rules.RunAsync(() => _bench.Rules.ApplyMeterMod(mod)).GetAwaiter().GetResult();

    private void Refuse(MeterMod mod, MeterModFailedCode code)
    {
        var before = Configurations(MeterId.All);
        FluentActions.Invoking(() => Do(mod)).Should().Throw<OpenFlowErrorException>().Which.Code.Should().Be((ushort)code);
        Configurations(MeterId.All).Should().Equal(before, "a refused meter-mod changes nothing");
    }

    private ImmutableArray<MeterConfiguration> Configurations(MeterId id) => _bench.Rules.RunAsync(() => _bench.Rules.GetMeters(id)).GetAwaiter().GetResult();

    private ImmutableArray<MeterStatsEntry> Stats(uint id) => _bench.Rules.RunAsync(() => _bench.Rules.GetMeterStats(new MeterId(id))).GetAwaiter().GetResult();
}
