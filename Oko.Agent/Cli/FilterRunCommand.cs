using System.CommandLine;
using System.Globalization;
using Oko.Agent.Filters;
using Oko.Bpf.Btf;
using Oko.Bpf.Elf;
using Oko.Bpf.Execution;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Bpf.Verifier;

namespace Oko.Agent.Cli;

/// <summary><c>oko filter run</c>: the verdict of a filter on each packet of a capture, without a switch.</summary>
internal static class FilterRunCommand
{
    public static Command Make(CliRoot cli)
    {
        var file = new Argument<string>("FILE") { Description = "ELF object, as made by clang -target bpf -O2 -g -c." };
        var packets = new Option<string>("--packets") { Description = "Capture of Ethernet frames (pcap or pcapng).", HelpName = "CAPTURE", Required = true };
        var entry = new Option<string>("--entry") { Description = "Name of the program (function), when the object has several.", HelpName = "NAME" };
        var set = new Option<string[]>("--set")
        {
            Description = "Sets an entry of a map before the first packet, in the form of 'oko map update'; repeatable.",
            HelpName = "MAP KEY VALUE",
            Arity = new ArgumentArity(3, 3000),
            AllowMultipleArgumentsPerToken = true,
        };
        set.Validators.Add(result =>
        {
            if (result.Tokens.Count % 3 != 0)
            {
                result.AddError("--set takes MAP KEY VALUE; write it behind FILE.");
            }
        });
        var command = CliRoot.Make(
            "run",
            "Runs a filter over the packets of a capture, on the clock of their times, and prints its verdict on each and what it writes into ring buffers. No switch is needed; maps start empty; each packet comes from port 1.",
            file, packets, entry, set);
        cli.SetLocalAction(command, (parsed, terminal, format) =>
        {
            Run(parsed.GetValue(file)!, parsed.GetValue(entry), parsed.GetValue(packets)!, parsed.GetValue(set) ?? [], terminal, format);
            return Task.FromResult(ExitCode.Success);
        });
        return command;
    }

    private static void Run(string path, string? entry, string capture, string[] settings, Terminal terminal, OutputFormat format)
    {
        var content = ObjectFile.Read(path);
        using var packets = PacketFile.ReadTimed(capture, out var times);
        using var filter = Load(path, content, entry);
        foreach (var setting in settings.Chunk(3))
        {
            Set(filter, setting[0], setting[1], setting[2]);
        }

        var verdicts = new List<PacketVerdictJson>(packets.Count);
        FilterReplay.Run(filter, packets, times, (index, time, result) =>
            verdicts.Add(new PacketVerdictJson(index + 1, time, filter.IsMatch(result), result, Events(filter))));
        if (format == OutputFormat.Json)
        {
            terminal.WriteJson(verdicts, JsonOutput.Instance.IReadOnlyListPacketVerdictJson);
            return;
        }

        foreach (var verdict in verdicts)
        {
            terminal.Output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{verdict.Packet} {verdict.TimeNanoseconds / 1_000_000_000}.{verdict.TimeNanoseconds / 1000 % 1_000_000:d6} {(verdict.Match ? "match" : "no match")}"));
            foreach (var written in verdict.Events ?? [])
            {
                terminal.Output.WriteLine($"  {written.Map}: {written.Text}");
            }
        }

        terminal.Output.WriteLine($"{filter.Name}: {verdicts.Count} packets, {verdicts.Count(verdict => verdict.Match)} match");
    }

    private static LoadedFilter Load(string path, byte[] content, string? entry)
    {
        try
        {
            return LoadedFilter.Create(FilterLoader.Load(content, string.IsNullOrEmpty(entry) ? null : entry));
        }
        catch (Exception exception) when (exception is ElfFormatException or VerificationException or ArgumentException)
        {
            throw new CliException($"{path}: {exception.Message}");
        }
    }

    private static void Set(LoadedFilter filter, string name, string key, string value)
    {
        var map = filter.Maps.FirstOrDefault(one => one.Name == name)
            ?? throw new CliException($"--set {name}: the filter has no such map; it has: {string.Join(", ", filter.Maps.Select(one => one.Name))}.", ExitCode.Usage);
        try
        {
            var bytes = BtfValueFormatter.Parse(value, (int)map.Spec.ValueSize, map.Spec.ValueType);
            var error = map.Update(
                map.Spec.KeySize == 0 ? [] : BtfValueFormatter.Parse(key, (int)map.Spec.KeySize, map.Spec.KeyType),
                [.. Enumerable.Repeat(bytes, map.DumpValueSize / map.ValueSize).SelectMany(copy => copy)],
                MapUpdateFlags.Any);
            if (error != 0)
            {
                throw new CliException($"--set {name} {key}: the map ({map.Type}, up to {map.Spec.MaxEntries} entries) does not take this entry (error {error}).", ExitCode.Usage);
            }
        }
        catch (FormatException exception)
        {
            throw new CliException($"--set {name} {key}: {exception.Message}.", ExitCode.Usage);
        }
    }

    private static List<PacketEventJson>? Events(LoadedFilter filter)
    {
        List<PacketEventJson>? events = null;
        foreach (var ring in filter.Maps.OfType<RingBufferMap>())
        {
            ring.Consume((record, _) => (events ??= []).Add(new PacketEventJson(ring.Name, MapText.FormatRecord(ring.Spec, record))), int.MaxValue);
        }

        return events;
    }
}
