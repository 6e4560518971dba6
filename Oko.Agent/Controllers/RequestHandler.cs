using Oko.Agent.Controllers.Bundles;
using Oko.Agent.Filters;
using Oko.Agent.Rules;
using Oko.OpenFlow.Bundles;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Controllers;

/// <summary>Carries out what controllers ask for, message by message. One per switch, control thread only.</summary>
/// <remarks>Source: OpenFlow 1.3.5, 7 "The OpenFlow Switch Protocol".</remarks>
internal sealed class RequestHandler(
    ControllerOptions options,
    RuleManager rules,
    RoleElection roles,
    PortModHandler portMods,
    MultipartResponder multiparts,
    QueueRecords queues,
    BundleHandler bundles,
    FilterRequestHandler filters,
    ILogger log)
{
    private const uint KnownTableConfig = 3;
    private const ushort MaxSendLength = 0xFFE5, NoBuffer = 0xFFFF;

    /// <summary>Carries out a request and sends its reply or error.</summary>
    /// <returns>A task that ends when nothing more will be sent for this request; later requests of the session wait for it.</returns>
    public Task Handle(ControllerSession session, SessionRequest request)
    {
        try
        {
            if (request.Error is not null)
            {
                throw request.Error;
            }

            return Dispatch(session, request, request.Message!);
        }
        catch (OpenFlowErrorException error)
        {
            Refuse(session, request, error);
        }
        catch (OkoErrorException refusal)
        {
            Refuse(session, request, refusal.Error.ToException());
        }
        catch (Exception fault)
        {
            // A fault of ours: the peer must not wait for a reply that never comes.
            ControllerLog.RequestFailed(log, session.Connection.Peer, fault);
            session.Connection.Close("internal error, see the log");
        }

        return Task.CompletedTask;
    }

    private Task Dispatch(ControllerSession session, SessionRequest request, OpenFlowMessage message)
    {
        if (session.State.Role == ControllerRole.Slave && ChangesState(message))
        {
            throw OpenFlowErrorException.BadRequest(BadRequestCode.IsSlave, $"{message.Type} from a slave");
        }

        switch (message)
        {
            case FlowMod or GroupMod or MeterMod or PortMod or PacketOut:
                Apply(session, message);
                break;
            case BundleControl control:
                Control(session, control);
                break;
            case BundleAdd add:
                BundleHandler.Add(session, add, request);
                break;
            case BarrierRequest:
                // All that was asked before has been answered: requests are carried out in order.
                rules.Synchronize();
                session.Send(new BarrierReply { Xid = message.Xid });
                break;
            case MultipartRequest multipart:
                return multiparts.Answer(session, multipart);
            case OkoMessage oko:
                return filters.Handle(session, request, oko);
            case FeaturesRequest:
                session.Send(DescribeFeatures(message.Xid, session.Connection.AuxiliaryId));
                break;
            case GetConfigRequest:
                session.Send(new GetConfigReply(rules.DropsFragments ? ConfigFlags.FragDrop : ConfigFlags.FragNormal, session.State.MissSendLength) { Xid = message.Xid });
                break;
            case SetConfig config:
                Configure(session, config);
                break;
            case RoleRequest role:
                session.Send(roles.Request(session, role));
                break;
            case GetAsyncRequest:
                session.Send(new GetAsyncReply(session.State.Masks) { Xid = message.Xid });
                break;
            case SetAsync asynchronous:
                session.State.Masks = asynchronous.Masks;
                break;
            case TableMod mod:
                CheckTableMod(mod);
                break;
            case QueueGetConfigRequest asked:
                session.Send(new QueueGetConfigReply(asked.Port, queues.Describe(asked.Port)) { Xid = message.Xid });
                break;
            case ErrorMessage error:
                ControllerLog.ErrorReceived(log, session.Connection.Peer, ErrorCatalogue.Describe(error.ErrorType, error.Code, error.Experimenter), error.Xid);
                break;
            case ExperimenterMessage experimenter:
                throw OpenFlowErrorException.BadRequest(BadRequestCode.BadExperimenter, $"experimenter 0x{experimenter.Experimenter:x8} is unknown");
            default:
                throw OpenFlowErrorException.BadRequest(BadRequestCode.BadType, $"{message.Type} goes from the switch to controllers only");
        }

        return Task.CompletedTask;
    }

    /// <summary>Carries out what may stand in a bundle, too.</summary>
    private void Apply(ControllerSession session, OpenFlowMessage message)
    {
        switch (message)
        {
            case FlowMod mod:
                rules.ApplyFlowMod(mod, session.State.View);
                break;
            case GroupMod mod:
                rules.ApplyGroupMod(mod);
                break;
            case MeterMod mod:
                rules.ApplyMeterMod(mod);
                break;
            case PortMod mod:
                portMods.Apply(mod);
                break;
            case PacketOut packet:
                rules.SendPacketOut(packet);
                break;
        }
    }

    /// <summary>What a slave may not send (OpenFlow 1.3.5, 6.3.6), and the requests of the extension that change something.</summary>
    private static bool ChangesState(OpenFlowMessage message) =>
        message is FlowMod or GroupMod or MeterMod or PortMod or TableMod or PacketOut or OkoMessage or BundleControl or BundleAdd;

    // Apart from the method above, which would else make the closures for every request.
    private void Control(ControllerSession session, BundleControl control) =>
        bundles.Control(session, control, each => Apply(session, each), (each, error) => Refuse(session, each, error));

    private void Refuse(ControllerSession session, SessionRequest request, OpenFlowErrorException error)
    {
        ControllerLog.Refused(
            log, session.Connection.Peer, ErrorCatalogue.Describe(error.Type, error.Code, error.Experimenter), error.Message,
            ErrorCatalogue.Find(error.Type, error.Code)?.Remedy ?? "as the error says");
        session.Send(request.ReplyWith(error));
    }

    private FeaturesReply DescribeFeatures(uint xid, byte auxiliaryId) => new(
        options.DatapathId,
        BufferCount: 0,
        (byte)rules.TableCount,
        auxiliaryId,
        Capabilities.FlowStats | Capabilities.TableStats | Capabilities.PortStats | Capabilities.GroupStats | Capabilities.QueueStats) { Xid = xid };

    /// <summary>Fragments go through the tables like other packets or are dropped where they come in, for the whole switch. They
    /// are not put together again, which the features reply says by the lack of OFPC_IP_REASM. The length is the session's; it
    /// cuts nothing, since packets to the controllers are cut by the output action's max_len, and those that no output sent must
    /// be whole where there are no buffers (7.4.1).</summary>
    private void Configure(ControllerSession session, SetConfig config)
    {
        if (config.Flags is not (ConfigFlags.FragNormal or ConfigFlags.FragDrop))
        {
            throw new OpenFlowErrorException(
                ErrorType.SwitchConfigFailed, (ushort)SwitchConfigFailedCode.BadFlags,
                $"flags 0x{(ushort)config.Flags:x4}: allowed are OFPC_FRAG_NORMAL (0) and OFPC_FRAG_DROP (1); this switch cannot reassemble");
        }

        var drops = config.Flags == ConfigFlags.FragDrop;
        if (session.State.Role == ControllerRole.Slave && drops != rules.DropsFragments)
        {
            throw OpenFlowErrorException.BadRequest(BadRequestCode.IsSlave, "a slave cannot change how fragments are treated");
        }

        // 65534 is what ovs-ofctl's manual asks for to see whole packets, so it is taken though it is over OFPCML_MAX.
        if (config.MissSendLength is > MaxSendLength and < NoBuffer - 1)
        {
            throw new OpenFlowErrorException(
                ErrorType.SwitchConfigFailed, (ushort)SwitchConfigFailedCode.BadLen,
                $"miss_send_len {config.MissSendLength}: allowed are 0..{MaxSendLength} (OFPCML_MAX), {NoBuffer - 1} and {NoBuffer} (OFPCML_NO_BUFFER)");
        }

        session.State.MissSendLength = config.MissSendLength;
        rules.DropsFragments = drops;
    }

    /// <summary>The bits of earlier versions are deprecated and mean nothing (OpenFlow 1.3.5, 7.3.3).</summary>
    private void CheckTableMod(TableMod mod)
    {
        if (mod.Table != TableId.All && mod.Table.Value >= rules.TableCount)
        {
            throw new OpenFlowErrorException(ErrorType.TableModFailed, (ushort)TableModFailedCode.BadTable, $"table {mod.Table.Value}: allowed are 0..{rules.TableCount - 1} and ALL (255)");
        }

        if ((mod.Config & ~KnownTableConfig) != 0)
        {
            throw new OpenFlowErrorException(ErrorType.TableModFailed, (ushort)TableModFailedCode.BadConfig, $"config 0x{mod.Config:x}: bits above 3 are unknown");
        }
    }
}
