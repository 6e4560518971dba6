using System.Collections.Immutable;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Pipeline;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Rules;

/// <summary>Checks packet-outs and hands them to the worker. Control thread, so that a packet-out runs on the tables that
/// earlier flow-mods of its connection left.</summary>
/// <remarks>Source: OpenFlow 1.3.5, 7.3.7 "Packet-Out Message". Whether set-field actions fit the packet is not checked: one whose
/// header is missing does nothing.</remarks>
internal sealed class PacketOutHandler(Oko.Datapath.Workers.Datapath datapath, ChangeJournal journal, ActionTargets targets)
{
    private const int EthernetHeaderBytes = 14;

    /// <summary>Packets lost since the worker's queue was full.</summary>
    public long Dropped { get; private set; }

    /// <summary>Sends one packet.</summary>
    /// <exception cref="OpenFlowErrorException">BadRequest/BufferUnknown, BadPort or BadPacket; BadAction as in flow-mods.</exception>
    public void Send(PacketOut message)
    {
        if (message.Buffer != BufferId.NoBuffer)
        {
            throw OpenFlowErrorException.BadRequest(
                BadRequestCode.BufferUnknown, $"buffer 0x{message.Buffer.Value:x8}: this switch buffers no packets, send the data");
        }

        var inPort = message.InPort;
        var isPort = inPort.Value >= 1 && inPort.Value <= PortNumber.Max.Value;

        // ANY is not in the standard's list, but ovs-ofctl and older controllers say "none" when the packet came from nowhere.
        if (!isPort && inPort != PortNumber.Controller && inPort != PortNumber.Local && inPort != PortNumber.Any)
        {
            throw OpenFlowErrorException.BadRequest(
                BadRequestCode.BadPort, $"packet-out in_port 0x{inPort.Value:x}: allowed are port numbers, CONTROLLER, LOCAL and ANY");
        }

        if (message.Data.Length < EthernetHeaderBytes || message.Data.Length > Umem.MaxJumboPacketSize)
        {
            throw OpenFlowErrorException.BadRequest(
                BadRequestCode.BadPacket,
                $"packet-out of {message.Data.Length} bytes: a frame has {EthernetHeaderBytes} to {Umem.MaxJumboPacketSize}");
        }

        var actions = ActionTranslator.Translate(message.Actions, isPacketOut: true, targets);
        if (journal.IsOpen)
        {
            journal.WhenKept(() => Inject(message, actions));
        }
        else
        {
            Inject(message, actions);
        }
    }

    private void Inject(PacketOut message, ImmutableArray<DatapathAction> actions)
    {
        if (!datapath.TryInject(message.Data, message.InPort.Value, actions))
        {
            Dropped++;
        }
    }
}
