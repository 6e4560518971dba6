using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Oko.Agent.Benchmark;
using Oko.Bpf.Maps;
using Oko.Datapath.Benchmark;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Cli;

/// <summary><c>oko bench pipeline</c>.</summary>
internal static class PipelineBenchCommand
{
    private const int MaxFlows = 4_000_000, MaxPacketBytes = 1514, MinPacketBytes = 60, MaxRounds = 10_000;
    private const long MaxPackets = 1_000_000_000;

    private static readonly PipelineBenchmarkOptions Defaults = new();

    public static Command Make(CliRoot cli)
    {
        var entries = new Option<string?>("--entries") { Description = "Flow entries, one on a line, in the syntax of ovs-ofctl add-flows.", HelpName = "FILE" };
        var rules = new Option<(RuleClass Kind, int Count)?>("--rules")
        {
            Description = $"Makes so many entries instead, 1 to {RuleGenerator.MaxCount}: acl, fw or ipc as ClassBench does, exact (one mask), mixed (eight masks), prefix (one length), routes (many).",
            HelpName = "acl|fw|ipc|exact|mixed|prefix|routes:N",
            CustomParser = ParseRules,
        };
        var flows = BenchNumbers.Option("--flows", "Flows that the packets are of; they are made to hit the entries.", 1, MaxFlows, Defaults.Flows);
        var packets = BenchNumbers.Option("--packets", "Packets of a round.", 1, MaxPackets, Defaults.Packets);
        var size = BenchNumbers.Option("--packet-size", "Bytes of a packet, without the check sequence.", MinPacketBytes, MaxPacketBytes, Defaults.PacketBytes);
        var rounds = BenchNumbers.Option("--rounds", "Measured rounds.", 1, MaxRounds, Defaults.Rounds);
        var seed = BenchNumbers.Option("--seed", "Of rules, flows and the order of packets.", 0, long.MaxValue, (long)Defaults.Seed);
        var workers = BenchNumbers.Option("--workers", "Forwarding threads, which share the packets.", 1, BpfMap.MaxWorkers, Defaults.Workers);
        var cpu = BenchNumbers.Option("--cpu", "Processor of the first forwarding thread, those of the others follow; -1 = any.", -1, 1023, Defaults.Cpu);
        var bursts = new Option<double>("--bursts")
        {
            Description = "Scale of the Pareto distribution (shape 1) of how many packets of a flow follow each other; 0 = each packet is of any flow.",
            HelpName = "SCALE",
        };
        bursts.Validators.Add(result => BenchNumbers.Check(result, result.GetValueOrDefault<double>() is >= 0 and <= 10_000, "0 to 10000"));
        var replay = new Option<string?>("--replay") { Description = "Capture of Ethernet frames (pcap or pcapng), played over and over instead of flows; each is copied as it is received.", HelpName = "FILE" };
        replay.Validators.Add(result =>
        {
            if (new Option[] { flows, size, bursts, workers }.FirstOrDefault(option => result.GetResult(option) is { Implicit: false }) is { } other)
            {
                result.AddError($"--replay goes without {other.Name}: packets are those of the capture, and one forwarding thread has them.");
            }
        });
        var command = CliRoot.Make(
            "pipeline", "Runs packets in memory through rule manager, tables and worker and prints what a packet costs.",
            entries, rules, flows, packets, size, replay, rounds, seed, workers, cpu, bursts);
        command.Validators.Add(result =>
        {
            if (result.GetResult(entries) is null == result.GetResult(rules) is null)
            {
                result.AddError("name the flow entries: either --entries FILE or --rules CLASS:N.");
            }
        });
        cli.SetLocalAction(command, (parsed, terminal, format) =>
        {
            var options = new PipelineBenchmarkOptions
            {
                Flows = (int)parsed.GetValue(flows), Packets = parsed.GetValue(packets), PacketBytes = (int)parsed.GetValue(size),
                Rounds = (int)parsed.GetValue(rounds), Seed = (ulong)parsed.GetValue(seed), Workers = (int)parsed.GetValue(workers), Cpu = (int)parsed.GetValue(cpu),
                BurstScale = parsed.GetValue(bursts),
            };
            var path = parsed.GetValue(entries);
            var set = parsed.GetValue(rules);
            var mods = path is null ? RuleGenerator.Generate(set!.Value.Kind, set.Value.Count, options.Seed) : FlowFile.Read(path);
            using var capture = parsed.GetValue(replay) is { } played ? new PacketTrace(PacketFile.ReadWhole(played), ChainBenchmark.MaxPacketBytes) : null;
            var name = path ?? string.Create(CultureInfo.InvariantCulture, $"{set!.Value.Kind}:{set.Value.Count}").ToLowerInvariant();
            Write(Describe(name, Run(mods, options, capture), options, capture), options, terminal, format);
            return Task.FromResult(ExitCode.Success);
        });
        return command;
    }

    private static PipelineFigures Run(IReadOnlyList<FlowMod> entries, PipelineBenchmarkOptions options, PacketTrace? capture)
    {
        try
        {
            return PipelineBenchmark.Run(entries, options, capture);
        }
        catch (Exception exception) when (exception is OpenFlowErrorException or ArgumentException)
        {
            throw new CliException(exception.Message);
        }
    }

    private static BenchPipelineJson Describe(string name, PipelineFigures figures, PipelineBenchmarkOptions options, PacketTrace? capture) => new(
        name, Machine.Describe(), figures.Entries, figures.Masks, Round(figures.AddMilliseconds), capture is null ? options.Flows : null, capture?.Count,
        capture is null ? options.PacketBytes : Round((double)capture.Bytes / capture.Count), options.Seed, figures.Packets, options.Rounds,
        Round(figures.MedianNanoseconds), Round(figures.Nanoseconds[0]), Round(figures.Nanoseconds[^1]), Math.Round(figures.PacketsPerSecond),
        figures.Lookups, figures.Matched, figures.Sent, figures.ToController, figures.Drops, figures.AllocatedBytes,
        Math.Round((double)figures.AllocatedBytes / figures.Packets, 6));

    private static void Write(BenchPipelineJson outcome, PipelineBenchmarkOptions options, Terminal terminal, OutputFormat format)
    {
        if (format == OutputFormat.Json)
        {
            terminal.WriteJson(outcome, JsonOutput.Instance.BenchPipelineJson);
            return;
        }

        var text = terminal.Output;
        text.WriteLine($"{outcome.Name}: {outcome.Entries} entries, {outcome.Masks} masks, added in {outcome.AddMilliseconds} ms; {outcome.Machine}");
        text.WriteLine($"{(outcome.CapturePackets is null ? $"{outcome.Flows} flows" : $"{outcome.CapturePackets} packets of a capture")}, {outcome.PacketBytes} bytes, {options.Packets} packets in each of {outcome.Rounds} rounds, seed {outcome.Seed}");
        text.WriteLine($"time per packet: {outcome.MedianNanoseconds} ns (median of the rounds), {outcome.BestNanoseconds} ns (best), {outcome.WorstNanoseconds} ns (worst); {outcome.PacketsPerSecond / 1e6:F2} million packets/s");
        text.WriteLine($"lookups: {outcome.Lookups}, {100.0 * outcome.Matched / Math.Max(1, outcome.Lookups):F2} % found an entry; sent {outcome.Sent}, to controllers {outcome.ToController}, dropped: {(outcome.Drops.Count == 0 ? "0" : string.Join(", ", outcome.Drops.Select(drop => $"{drop.Value} {drop.Key}")))}");
        text.WriteLine($"allocated: {outcome.AllocatedBytes} bytes");
    }

    private static double Round(double value) => Math.Round(value, 2);

    private static (RuleClass Kind, int Count)? ParseRules(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        var parts = text.Split(':');
        if (parts.Length == 2 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count is >= 1 and <= RuleGenerator.MaxCount)
        {
            foreach (var kind in Enum.GetValues<RuleClass>())
            {
                if (parts[0] == kind.ToString().ToLowerInvariant())
                {
                    return (kind, count);
                }
            }
        }

        result.AddError($"--rules {text}: allowed are acl, fw, ipc, exact, mixed, prefix and routes, a colon, and 1 to {RuleGenerator.MaxCount}, such as acl:1000.");
        return null;
    }
}
