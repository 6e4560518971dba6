using System.Collections.Immutable;
using Oko.Agent.Ports;
using Oko.Agent.Rules;
using Oko.Datapath.Ports;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Controllers;

/// <summary>Answers multipart requests. Control thread only; long replies are encoded and sent on a pool thread.</summary>
/// <remarks>Source: OpenFlow 1.3.5, 7.3.5 "Multipart Messages".</remarks>
internal sealed class MultipartResponder(
    ControllerOptions options, RuleManager rules, SwitchPorts ports, PortRecords portRecords, QueueRecords queues, FilterRequestHandler filters)
{
    private const string Manufacturer = "OkoSwitch", Hardware = "OkoSwitch software switch", SerialNumber = "None";

    private readonly TableFeatureCatalogue _tables = new(rules);

    /// <summary>Answers a request.</summary>
    /// <returns>A task that ends when the last part has been handed to the connection.</returns>
    /// <exception cref="OpenFlowErrorException">It is refused.</exception>
    public Task Answer(ControllerSession session, MultipartRequest request) =>
        Send(session, MultipartSplitter.Split(CreateReply(session, request.Body), request.Xid));

    private MultipartBody CreateReply(ControllerSession session, MultipartBody request) => request switch
    {
        EmptyRequest empty => CreateReply(empty.Kind),
        FlowStatsRequest flows => new FlowStatsReply(rules.GetFlowStats(flows, session.State.View)),
        AggregateStatsRequest flows => rules.GetAggregateStats(flows, session.State.View),
        PortStatsRequest port => new PortStatsReply([.. Select(port.Port).Select(portRecords.Measure)]),
        TableFeatures features => AnswerTableFeatures(session, features),
        QueueStatsRequest queue => new QueueStatsReply(queues.Measure(queue)),
        GroupStatsRequest group => new GroupStatsReply(rules.GetGroupStats(group.Group)),
        MeterRequest { Kind: MultipartType.Meter } meter => new MeterStatsReply(rules.GetMeterStats(meter.Meter)),
        MeterRequest meter => new MeterConfigurationReply(rules.GetMeters(meter.Meter)),
        OkoMultipart oko => filters.Answer(session, oko),
        ExperimenterMultipart other => throw OpenFlowErrorException.BadRequest(
            BadRequestCode.BadExperimenter, $"experimenter 0x{other.Experimenter:x8} is unknown"),
        _ => throw Unsupported(request.MultipartType),
    };

    private MultipartBody CreateReply(MultipartType type) => type switch
    {
        MultipartType.Desc => new DescriptionReply(Manufacturer, Hardware, options.SoftwareVersion, SerialNumber, options.Description),
        MultipartType.Table => new TableStatsReply(rules.GetTableStats()),
        MultipartType.PortDesc => new PortDescriptionReply([.. ports.Opened.Select(PortRecords.Describe)]),
        MultipartType.GroupDesc => new GroupDescriptionReply(rules.GetGroups()),
        MultipartType.GroupFeatures => TableFeatureCatalogue.GroupFeatures,
        MultipartType.MeterFeatures => TableFeatureCatalogue.MeterFeatures,
        _ => throw Unsupported(type),
    };

    private static OpenFlowErrorException Unsupported(MultipartType type) =>
        OpenFlowErrorException.BadRequest(BadRequestCode.BadMultipart, $"multipart type {(ushort)type} is not supported");

    /// <summary>A request without tables asks; one with tables configures them first.</summary>
    private TableFeatures AnswerTableFeatures(ControllerSession session, TableFeatures request)
    {
        if (!request.Entries.IsEmpty)
        {
            if (session.State.Role == ControllerRole.Slave)
            {
                throw OpenFlowErrorException.BadRequest(BadRequestCode.IsSlave, "a slave cannot change the features of tables");
            }

            _tables.Configure(request, session.State.View.Aware);
        }

        return _tables.Describe(session.State.View.Aware);
    }

    private IEnumerable<Port> Select(PortNumber number)
    {
        if (number == PortNumber.Any)
        {
            return ports.Opened;
        }

        return ports.Find(number.Value) is { } port
            ? [port]
            : throw OpenFlowErrorException.BadRequest(BadRequestCode.BadPort, $"port {number}: there is no such port");
    }


    /// <summary>Sends the parts of a reply: the first at once, the rest as the peer takes them, off the control thread.</summary>
    private Task Send(ControllerSession session, IEnumerable<MultipartReply> parts)
    {
        var remaining = parts.GetEnumerator();
        remaining.MoveNext();
        session.Send(remaining.Current);
        return remaining.Current.More ? Task.Run(() => SendRestAsync(session, remaining)) : Task.CompletedTask;
    }

    private async Task SendRestAsync(ControllerSession session, IEnumerator<MultipartReply> remaining)
    {
        using (remaining)
        {
            try
            {
                while (remaining.MoveNext())
                {
                    await session.Connection.WhenWritableAsync().WaitAsync(options.StallTimeout).ConfigureAwait(false);
                    session.Send(remaining.Current);
                }
            }
            catch (TimeoutException)
            {
                session.Connection.Close($"the peer has not read a reply for {options.StallTimeout.TotalSeconds:0.#} s");
            }
        }
    }
}
