using System.CommandLine;
using System.CommandLine.Parsing;
using System.Diagnostics;
using Oko.Bpf.Elf;
using Oko.Bpf.Execution;
using Oko.Bpf.Jit;
using Oko.Bpf.Loading;
using Oko.Bpf.Verifier;

namespace Oko.Agent.Cli;

/// <summary><c>oko bench</c> and <c>oko bench filter</c>.</summary>
internal static class BenchCommands
{
    private const int DefaultRounds = 40;
    private const int MaxRounds = 100_000;

    public static void AddTo(RootCommand root, CliRoot cli) => root.Subcommands.Add(
        CliRoot.Make("bench", "Measures, without a switch.", Filter(cli), PipelineBenchCommand.Make(cli), ChainBenchCommand.Make(cli), ChainBenchCommand.MakeNeighbour(cli)));

    private static Command Filter(CliRoot cli)
    {
        var file = new Argument<string>("FILE") { Description = "ELF object, as made by clang -target bpf -O2 -g -c." };
        var packets = new Option<string>("--packets") { Description = "Capture of Ethernet frames (pcap or pcapng).", HelpName = "FILE", Required = true };
        var engine = new Option<FilterEngine>("--engine")
        {
            Description = "il compiles the filter as the switch does; interpreter runs it step by step [default: il].",
            HelpName = "il|interpreter",
            CustomParser = ParseEngine,
        };
        var entry = new Option<string>("--entry") { Description = "Name of the program (function), when the object has several.", HelpName = "NAME" };
        var rounds = new Option<int>("--rounds")
        {
            Description = $"Measured rounds over all packets, 1 to {MaxRounds}.",
            HelpName = "N",
            DefaultValueFactory = _ => DefaultRounds,
        };
        rounds.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > MaxRounds)
            {
                result.AddError($"--rounds {result.Tokens[0].Value}: allowed are 1 to {MaxRounds}.");
            }
        });
        var command = CliRoot.Make("filter", "Runs a filter over the packets of a capture and prints what a packet costs. Maps start empty; each packet comes from port 1.",
            file, packets, engine, entry, rounds);
        cli.SetLocalAction(command, (parsed, terminal, format) =>
        {
            var outcome = Measure(parsed.GetValue(file)!, parsed.GetValue(entry), parsed.GetValue(packets)!, parsed.GetValue(engine), parsed.GetValue(rounds));
            Write(outcome, terminal, format);
            return Task.FromResult(ExitCode.Success);
        });
        return command;
    }

    private static BenchFilterJson Measure(string path, string? entry, string capture, FilterEngine engine, int rounds)
    {
        var content = ObjectFile.Read(path);
        using var packets = PacketFile.Read(capture);
        IlCompiler.WarmUp();
        try
        {
            var program = FilterLoader.Load(content, string.IsNullOrEmpty(entry) ? null : entry);
            var start = Stopwatch.GetTimestamp();
            FilterLoader.Load(content, string.IsNullOrEmpty(entry) ? null : entry);
            var verify = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            using var filter = LoadedFilter.Create(program);
            var compile = FilterBenchmark.CompileMilliseconds(filter);
            var figures = FilterBenchmark.Run(filter, engine, packets, rounds);
            return new BenchFilterJson(
                filter.Name, engine.ToString().ToLowerInvariant(), filter.Instructions, Round(verify), Round(compile), packets.Count, rounds,
                Round(figures.MedianNanoseconds), Round(figures.BestNanoseconds), figures.Accepted, figures.AllocatedBytes);
        }
        catch (Exception exception) when (exception is ElfFormatException or VerificationException or ArgumentException)
        {
            throw new CliException($"{path}: {exception.Message}");
        }
    }

    private static void Write(BenchFilterJson outcome, Terminal terminal, OutputFormat format)
    {
        if (format == OutputFormat.Json)
        {
            terminal.WriteJson(outcome, JsonOutput.Instance.BenchFilterJson);
            return;
        }

        terminal.Output.WriteLine($"{outcome.Name}: {outcome.Instructions} instructions, verified and loaded in {outcome.VerifyMilliseconds} ms, compile: {outcome.CompileMilliseconds} ms");
        terminal.Output.WriteLine($"{outcome.Packets} packets, {outcome.Rounds} rounds, engine {outcome.Engine}");
        terminal.Output.WriteLine($"time per packet: {outcome.MedianNanoseconds} ns (median of the rounds), {outcome.BestNanoseconds} ns (best)");
        terminal.Output.WriteLine($"accepted: {outcome.Accepted} of {(long)outcome.Packets * outcome.Rounds}");
        terminal.Output.WriteLine($"allocated: {outcome.AllocatedBytes} bytes");
    }

    private static double Round(double value) => Math.Round(value, 2);

    private static FilterEngine ParseEngine(ArgumentResult result)
    {
        switch (result.Tokens[0].Value)
        {
            case "il":
                return FilterEngine.Il;
            case "interpreter":
                return FilterEngine.Interpreter;
            default:
                result.AddError($"--engine {result.Tokens[0].Value}: allowed are il and interpreter.");
                return FilterEngine.Il;
        }
    }
}
