using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Google.Protobuf;
using Oko.Agent.Filters;
using Oko.Agent.Management.V1;
using Oko.Bpf.Elf;
using Oko.Bpf.Loading;
using Oko.Bpf.Verifier;

namespace Oko.Agent.Cli;

/// <summary><c>oko filter check|load|list|unload|events</c>; <c>run</c> is in <see cref="FilterRunCommand"/>.</summary>
internal static class FilterCommands
{
    public static void AddTo(RootCommand root, CliRoot cli) => root.Subcommands.Add(
        CliRoot.Make("filter", "Checks, loads and lists filters.", Check(cli), FilterRunCommand.Make(cli), Load(cli), List(cli), Unload(cli), Events(cli)));

    private static Command Check(CliRoot cli)
    {
        var (file, pcap) = (OptionalObject(), PcapOption());
        var entry = EntryOption();
        var verbose = new Option<bool>("--verbose") { Description = "Shows the whole report of the verifier." };
        var command = CliRoot.Make("check", "Verifies an object without a switch. Exit code: 0 accepted, 1 refused, 2 not readable.", file, entry, pcap, verbose);
        RequireOne(command, file, pcap);
        cli.SetLocalAction(command, (parsed, terminal, format) =>
            Task.FromResult(CheckObject(parsed.GetValue(file) ?? $"--pcap '{parsed.GetValue(pcap)}'", ReadObject(parsed, file, pcap), parsed.GetValue(entry), parsed.GetValue(verbose), terminal, format)));
        return command;
    }

    private static Command Load(CliRoot cli)
    {
        var id = CliRoot.FilterIdArgument();
        var (file, pcap) = (OptionalObject(), PcapOption());
        var entry = EntryOption();
        var name = new Option<string>("--name") { Description = "Name shown in lists; without it the program's, or the expression.", HelpName = "NAME" };
        var replace = new Option<bool>("--replace") { Description = "Takes the place of a filter with this id, for all flow entries at once." };
        var keepMaps = new Option<bool>("--keep-maps") { Description = "With --replace: maps with equal name, type and sizes keep their content." };
        var command = CliRoot.Make("load", "Verifies, compiles and installs a filter.", id, file, entry, pcap, name, replace, keepMaps);
        RequireOne(command, file, pcap);
        cli.SetClientAction(command, async (parsed, client, terminal, format) =>
        {
            var reply = await client.Api.LoadFilterAsync(new LoadFilterRequest
            {
                FilterId = parsed.GetValue(id),
                Object = UnsafeByteOperations.UnsafeWrap(ReadObject(parsed, file, pcap)),
                Name = parsed.GetValue(name) ?? parsed.GetValue(pcap) ?? string.Empty,
                Entry = parsed.GetValue(entry) ?? string.Empty,
                Replace = parsed.GetValue(replace),
                KeepMaps = parsed.GetValue(keepMaps),
            });
            if (format == OutputFormat.Json)
            {
                terminal.WriteJson(
                    new FilterLoadedJson(reply.FilterId, reply.Generation, reply.Instructions, reply.WorstCaseInstructions, reply.CodeBytes,
                        reply.Maps, reply.MapsKept, reply.Text),
                    JsonOutput.Instance.FilterLoadedJson);
                return;
            }

            terminal.Output.WriteLine(
                $"filter {reply.FilterId} loaded, generation {reply.Generation}: {reply.Instructions} instructions, at most {reply.WorstCaseInstructions} run per packet, {Count(reply.Maps, "map")}");
            if (reply.Text.Length > 0)
            {
                terminal.Output.WriteLine(reply.Text);
            }
        });
        return command;
    }

    private static Command List(CliRoot cli)
    {
        var command = CliRoot.Make("list", "Lists the filters with their counters and maps.");
        cli.SetClientAction(command, async (_, client, terminal, format) =>
        {
            var reply = await client.Api.ListFiltersAsync(new ListFiltersRequest());
            if (format == OutputFormat.Json)
            {
                terminal.WriteJson([.. reply.Filters.Select(ToJson)], JsonOutput.Instance.IReadOnlyListFilterJson);
                return;
            }

            terminal.WriteTable(
                [">ID", "NAME", ">GENERATION", "CONVENTION", ">INSTRUCTIONS", ">WORST CASE", ">FLOWS", ">RUNS", ">MATCHES", "MAPS"],
                [.. reply.Filters.Select(filter => new[]
                {
                    $"{filter.FilterId}", filter.Name, $"{filter.Generation}", filter.Convention, $"{filter.Instructions}",
                    $"{filter.WorstCaseInstructions}", $"{filter.References}", $"{filter.Runs}", $"{filter.Matches}",
                    string.Join(", ", filter.Maps.Select(map => map.HasEntries ? $"{map.Name} ({map.Type}, {map.Entries} of {map.MaxEntries})" : $"{map.Name} ({map.Type})")),
                })],
                "no filter is loaded");
        });
        return command;
    }

    private static Command Unload(CliRoot cli)
    {
        var id = CliRoot.FilterIdArgument();
        var force = new Option<bool>("--force") { Description = "Deletes the flow entries that name the filter first." };
        var command = CliRoot.Make("unload", "Removes a filter.", id, force);
        cli.SetClientAction(command, async (parsed, client, _, _) => await client.Api.UnloadFilterAsync(
            new UnloadFilterRequest { FilterId = parsed.GetValue(id), Force = parsed.GetValue(force) }));
        return command;
    }

    private static Argument<string?> OptionalObject() => new("FILE")
    {
        Description = "ELF object, as made by clang -target bpf -O2 -g -c.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static Option<string?> PcapOption() => new("--pcap")
    {
        Description = "A filter expression of tcpdump, instead of FILE: 'tcp[tcpflags] & tcp-syn != 0'.",
        HelpName = "EXPRESSION",
    };

    private static void RequireOne(Command command, Argument<string?> file, Option<string?> pcap) => command.Validators.Add(result =>
    {
        if ((result.GetValue(file) is null) == (result.GetResult(pcap) is null))
        {
            result.AddError("Name either an object FILE or an expression (--pcap 'EXPRESSION').");
        }
    });

    private static byte[] ReadObject(ParseResult parsed, Argument<string?> file, Option<string?> pcap) =>
        parsed.GetValue(file) is { } path ? ObjectFile.Read(path) : PcapExpression.ToObject(parsed.GetValue(pcap) ?? string.Empty);

    private static Command Events(CliRoot cli)
    {
        var id = CliRoot.FilterIdArgument();
        var map = new Argument<string?>("MAP") { Description = "Name or index of the ring buffer; without it the filter's only one.", Arity = ArgumentArity.ZeroOrOne };
        var count = CliRoot.CountOption("records");
        var command = CliRoot.Make("events", "Shows what a filter writes into a ring buffer, as it comes, until the filter is unloaded.", id, map, count);
        cli.SetClientAction(command, async (parsed, client, terminal, format) =>
        {
            var left = parsed.GetValue(count) ?? int.MaxValue;
            using var call = client.Api.WatchEvents(new WatchEventsRequest
            {
                FilterId = parsed.GetValue(id),
                Map = parsed.GetValue(map) ?? string.Empty,
                Json = format == OutputFormat.Json,
            });
            while (left > 0 && await call.ResponseStream.MoveNext(CancellationToken.None))
            {
                left--;
                var record = call.ResponseStream.Current;
                if (format == OutputFormat.Json)
                {
                    terminal.Output.WriteLine(record.Json);
                }
                else
                {
                    terminal.Output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                        $"{record.TimeNanoseconds / 1e9:f6} {record.Map}: {record.Text}{(record.Lost == 0 ? string.Empty : $" ({record.Lost} lost before it)")}"));
                }

                terminal.Output.Flush();
            }
        });
        return command;
    }

    private static Option<string> EntryOption() => new("--entry")
    {
        Description = "Name of the program (function), when the object has several.",
        HelpName = "NAME",
    };

    private static string Count(uint count, string noun) => count == 1 ? $"1 {noun}" : $"{count} {noun}s";

    private static FilterJson ToJson(Filter filter) => new(
        filter.FilterId, filter.Name, filter.Generation, filter.Convention, filter.Instructions, filter.WorstCaseInstructions, filter.CodeBytes,
        filter.References, Convert.ToHexStringLower(filter.Sha256.Span), filter.Runs, filter.Matches, filter.SampledRuns,
        filter.SampledNanoseconds,
        [.. filter.Maps.Select(map => new MapJson(map.Index, map.Name, map.Type, map.KeySize, map.ValueSize, map.MaxEntries, map.HasEntries ? map.Entries : null))]);

    private static int CheckObject(string path, byte[] content, string? entry, bool verbose, Terminal terminal, OutputFormat format)
    {
        CheckJson outcome;
        try
        {
            outcome = Describe(FilterLoader.Load(content, string.IsNullOrEmpty(entry) ? null : entry));
        }
        catch (ElfFormatException exception)
        {
            outcome = new CheckJson { Accepted = false, Error = "OBJECT_INVALID", Text = exception.Message };
        }
        catch (VerificationException exception)
        {
            var report = exception.Report;
            outcome = new CheckJson
            {
                Accepted = false,
                Error = "PROGRAM_REFUSED",
                Verdict = JsonNamingPolicy.SnakeCaseLower.ConvertName(report.Verdict.ToString()),
                Slot = report.Slot < 0 ? null : (uint)report.Slot,
                Text = report.ToString(verbose),
            };
        }

        if (format == OutputFormat.Json)
        {
            terminal.WriteJson(outcome, JsonOutput.Instance.CheckJson);
        }
        else if (outcome.Accepted)
        {
            terminal.Output.WriteLine(
                $"{path}: accepted: {outcome.Name} ({outcome.Convention}), {outcome.Instructions} instructions, at most {outcome.WorstCaseInstructions} run per packet");
            if (outcome.Text is { Length: > 0 })
            {
                terminal.Output.WriteLine($"  {outcome.Text}");
            }

            foreach (var map in outcome.Maps!)
            {
                terminal.Output.WriteLine($"  map {map.Index}: {map.Name}, {map.Type}, key {map.KeySize} bytes, value {map.ValueSize} bytes, up to {map.MaxEntries} entries");
            }
        }

        if (!outcome.Accepted)
        {
            terminal.WriteError($"{path}: {outcome.Text}");
        }

        return outcome.Accepted ? ExitCode.Success : ExitCode.Failure;
    }

    private static CheckJson Describe(VerifiedProgram program) => new()
    {
        Accepted = true,
        Name = program.Name,
        Convention = program.Convention.ToString().ToLowerInvariant(),
        Instructions = program.Instructions.Length,
        WorstCaseInstructions = program.WorstCaseInstructions,
        StackBytes = program.StackBytes,
        Text = program.Remark,
        Maps = [.. program.Maps.Select((map, index) => new MapJson(
            (uint)index, map.Name, map.Type.ToString().ToLowerInvariant(), map.KeySize, map.ValueSize, map.MaxEntries, null))],
    };
}
