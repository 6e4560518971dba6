using System.Diagnostics;
using Oko.Agent.Controllers;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using static Oko.Agent.Tests.Rules.RuleBench;

namespace Oko.Agent.Tests.Rules;

/// <summary>Flow-mods cost microseconds, however many entries there are. The bound is wide and holds for the median thousand, so
/// that a loaded machine passes: it catches work that grows with the table, not percents.</summary>
public class RulePerformanceTests
{
    private const int Count = 100_000;
    private const int ChunkSize = 1000;
    private const double BoundMicroseconds = 100;

    [Test]
    public void FlowMods_AmongHundredThousandEntries_CostMicroseconds()
    {
        using var bench = new RuleBench();
        Measure("add", bench, index => Add(100, Flow(index), Output(2)));
        Measure("add with overlap check", bench, index => Add(200, Flow(index), Output(2)) with { Flags = FlowModFlags.CheckOverlap });
        Measure("replace", bench, index => Add(100, Flow(index), Output(3)));
        Measure("modify", bench, index => Mod(FlowModCommand.Modify, 0, Flow(index), Apply(Output(2))));
        Measure("strict modify", bench, index => Mod(FlowModCommand.ModifyStrict, 100, Flow(index), Apply(Output(2))));
        var watch = Stopwatch.StartNew();
        bench.Stats().Should().HaveCount(2 * Count);
        TestContext.Out.WriteLine($"flow stats of {2 * Count} entries: {watch.ElapsedMilliseconds} ms");
        watch.ElapsedMilliseconds.Should().BeLessThan(5000);
        Measure("strict delete", bench, index => Mod(FlowModCommand.DeleteStrict, 200, Flow(index)));
        Measure("delete", bench, index => Mod(FlowModCommand.Delete, 0, Flow(index)));
        bench.Dump().Should().BeEmpty();
    }

    /// <summary>The aim is a second on the machine of bench/RESULTS.md; the bound leaves room for others on the machine. The best of a few, as of
    /// anything that is measured while others run.</summary>
    [Test]
    public void Adds_HundredThousand_TakeUnderASecond()
    {
        const double BoundSeconds = 5;
        var mods = Enumerable.Range(0, Count).Select(index => Add(100, Flow(index), Output(2))).ToArray();
        var best = double.MaxValue;
        for (var attempt = 0; attempt < 5 && best > 1; attempt++)
        {
            using var bench = new RuleBench();
            best = Math.Min(best, bench.Rules.RunAsync(() =>
            {
                var watch = Stopwatch.StartNew();
                foreach (var mod in mods)
                {
                    bench.Rules.ApplyFlowMod(mod, ConnectionView.Everything);
                }

                return watch.Elapsed.TotalSeconds;
            }).Result);
        }

        TestContext.Out.WriteLine($"{Count} adds: {best:f3} s");
        best.Should().BeLessThan(BoundSeconds);
    }

    private static FlowMatch Flow(int index) => Match((OxmCatalogue.EthType, 0x0800), (OxmCatalogue.Ipv4Dst, 0x0A000000u + (uint)index));

    private static void Measure(string what, RuleBench bench, Func<int, FlowMod> make)
    {
        var mods = Enumerable.Range(0, Count).Select(make).ToArray();
        var chunks = bench.Rules.RunAsync(() => mods.Chunk(ChunkSize).Select(chunk =>
        {
            var watch = Stopwatch.StartNew();
            foreach (var mod in chunk)
            {
                bench.Rules.ApplyFlowMod(mod, ConnectionView.Everything);
            }

            return watch.Elapsed.TotalMicroseconds / chunk.Length;
        }).Order().ToArray()).Result;
        var each = chunks[chunks.Length / 2];
        TestContext.Out.WriteLine($"{what}: {each:f2} us");
        each.Should().BeLessThan(BoundMicroseconds, what);
    }
}
