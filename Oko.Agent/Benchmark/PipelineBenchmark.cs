using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Oko.Agent.Controllers;
using Oko.Agent.Rules;
using Oko.Datapath.Benchmark;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Workers;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Benchmark;

/// <summary>Measures what a packet costs in the switch without any network: rule manager, tables, worker and pipeline are the real ones,
/// packets come from memory on port 1 and go to ports that take everything. One thread, which waits for the workers'.</summary>
public static class PipelineBenchmark
{
    /// <summary>The port that packets come from.</summary>
    public const uint InPort = 1;

    private const int MaxPorts = 255;

    /// <summary>Runs it.</summary>
    /// <param name="entries">Flow-mods that add the flow entries, in order.</param>
    /// <param name="options">What to send.</param>
    /// <param name="capture">Packets that are played over and over in their order, instead of flows made to hit the entries, made for
    /// <see cref="ChainBenchmark.MaxPacketBytes"/>; the caller's. One worker.</param>
    /// <exception cref="OpenFlowErrorException">The switch refuses an entry.</exception>
    /// <exception cref="ArgumentException">No packet of port 1 can match an entry of table 0, or the entries name too many ports.</exception>
    public static PipelineFigures Run(IReadOnlyList<FlowMod> entries, PipelineBenchmarkOptions options, PacketTrace? capture = null)
    {
        var outputs = OutputsOf(entries);
        if (outputs.Count > MaxPorts)
        {
            throw new ArgumentException($"the entries output to {outputs.Count} ports; allowed are {MaxPorts} here");
        }

        using var flows = capture is null ? SampleFlows(entries, options) : null;
        using var datapath = new Oko.Datapath.Workers.Datapath(new DatapathOptions
        {
            FrameCount = TracePort.SegmentPackets + TracePort.SpareFrames, FrameSize = ChainBenchmark.FrameBytes, Workers = options.Workers,
            Cpus = options.Cpu < 0 ? [] : [.. Enumerable.Range(options.Cpu, options.Workers)],
        });
        using var rules = new RuleManager(datapath, new RuleManagerOptions(), NullLogger<RuleManager>.Instance);
        var clock = Stopwatch.GetTimestamp();
        foreach (var entry in entries)
        {
            rules.ApplyFlowMod(entry, ConnectionView.Everything);
        }

        var adding = Stopwatch.GetElapsedTime(clock).TotalMilliseconds;
        var play = flows is not null ? AddSource(datapath, flows, options) : AddSource(datapath, capture!);
        foreach (var port in outputs)
        {
            datapath.AddPort(new NullPort(datapath.Umems, port));
        }

        datapath.Start();
        Warm(play, options);
        var before = Tally.Of(datapath);
        var rounds = Enumerable.Range(0, options.Rounds).Select(_ => play(options.Packets)).ToList();
        var after = Tally.Of(datapath);
        datapath.Stop();
        return new PipelineFigures
        {
            Entries = entries.Count,
            Masks = CountMasks(entries),
            AddMilliseconds = adding,
            Packets = rounds.Sum(round => round.Packets),
            Nanoseconds = [.. rounds.Select(round => (double)round.Nanoseconds / round.Packets).Order()],
            Lookups = after.Lookups - before.Lookups,
            Matched = after.Matched - before.Matched,
            Sent = after.Balance.Sent - before.Balance.Sent,
            ToController = after.Balance.ToController - before.Balance.ToController,
            Drops = Enum.GetValues<DropReason>()
                .Select(reason => (Name: DropReasons.Name(reason), Count: after.Balance.Drops[(int)reason] - before.Balance.Drops[(int)reason]))
                .Where(drop => drop.Count > 0).ToDictionary(drop => drop.Name, drop => drop.Count),
            AllocatedBytes = rounds.Sum(round => round.AllocatedBytes),
        };
    }

    private static Func<long, PlayFigures> AddSource(Oko.Datapath.Workers.Datapath datapath, FlowTrace flows, PipelineBenchmarkOptions options)
    {
        var source = new TracePort(datapath.Umems, InPort, flows, options.Seed, options.BurstScale);
        datapath.AddPort(source);
        return source.Play;
    }

    private static Func<long, PlayFigures> AddSource(Oko.Datapath.Workers.Datapath datapath, PacketTrace capture)
    {
        var source = new CapturePort(datapath.Umem, InPort, capture);
        datapath.AddPort(source);
        return packets => source.Play(packets, Timeout.InfiniteTimeSpan);
    }

    private static FlowTrace SampleFlows(IReadOnlyList<FlowMod> entries, PipelineBenchmarkOptions options)
    {
        var sampler = new FlowSampler(entries, InPort, options.Seed);
        var trace = new FlowTrace(options.Flows, options.PacketBytes);
        for (var flow = 0; flow < options.Flows; flow++)
        {
            trace.Add(sampler.Next());
        }

        return trace;
    }

    /// <summary>Until the compiler has seen the code run and made the final version of it.</summary>
    private static void Warm(Func<long, PlayFigures> play, PipelineBenchmarkOptions options)
    {
        var clock = Stopwatch.StartNew();
        do
        {
            play(Math.Min(options.Packets, TracePort.SegmentPackets));
        }
        while (clock.Elapsed < options.WarmUp);
    }

    private static SortedSet<uint> OutputsOf(IEnumerable<FlowMod> entries) => new(entries
        .SelectMany(entry => entry.Instructions)
        .SelectMany(instruction => instruction switch
        {
            ApplyActionsInstruction apply => apply.Actions,
            WriteActionsInstruction write => write.Actions,
            _ => [],
        })
        .OfType<OutputAction>().Select(output => output.Port.Value).Where(port => port is not InPort and > 0 and < ReservedPort.InPort));

    private static int CountMasks(IEnumerable<FlowMod> entries) => entries
        .Select(entry => (entry.Table, Fields: string.Join(',', entry.Match.Entries.Select(field => $"{field.Field}/{field.EffectiveMask:x}").Order(StringComparer.Ordinal))))
        .Distinct().Count();

    /// <summary>Counters of a datapath at a moment.</summary>
    private sealed record Tally(DatapathBalance Balance, long Lookups, long Matched)
    {
        public static Tally Of(Oko.Datapath.Workers.Datapath datapath)
        {
            var tables = Enumerable.Range(0, datapath.TableCount).Select(table => datapath.GetTableStatistics((byte)table)).ToList();
            return new Tally(datapath.GetBalance(), tables.Sum(table => (long)table.LookupCount), tables.Sum(table => (long)table.MatchedCount));
        }
    }
}
