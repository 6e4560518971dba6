using System.CommandLine;
using Oko.Agent.Management.V1;

namespace Oko.Agent.Cli;

/// <summary><c>oko port list</c>.</summary>
internal static class PortCommands
{
    public static void AddTo(RootCommand root, CliRoot cli) => root.Subcommands.Add(CliRoot.Make("port", "Shows the ports.", List(cli)));

    private static Command List(CliRoot cli)
    {
        var command = CliRoot.Make("list", "Lists the ports with their counters and how packets get in and out.");
        cli.SetClientAction(command, async (_, client, terminal, format) =>
        {
            var reply = await client.Api.ListPortsAsync(new ListPortsRequest());
            if (format == OutputFormat.Json)
            {
                terminal.WriteJson([.. reply.Ports.Select(ToJson)], JsonOutput.Instance.IReadOnlyListPortJson);
                return;
            }

            terminal.WriteTable(
                [">NUMBER", "NAME", "LINK", "ADDRESS", ">RX PACKETS", ">RX BYTES", ">RX DROPPED", ">TX PACKETS", ">TX BYTES", ">TX DROPPED", "CONFIG", "MODE"],
                [.. reply.Ports.Select(port => new[]
                {
                    $"{port.Number}", port.Name, port.Link, OrDash(port.Address), $"{port.ReceivedPackets}", $"{port.ReceivedBytes}",
                    $"{port.ReceiveDropped}", $"{port.SentPackets}", $"{port.SentBytes}", $"{port.SendDropped}",
                    OrDash(string.Join(' ', port.Config)), OrDash(port.Mode),
                })],
                "the switch has no ports");
        });
        return command;
    }

    private static string OrDash(string text) => text.Length == 0 ? "-" : text;

    private static PortJson ToJson(Port port) => new(
        port.Number, port.Name, port.Address, port.Link, port.Config, port.Mode, port.SpeedKbps, port.ReceivedPackets, port.ReceivedBytes,
        port.ReceiveDropped, port.ReceiveErrors, port.SentPackets, port.SentBytes, port.SendDropped);
}
