using Oko.Agent.Controllers;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using static Oko.Agent.Tests.Rules.RuleBench;

namespace Oko.Agent.Tests.Rules;

/// <summary>What flow-mods leave to collections, which stop the forwarding threads.</summary>
public sealed class RuleAllocationTests
{
    private const int Count = 5000, Attempts = 200;

    // A rule with its pattern and its match.
    private const long RuleBytes = 368;

    private static readonly string[] Shapes = ["exact", "prefix"];

    [TestCaseSource(nameof(Shapes))]
    public void FlowMods_AmongThousands_AllocateTheRuleAndNothingElse(string shape)
    {
        using var bench = new RuleBench();
        // The codec hands in the same list for equal bytes.
        var instructions = Apply(Output(2));
        var adds = Make(index => Add(100, Flow(shape, index)) with { Instructions = instructions });
        var deletes = Make(index => Mod(FlowModCommand.DeleteStrict, 100, Flow(shape, index)));
        // With one that stays, tables stay as large as they have been.
        bench.Do(Add(100, Flow(shape, Count), Output(2)));
        // At first code runs that has not been compiled well, in which tests of flags allocate.
        var (added, replaced, deleted) = (long.MaxValue, long.MaxValue, long.MaxValue);
        for (var attempt = 0; attempt < Attempts && (added > RuleBytes || replaced > 0 || deleted > 0); attempt++)
        {
            added = Math.Min(added, Measure(bench, adds));
            replaced = Math.Min(replaced, Measure(bench, adds));
            deleted = Math.Min(deleted, Measure(bench, deletes));
        }

        TestContext.Out.WriteLine($"bytes: added {added}, replaced {replaced}, deleted {deleted}");
        added.Should().BeInRange(1, RuleBytes, "a rule, its pattern and its match are one object");
        replaced.Should().Be(0);
        deleted.Should().Be(0);
    }

    private static FlowMod[] Make(Func<int, FlowMod> make) => [.. Enumerable.Range(0, Count).Select(make)];

    private static FlowMatch Flow(string shape, int index) => shape == "exact"
        ? Match((OxmCatalogue.EthType, 0x0800), (OxmCatalogue.IpProto, 6), (OxmCatalogue.Ipv4Src, 0x0A000000u + (uint)index), (OxmCatalogue.TcpDst, 80))
        : new FlowMatch([new OxmEntry(OxmCatalogue.EthType, 0x0800), new OxmEntry(OxmCatalogue.Ipv4Dst, (UInt128)(uint)(index << 12), 0xFFFFF000)]);

    /// <summary>Bytes that each allocated on the control thread, on average.</summary>
    private static long Measure(RuleBench bench, FlowMod[] mods) => bench.Rules.RunAsync(() =>
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var mod in mods)
        {
            bench.Rules.ApplyFlowMod(mod, ConnectionView.Everything);
        }

        return (GC.GetAllocatedBytesForCurrentThread() - before) / mods.Length;
    }).Result;
}
