using System.CommandLine;
using Oko.Agent.Management.V1;

namespace Oko.Agent.Cli;

/// <summary><c>oko stats</c>: where all packets went.</summary>
internal static class StatsCommand
{
    // Of the classes of pauses, which begin with 250 and 500 microseconds.
    private const int FirstFromMillisecond = 2;

    public static void AddTo(RootCommand root, CliRoot cli)
    {
        var command = CliRoot.Make("stats", "Shows where all packets went: what came in equals what was sent, taken and dropped.");
        cli.SetClientAction(command, async (_, client, terminal, format) =>
        {
            var reply = await client.Api.GetStatisticsAsync(new GetStatisticsRequest());
            var stats = ToJson(reply);
            if (format == OutputFormat.Json)
            {
                terminal.WriteJson(stats, JsonOutput.Instance.StatsJson);
                return;
            }

            string[][] rows =
            [
                ["received", $"{stats.Received}", "from ports"],
                ["injected", $"{stats.Injected}", "by packet-out"],
                ["cloned", $"{stats.Cloned}", "for the second and later outputs"],
                ["sent", $"{stats.Sent}", "to ports"],
                ["to_controller", $"{stats.ToController}", "packet-in"],
                ["consumed", $"{stats.Consumed}", "by the switch itself"],
                .. reply.Drops.Where(drop => drop.Packets > 0).Select(drop => new[] { $"drop {drop.Reason}", $"{drop.Packets}", drop.Description }),
            ];
            terminal.WriteTable(["PACKETS", ">COUNT", "MEANING"], rows, string.Empty);
            terminal.Output.WriteLine(stats.Balanced ? "balanced: every packet is accounted for" : "not balanced: packets are under way");
            terminal.Output.WriteLine(
                $"datapath {stats.DatapathId}, up {stats.UptimeSeconds:0} s, {stats.Flows} flows, {stats.Filters} filters with {stats.MapBytes} bytes of maps, {stats.CompletedChecksums} checksums completed, {stats.Connections} connections");
            terminal.Output.WriteLine(
                $"pauses: the forwarding thread {Describe(stats.WorkerGaps)}; {stats.Collections.Sum(count => (long)count)} garbage collections, {stats.CollectionPauseSeconds * 1000:0} ms in all, {Describe(stats.CollectionPauses)}");
            if (stats.DroppedPacketIns + stats.DroppedPacketOuts > 0)
            {
                terminal.Output.WriteLine(
                    $"not delivered: {stats.DroppedPacketIns} packet-ins that peers did not take, {stats.DroppedPacketOuts} packet-outs for which the queue was full");
            }
        });
        root.Subcommands.Add(command);
    }

    private static StatsJson ToJson(GetStatisticsReply reply)
    {
        var drops = reply.Drops.ToDictionary(drop => drop.Reason, drop => drop.Packets);
        var isBalanced = reply.Received + reply.Injected + reply.Cloned ==
            reply.Sent + reply.ToController + reply.Consumed + drops.Values.Aggregate(0UL, (sum, packets) => sum + packets);
        return new StatsJson(
            $"{reply.DatapathId:x16}", reply.UptimeSeconds, reply.Received, reply.Injected, reply.Cloned, reply.Sent, reply.ToController,
            reply.Consumed, drops, isBalanced, reply.CompletedChecksums, reply.DroppedPacketOuts,
            reply.DroppedPacketIns, reply.Flows, reply.Filters, reply.MapBytes, reply.Connections,
            ToJson(reply.WorkerGaps), ToJson(reply.CollectionPauses), [.. reply.Collections], reply.CollectionPauseSeconds);
    }

    private static PausesJson ToJson(Pauses pauses) => new([.. pauses.Counts], pauses.LongestMilliseconds);

    private static string Describe(PausesJson pauses) =>
        $"{pauses.Counts.Skip(FirstFromMillisecond).Aggregate(0UL, (sum, count) => sum + count)} of 1 ms or more, the longest {pauses.LongestMilliseconds:0.0} ms";
}
