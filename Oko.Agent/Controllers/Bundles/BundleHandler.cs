using Oko.Agent.Rules;
using Oko.OpenFlow.Bundles;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Controllers.Bundles;

/// <summary>Carries out what controllers ask for with bundles. Control thread only.</summary>
/// <remarks>
/// <para>Source: ONF Extensions for OpenFlow 1.3.X, EXT-230. Every bundle is committed in order and as one
/// (<see cref="RuleManager.ApplyTogether"/>), whether its flags ask for that or not.</para>
/// <para>A message is decoded when it is added, and refused then if it cannot be read; whether the switch can carry it out shows
/// at the commit, since it may depend on the messages before it.</para>
/// </remarks>
internal sealed class BundleHandler(RuleManager rules)
{
    /// <summary>Carries out a control request.</summary>
    /// <param name="session">Who asks.</param>
    /// <param name="control">For what.</param>
    /// <param name="apply">Carries out one message of a bundle; throws what is wrong with it.</param>
    /// <param name="refuse">Sends the error reply for a message of the bundle.</param>
    /// <exception cref="OpenFlowErrorException">It is refused.</exception>
    public void Control(ControllerSession session, BundleControl control, Action<OpenFlowMessage> apply, Action<SessionRequest, OpenFlowErrorException> refuse)
    {
        switch (control.Control)
        {
            case BundleControlType.OpenRequest:
                session.Bundles.Open(control.BundleId, control.Flags);
                break;
            case BundleControlType.CloseRequest:
                session.Bundles.Close(control.BundleId, control.Flags);
                break;
            case BundleControlType.CommitRequest:
                Commit(session.Bundles.Take(control.BundleId, control.Flags), control.BundleId, apply, refuse);
                break;
            case BundleControlType.DiscardRequest:
                session.Bundles.Discard(control.BundleId);
                break;
            default:
                throw BundleCodec.Failed(
                    BundleFailedCode.BadType, $"bundle control type {(ushort)control.Control}: requests are 0 (open), 2 (close), 4 (commit) and 6 (discard)");
        }

        session.Send(control with { Control = control.Control + 1 });
    }

    /// <summary>Adds a message to a bundle; says nothing when it succeeds.</summary>
    /// <exception cref="OpenFlowErrorException">It is refused.</exception>
    public static void Add(ControllerSession session, BundleAdd add, SessionRequest request)
    {
        var message = add.Message;
        if (message.Xid != add.Xid)
        {
            throw BundleCodec.Failed(BundleFailedCode.MsgBadXid, $"bundle {add.BundleId}: a message with xid {message.Xid} in one with xid {add.Xid}; they must be the same");
        }

        if (message is not (FlowMod or GroupMod or MeterMod or PortMod or PacketOut))
        {
            throw BundleCodec.Failed(
                BundleFailedCode.MsgUnsup, $"bundle {add.BundleId}: {message.Type} cannot be in a bundle; flow-mods, group-mods, meter-mods, port-mods and packet-outs can");
        }

        session.Bundles.Add(add.BundleId, add.Flags, new SessionRequest(message, null, request.Raw[BundleAdd.MessageOffset..]));
    }

    private void Commit(Bundle bundle, uint id, Action<OpenFlowMessage> apply, Action<SessionRequest, OpenFlowErrorException> refuse)
    {
        var done = 0;
        try
        {
            rules.ApplyTogether(() =>
            {
                for (; done < bundle.Messages.Count; done++)
                {
                    apply(bundle.Messages[done].Message!);
                }
            });
        }
        catch (OpenFlowErrorException error)
        {
            refuse(bundle.Messages[done], error);
            throw BundleCodec.Failed(
                BundleFailedCode.MsgFailed, $"bundle {id}: message {done + 1} of {bundle.Messages.Count} failed, and nothing has changed: {error.Message}");
        }
    }
}
