using System.Collections.Immutable;
using Oko.Agent.Ports;
using Oko.Datapath.Ports;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Controllers;

/// <summary>Queues in the words of OpenFlow. Control thread only.</summary>
/// <remarks>Queue n of a port is TX queue n of its device. Rates and priorities of those are the device's business, set by the
/// operator; so they are described without properties. Source: OpenFlow 1.3.5, 7.2.2, 7.3.5.8 and 7.3.6.</remarks>
internal sealed class QueueRecords(SwitchPorts ports)
{
    /// <summary>The queues of a port, or of all with OFPP_ANY.</summary>
    /// <exception cref="OpenFlowErrorException">QueueOpFailed: there is no such port.</exception>
    public ImmutableArray<QueueDescription> Describe(PortNumber port) =>
    [
        .. Select(port).SelectMany(each => Enumerable.Range(0, each.QueueCount).Select(
            number => new QueueDescription(new QueueId((uint)number), new PortNumber(each.Number), []))),
    ];

    /// <summary>Statistics of one queue, or of all with OFPQ_ALL, on one port, or on all with OFPP_ANY.</summary>
    /// <exception cref="OpenFlowErrorException">QueueOpFailed: there is no such port, or no such queue on it.</exception>
    public ImmutableArray<QueueStatsEntry> Measure(QueueStatsRequest request)
    {
        ImmutableArray<QueueStatsEntry> found =
        [
            .. Select(request.Port).SelectMany(port => port.Queues.Select((queue, number) => Measure(port, (uint)number, queue)))
                .Where(queue => request.Queue == QueueId.All || request.Queue == queue.Queue),
        ];
        return found.IsEmpty && request.Queue != QueueId.All
            ? throw Failed(QueueOpFailedCode.BadQueue, $"queue {request.Queue.Value}: port {request.Port} has no such queue; QUEUE_GET_CONFIG lists those there are")
            : found;
    }

    private static QueueStatsEntry Measure(Port port, uint number, QueueStatistics queue) => new(
        new PortNumber(port.Number), new QueueId(number), (ulong)queue.SentBytes, (ulong)queue.SentPackets, (ulong)queue.Errors, queue.Age);

    private IEnumerable<Port> Select(PortNumber number)
    {
        if (number == PortNumber.Any)
        {
            return ports.Opened;
        }

        return ports.Find(number.Value) is { } port ? [port] : throw Failed(QueueOpFailedCode.BadPort, $"port {number}: there is no such port");
    }

    private static OpenFlowErrorException Failed(QueueOpFailedCode code, string detail) => new(ErrorType.QueueOpFailed, (ushort)code, detail);
}
