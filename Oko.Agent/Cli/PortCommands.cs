using System.CommandLine;
using System.Globalization;
using Oko.Agent.Management.V1;

namespace Oko.Agent.Cli;

/// <summary><c>oko port list|show</c>.</summary>
internal static class PortCommands
{
    public static void AddTo(RootCommand root, CliRoot cli) => root.Subcommands.Add(CliRoot.Make("port", "Shows the ports.", List(cli), Show(cli)));

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

    private static Command Show(CliRoot cli)
    {
        var named = new Argument<string>("PORT") { Description = "Name or number of the port." };
        var command = CliRoot.Make("show", "Shows a port with all its counters, also those that the kernel keeps of its AF_XDP sockets.", named);
        cli.SetClientAction(command, async (parsed, client, terminal, format) =>
        {
            var name = parsed.GetValue(named)!;
            var reply = await client.Api.ListPortsAsync(new ListPortsRequest());
            var port = reply.Ports.FirstOrDefault(port => port.Name == name) ??
                reply.Ports.FirstOrDefault(port => port.Number.ToString(CultureInfo.InvariantCulture) == name) ??
                throw new CliException($"{name}: the switch has no such port; `oko port list` shows those it has.");
            if (format == OutputFormat.Json)
            {
                terminal.WriteJson(ToJson(port), JsonOutput.Instance.PortJson);
                return;
            }

            terminal.Output.WriteLine($"port {port.Number}, {port.Name}, {OrDash(port.Address)}, link {port.Link}, {OrDash(port.Mode)}");
            terminal.WriteTable(["COUNTER", ">COUNT", "MEANING"], [.. Counters(port)], string.Empty);
        });
        return command;
    }

    private static IEnumerable<string[]> Counters(Port port)
    {
        yield return ["received", $"{port.ReceivedPackets}", $"packets, {port.ReceivedBytes} bytes"];
        yield return ["receive_dropped", $"{port.ReceiveDropped}", "packets lost before the switch saw them"];
        yield return ["receive_errors", $"{port.ReceiveErrors}", "packets that could not be received"];
        yield return ["sent", $"{port.SentPackets}", $"packets, {port.SentBytes} bytes"];
        yield return ["send_dropped", $"{port.SendDropped}", "packets that the port did not take"];
        if (port.AfXdp is not { } counters)
        {
            yield break;
        }

        yield return ["rx_dropped", $"{counters.RxDropped}", "kernel: no free frame, or a packet longer than one"];
        yield return ["rx_ring_full", $"{counters.RxRingFull}", "kernel: the switch had not taken earlier packets"];
        yield return ["rx_fill_ring_empty_descs", $"{counters.RxFillRingEmptyDescs}", "kernel: times the switch had given it no free frame"];
        yield return ["rx_invalid_descs", $"{counters.RxInvalidDescs}", "kernel: bad addresses of free frames, a fault of the switch"];
        yield return ["tx_invalid_descs", $"{counters.TxInvalidDescs}", "kernel: bad packets to send, a fault of the switch"];
        yield return ["tx_ring_empty_descs", $"{counters.TxRingEmptyDescs}", "kernel: times it found nothing more to send"];
        yield return ["tx_ring_full", $"{counters.TxRingFull}", "dropped: the device sends more slowly than packets come"];
        yield return ["live_frames", $"{counters.LiveFrames}", "packets sent by live frames"];
        yield return ["live_frames_refused", $"{counters.LiveFramesRefused}", "dropped: the kernel refused them"];
    }

    private static string OrDash(string text) => text.Length == 0 ? "-" : text;

    private static PortJson ToJson(Port port) => new(
        port.Number, port.Name, port.Address, port.Link, port.Config, port.Mode, port.SpeedKbps, port.ReceivedPackets, port.ReceivedBytes,
        port.ReceiveDropped, port.ReceiveErrors, port.SentPackets, port.SentBytes, port.SendDropped, ToJson(port.AfXdp));

    private static AfXdpJson? ToJson(AfXdp? counters) => counters is null ? null : new AfXdpJson(
        counters.Queues, counters.RxDropped, counters.RxInvalidDescs, counters.RxRingFull, counters.RxFillRingEmptyDescs,
        counters.TxInvalidDescs, counters.TxRingEmptyDescs, counters.TxRingFull, counters.LiveFrames, counters.LiveFramesRefused);
}
