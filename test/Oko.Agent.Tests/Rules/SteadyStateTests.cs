using Microsoft.Extensions.Logging.Abstractions;
using Oko.Agent.Controllers;
using Oko.Agent.Rules;
using Oko.Datapath.Benchmark;
using Oko.Datapath.Packet;
using Oko.Datapath.Workers;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using static Oko.Agent.Tests.Rules.RuleBench;

namespace Oko.Agent.Tests.Rules;

/// <summary>What flow-mods allocate, they allocate on the control thread.</summary>
public class SteadyStateTests
{
    private const int Flows = 1000, Packets = 400_000, Window = 1000, Attempts = 5;

    [Test]
    public void Worker_ForwardsWhileFlowModsComeIn_AllocatesNothing()
    {
        using var trace = Trace();
        using var datapath = new Oko.Datapath.Workers.Datapath(new DatapathOptions { FrameCount = TracePort.SegmentPackets + TracePort.SpareFrames });
        var source = new TracePort(datapath.Umems, 1, trace, seed: 1);
        datapath.AddPort(source);
        datapath.AddPort(new NullPort(datapath.Umems, 2));
        datapath.AddPort(new NullPort(datapath.Umems, 3));
        using var rules = new RuleManager(datapath, new RuleManagerOptions(), NullLogger<RuleManager>.Instance);
        for (var index = 0; index < Window; index++)
        {
            rules.ApplyFlowMod(Add(100, Other(index), Output(2)), ConnectionView.Everything);
        }

        rules.ApplyFlowMod(Add(1000, Match((OxmCatalogue.InPort, 1)), Output(2)), ConnectionView.Everything);
        datapath.Start();
        rules.Start();
        using var stop = new CancellationTokenSource();
        var mods = Task.Run(() => Change(rules, stop.Token));
        source.Play(Packets);

        // The least of a few, as Allocations says: the runtime may allocate on any thread, the worker's own code would each time.
        var figures = Enumerable.Range(0, Attempts).Select(_ => source.Play(Packets)).MinBy(played => played.AllocatedBytes);
        stop.Cancel();
        var count = mods.Result;

        TestContext.Out.WriteLine($"{(Attempts + 1) * Packets} packets while {count} flow-mods came in");
        count.Should().BeGreaterThan(100, "flow-mods must come in while packets are played, however busy the machine is");
        figures.AllocatedBytes.Should().Be(0);
        datapath.GetBalance().Drops.Sum().Should().Be(0);
    }

    private static FlowTrace Trace()
    {
        var trace = new FlowTrace(Flows, 64);
        for (var index = 0; index < Flows; index++)
        {
            FlowKey key = default;
            key.Set(FlowField.EthType, 0x0800);
            key.Set(FlowField.IpProto, 17);
            key.Set(FlowField.Ipv4Src, 0x0B000000u + (uint)index);
            trace.Add(key);
        }

        return trace;
    }

    /// <summary>Adds an entry that no packet matches, deletes the oldest of them, and gives the entry of all packets another port, again and again.</summary>
    private static int Change(RuleManager rules, CancellationToken stop)
    {
        var count = 0;
        for (; !stop.IsCancellationRequested; count += 3)
        {
            var round = count / 3;
            rules.RunAsync(() =>
            {
                rules.ApplyFlowMod(Add(100, Other(Window + round), Output(2)), ConnectionView.Everything);
                rules.ApplyFlowMod(Mod(FlowModCommand.DeleteStrict, 100, Other(round)), ConnectionView.Everything);
                rules.ApplyFlowMod(Add(1000, Match((OxmCatalogue.InPort, 1)), Output(2 + ((uint)round & 1))), ConnectionView.Everything);
            }).Wait(CancellationToken.None);
        }

        return count;
    }

    private static FlowMatch Other(int index) =>
        Match((OxmCatalogue.EthType, 0x0800), (OxmCatalogue.IpProto, 6), (OxmCatalogue.Ipv4Src, 0x0A000000u + (uint)index), (OxmCatalogue.TcpDst, 80));
}
