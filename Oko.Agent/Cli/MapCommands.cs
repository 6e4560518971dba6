using System.CommandLine;
using System.Globalization;
using Google.Protobuf;
using Grpc.Core;
using Oko.Agent.Management.V1;

namespace Oko.Agent.Cli;

/// <summary><c>oko map dump|update|delete|watch</c>.</summary>
internal static class MapCommands
{
    public static void AddTo(RootCommand root, CliRoot cli) => root.Subcommands.Add(
        CliRoot.Make("map", "Reads and changes the maps of filters.", Dump(cli), Update(cli), Delete(cli), Watch(cli)));

    private static Command Dump(CliRoot cli)
    {
        var id = CliRoot.FilterIdArgument();
        var map = MapArgument();
        var command = CliRoot.Make("dump", "Shows all entries of a map.", id, map);
        cli.SetClientAction(command, async (parsed, client, terminal, format) =>
        {
            var isJson = format == OutputFormat.Json;
            using var call = client.Api.DumpMap(new DumpMapRequest { FilterId = parsed.GetValue(id), Map = parsed.GetValue(map)!, Json = isJson });
            if (isJson)
            {
                await WriteJsonAsync(call.ResponseStream, terminal.Output);
                return;
            }

            var entries = new List<MapEntry>();
            await foreach (var part in call.ResponseStream.ReadAllAsync())
            {
                entries.AddRange(part.Entries);
            }

            terminal.WriteTable(["KEY", "VALUE"], [.. entries.Select(entry => new[] { entry.Key, entry.Value })], "the map is empty");
        });
        return command;
    }

    /// <summary>An array with one entry a line, written as the entries come: maps can be large.</summary>
    private static async Task WriteJsonAsync(IAsyncStreamReader<MapEntries> parts, TextWriter output)
    {
        var separator = "[";
        await foreach (var part in parts.ReadAllAsync())
        {
            foreach (var entry in part.Entries)
            {
                output.Write($"{separator}\n  {entry.Json}");
                separator = ",";
            }
        }

        output.WriteLine(separator == "[" ? "[]" : "\n]");
    }

    private static Command Update(CliRoot cli)
    {
        var id = CliRoot.FilterIdArgument();
        var map = MapArgument();
        var entries = new Argument<string[]>("KEY VALUE")
        {
            Description = "As the types in the object ask: 172.16.0.14 1, 0x10, {1,2}, hex:0a000001; several pairs are set together or not at all.",
            Arity = new ArgumentArity(0, 100_000),
        };
        var json = new Option<string>("--json")
        {
            Description = "Instead of KEY VALUE: a file with entries as 'oko map dump --format json' prints them, - for standard input.",
            HelpName = "FILE",
        };
        var isNew = new Option<bool>("--new") { Description = "Refuses keys that are there." };
        var isExisting = new Option<bool>("--existing") { Description = "Refuses keys that are not there." };
        var command = CliRoot.Make("update", "Sets entries of a map.", id, map, entries, json, isNew, isExisting);
        command.Validators.Add(result =>
        {
            var texts = result.GetValue(entries) ?? [];
            if ((texts.Length == 0) == (result.GetResult(json) is null))
            {
                result.AddError("give the entries as KEY VALUE pairs or in a file (--json FILE), not both.");
            }
            else if (texts.Length % 2 != 0)
            {
                result.AddError($"the key '{texts[^1]}' has no value; write KEY VALUE pairs.");
            }

            if (result.GetValue(isNew) && result.GetValue(isExisting))
            {
                result.AddError("--new and --existing exclude each other; give one of them.");
            }
        });
        cli.SetClientAction(command, async (parsed, client, terminal, _) =>
        {
            var request = new UpdateMapRequest
            {
                FilterId = parsed.GetValue(id),
                Map = parsed.GetValue(map)!,
                Condition = parsed.GetValue(isNew) ? UpdateCondition.OnlyNew
                    : parsed.GetValue(isExisting) ? UpdateCondition.OnlyExisting : UpdateCondition.Any,
            };
            if (parsed.GetValue(json) is { } file)
            {
                request.Json = UnsafeByteOperations.UnsafeWrap(EntriesFile.Read(file, terminal.Input));
            }
            else
            {
                request.Entries.AddRange(parsed.GetValue(entries)!.Chunk(2).Select(pair => new MapEntryText { Key = pair[0], Value = pair[1] }));
            }

            await client.Api.UpdateMapAsync(request);
        });
        return command;
    }

    private static Command Delete(CliRoot cli)
    {
        var id = CliRoot.FilterIdArgument();
        var map = MapArgument();
        var keys = new Argument<string[]>("KEY") { Description = "Keys to delete, all or none.", Arity = ArgumentArity.ZeroOrMore };
        var all = new Option<bool>("--all") { Description = "Empties the map." };
        var command = CliRoot.Make("delete", "Deletes entries of a map; elements of an array become zero.", id, map, keys, all);
        command.Validators.Add(result =>
        {
            if (result.GetValue(all) != (result.GetValue(keys) is null or { Length: 0 }))
            {
                result.AddError("name the keys to delete, or --all, not both.");
            }
        });
        cli.SetClientAction(command, async (parsed, client, _, _) =>
        {
            var request = new DeleteFromMapRequest { FilterId = parsed.GetValue(id), Map = parsed.GetValue(map)!, All = parsed.GetValue(all) };
            request.Keys.AddRange(parsed.GetValue(keys) ?? []);
            await client.Api.DeleteFromMapAsync(request);
        });
        return command;
    }

    private static Command Watch(CliRoot cli)
    {
        var id = CliRoot.FilterIdArgument();
        var map = MapArgument();
        var interval = IntervalOption();
        var count = CliRoot.CountOption("changes");
        var command = CliRoot.Make("watch", "Shows what changes in a map, as it is seen, until the filter is unloaded.", id, map, interval, count);
        cli.SetClientAction(command, async (parsed, client, terminal, format) =>
        {
            var left = parsed.GetValue(count) ?? int.MaxValue;
            using var call = client.Api.WatchMap(new WatchMapRequest
            {
                FilterId = parsed.GetValue(id),
                Map = parsed.GetValue(map)!,
                IntervalMilliseconds = parsed.GetValue(interval),
                Json = format == OutputFormat.Json,
            });
            while (left > 0 && await call.ResponseStream.MoveNext(CancellationToken.None))
            {
                foreach (var change in call.ResponseStream.Current.Changes.Take(left))
                {
                    left--;
                    terminal.Output.WriteLine(format == OutputFormat.Json ? change.Json : Describe(change));
                }

                terminal.Output.Flush();
            }
        });
        return command;
    }

    private static string Describe(MapChange change) => string.Create(CultureInfo.InvariantCulture,
        $"{change.TimeNanoseconds / 1e9:f6} {change.Kind} {change.Key}{(change.Value.Length == 0 ? string.Empty : $": {change.Value}")}{(change.OldValue.Length == 0 ? string.Empty : $" (was {change.OldValue})")}");

    /// <summary>Seconds on the command line, milliseconds in the request; 0 if it is not given.</summary>
    private static Option<uint> IntervalOption() => new("--interval")
    {
        Description = "How often the map is looked at, in seconds, 0.1 to 3600 [default: 1].",
        HelpName = "SECONDS",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            if (decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 0.1m and <= 3600)
            {
                return (uint)(seconds * 1000);
            }

            result.AddError($"--interval {text}: allowed are 0.1 to 3600 seconds.");
            return 0;
        },
    };

    private static Argument<string> MapArgument() => new("MAP") { Description = "Name of the map, or its index." };
}
