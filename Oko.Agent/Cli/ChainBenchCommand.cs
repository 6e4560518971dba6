using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Oko.Agent.Benchmark;
using Oko.Datapath.Benchmark;
using Oko.Datapath.Ports;

namespace Oko.Agent.Cli;

/// <summary><c>oko bench chain</c>, and <c>oko bench neighbour</c>, which it starts.</summary>
internal static class ChainBenchCommand
{
    private const int MaxRounds = 10_000, MaxCpu = 1023, MaxWarmUp = 60_000;
    private const long MaxPackets = 1_000_000_000;

    private static readonly ChainBenchmarkOptions Defaults = new();

    public static Command Make(CliRoot cli)
    {
        var (file, entry, data, pass) = FilterSymbols();
        var packets = new Option<string>("--packets") { Description = "Capture of Ethernet frames (pcap or pcapng), played over and over.", HelpName = "FILE", Required = true };
        var count = BenchNumbers.Option("--count", "Packets of a round.", 1, MaxPackets, Defaults.Packets);
        var rounds = BenchNumbers.Option("--rounds", "Measured rounds of each setup.", 1, MaxRounds, Defaults.Rounds);
        var ring = BenchNumbers.Option("--ring", "Entries of each ring, a power of two.", NeighbourRegion.MinRingEntries, NeighbourRegion.MaxRingEntries, Defaults.RingEntries);
        ring.Validators.Add(result => BenchNumbers.Check(result, long.IsPow2(result.GetValueOrDefault<long>()), "powers of two"));
        var warmUp = BenchNumbers.Option("--warm-up", "Milliseconds that packets are sent in each setup before the first measured round.", 0, MaxWarmUp, (long)Defaults.WarmUp.TotalMilliseconds);
        var cpu = BenchNumbers.Option("--cpu", "Processor of the switch's thread, -1 = any.", -1, MaxCpu, Defaults.Cpu);
        var neighbourCpu = BenchNumbers.Option("--neighbour-cpu", "Processor of the neighbouring process, -1 = any.", -1, MaxCpu, Defaults.NeighbourCpu);
        var veth = new Option<bool>("--veth")
        {
            Description = "Packets come and leave by AF_XDP: through the veth pairs switch-src, switch-in and switch-out, switch-dst of this network namespace, and the same of process and copies.",
        };
        var command = CliRoot.Make(
            "chain", "Runs packets through a switch with the filter inside, in a neighbouring process over rings, and in one that gets copies; prints packets per second of each.",
            file, entry, data, pass, packets, count, rounds, ring, warmUp, cpu, neighbourCpu, veth);
        cli.SetLocalAction(command, (parsed, terminal, format) =>
        {
            var options = new ChainBenchmarkOptions
            {
                Filter = FilterOf(parsed, file, entry, data), Policy = parsed.GetValue(pass), Packets = parsed.GetValue(count), Rounds = (int)parsed.GetValue(rounds),
                RingEntries = (int)parsed.GetValue(ring), WarmUp = TimeSpan.FromMilliseconds(parsed.GetValue(warmUp)), Cpu = (int)parsed.GetValue(cpu), NeighbourCpu = (int)parsed.GetValue(neighbourCpu),
                UsesDevices = parsed.GetValue(veth),
            };
            using var trace = new PacketTrace(PacketFile.ReadWhole(parsed.GetValue(packets)!), options.UsesDevices ? ChainBenchmark.MaxDevicePacketBytes : ChainBenchmark.MaxPacketBytes);
            Write(Describe(trace, options, Run(trace, options)), terminal, format);
            return Task.FromResult(ExitCode.Success);
        });
        return command;
    }

    /// <summary>The other side of the rings.</summary>
    public static Command MakeNeighbour(CliRoot cli)
    {
        var (file, entry, data, pass) = FilterSymbols();
        var memory = new Option<string>("--memory") { Description = "The memory to share, as 'oko bench chain' names it.", HelpName = "PATH", Required = true };
        var cpu = BenchNumbers.Option("--cpu", "Processor, -1 = any.", -1, MaxCpu, -1);
        var command = CliRoot.Make(
            "neighbour", "Serves the rings of an 'oko bench chain', which starts it, until standard input ends.", file, entry, data, pass, memory, cpu);
        cli.SetPlainAction(command, (parsed, _) =>
        {
            Serve(parsed.GetValue(memory)!, FilterOf(parsed, file, entry, data), parsed.GetValue(pass), (int)parsed.GetValue(cpu));
            return Task.FromResult(ExitCode.Success);
        });
        return command;
    }

    private static IReadOnlyList<ChainFigures> Run(PacketTrace trace, ChainBenchmarkOptions options)
    {
        try
        {
            return ChainBenchmark.Run(trace, options);
        }
        catch (Exception exception) when (exception is ArgumentException or TimeoutException or PortOpenException)
        {
            throw new CliException(exception.Message);
        }
    }

    private static void Serve(string path, ChainFilter? spec, NeighbourPolicy policy, int cpu)
    {
        try
        {
            using var region = NeighbourRegion.Open(path);
            using var filter = spec?.Load();
            var neighbour = new Neighbour(region, filter, policy);
            var thread = new Thread(() => neighbour.Run(cpu)) { Name = "oko-neighbour" };
            thread.Start();
            while (Console.In.Read() >= 0)
            {
                // Only its end says something.
            }

            neighbour.Stop();
            thread.Join();
        }
        catch (Exception exception) when (exception is ArgumentException or IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new CliException(exception.Message);
        }
    }

    private static BenchChainJson Describe(PacketTrace trace, ChainBenchmarkOptions options, IReadOnlyList<ChainFigures> figures)
    {
        var inSwitch = figures.First(setup => setup.Setup == ChainSetup.Switch);
        return new BenchChainJson(
            options.Filter is null ? "no filter" : Path.GetFileNameWithoutExtension(options.Filter.Path), Machine.Describe(), trace.Count, Round((double)trace.Bytes / trace.Count),
            options.Packets, options.Rounds, options.RingEntries,
            [
                .. figures.Select(setup => new BenchChainSetupJson(
                    ChainBenchmark.NameOf(setup.Setup), ChainSwitch.Entries(setup.Setup, options), Math.Round(setup.Mean), Math.Round(setup.Deviation), Math.Round(setup.Median),
                    Round(1e9 / setup.Mean), Round(inSwitch.Mean / setup.Mean), Round(setup.UndisturbedNanoseconds), Round(setup.UndisturbedNanoseconds / inSwitch.UndisturbedNanoseconds), setup.Packets, setup.Passed, setup.Refused, Round(setup.NeighbourNanoseconds),
                    Round(setup.NeighbourBatch), setup.IsHuge, setup.AllocatedBytes, [.. setup.PacketsPerSecond.Select(rate => Math.Round(rate))])),
            ]);
    }

    private static void Write(BenchChainJson outcome, Terminal terminal, OutputFormat format)
    {
        if (format == OutputFormat.Json)
        {
            terminal.WriteJson(outcome, JsonOutput.Instance.BenchChainJson);
            return;
        }

        var text = terminal.Output;
        text.WriteLine($"{outcome.Name}: {outcome.TracePackets} packets in the trace, {outcome.MeanPacketBytes} bytes on average; {outcome.Machine}");
        text.WriteLine($"{outcome.RoundPackets} packets in each of {outcome.Rounds} rounds, rings of {outcome.RingEntries} entries");
        foreach (var setup in outcome.Setups)
        {
            text.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{setup.Name,-8} {setup.PacketsPerSecond / 1e6,7:F2} million packets/s (deviation {setup.Deviation / 1e6:F2}, median {setup.MedianPacketsPerSecond / 1e6:F2}), {setup.Nanoseconds} ns per packet, switch/this {setup.SwitchOverThis:F2}; undisturbed {setup.UndisturbedNanoseconds} ns, {setup.SwitchOverThisUndisturbed:F2}"));
            text.WriteLine($"         passed {setup.Passed} of {setup.Packets}, refused {setup.Refused}, allocated {setup.AllocatedBytes} bytes; neighbour: {setup.NeighbourNanoseconds} ns per packet, {setup.NeighbourBatch} packets at a time{(setup.HugePages ? string.Empty : ", small pages")}");
        }
    }

    private static (Argument<string?> File, Option<string?> Entry, Option<string?> Data, Option<NeighbourPolicy> Pass) FilterSymbols()
    {
        var file = new Argument<string?>("FILE") { Description = "ELF object of the filter; without it packets are only forwarded.", Arity = ArgumentArity.ZeroOrOne };
        var entry = new Option<string?>("--entry") { Description = "Name of the program (function), when the object has several.", HelpName = "NAME" };
        var data = new Option<string?>("--data") { Description = "Values of the global variables, as 'oko map update ID .data 0' takes them.", HelpName = "VALUE" };
        var pass = new Option<NeighbourPolicy>("--pass")
        {
            Description = "Packets that go on: those that match, or the others [default: match].",
            HelpName = "match|no-match",
            CustomParser = ParsePolicy,
        };
        return (file, entry, data, pass);
    }

    private static ChainFilter? FilterOf(ParseResult parsed, Argument<string?> file, Option<string?> entry, Option<string?> data) =>
        parsed.GetValue(file) is { } path ? new ChainFilter(path, ObjectFile.Read(path), parsed.GetValue(entry), parsed.GetValue(data)) : null;

    private static double Round(double value) => Math.Round(value, 2);

    private static NeighbourPolicy ParsePolicy(ArgumentResult result)
    {
        switch (result.Tokens[0].Value)
        {
            case "match":
                return NeighbourPolicy.PassMatch;
            case "no-match":
                return NeighbourPolicy.PassNoMatch;
            default:
                result.AddError($"--pass {result.Tokens[0].Value}: allowed are match and no-match.");
                return NeighbourPolicy.PassMatch;
        }
    }
}
