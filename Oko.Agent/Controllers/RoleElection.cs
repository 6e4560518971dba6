using System.Globalization;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Controllers;

/// <summary>Roles of controllers and the generation id that keeps a delayed request from undoing a newer election. Control
/// thread only.</summary>
/// <remarks>Source: OpenFlow 1.3.5, 6.3.6 "Multiple Controllers" and 7.3.9 "Role Request Message". The id is compared as a
/// distance modulo 2^64, and only for MASTER and SLAVE. It is forgotten when no connection is left that took part: ONOS and
/// Floodlight always say 0 and would else be locked out for ever after a controller that counts.</remarks>
internal sealed class RoleElection(SessionSet sessions)
{
    /// <summary>The generation id in replies as long as none was given.</summary>
    public const ulong Undefined = ulong.MaxValue;

    private ulong? _generation;

    /// <summary>Carries out a request.</summary>
    /// <returns>The reply, with the role in force.</returns>
    /// <exception cref="OpenFlowErrorException">RoleRequestFailed/Stale or BadRole; nothing has changed.</exception>
    public RoleReply Request(ControllerSession session, RoleRequest request)
    {
        switch (request.Role)
        {
            case ControllerRole.Nochange:
                break;
            case ControllerRole.Equal:
                session.State.Role = ControllerRole.Equal;
                session.State.HasAskedForRole = true;
                break;
            case ControllerRole.Master or ControllerRole.Slave:
                Advance(request.GenerationId);
                session.State.HasAskedForRole = true;
                session.State.Role = request.Role;
                DemoteOthers(session.State);
                break;
            default:
                throw Failed(RoleRequestFailedCode.BadRole, $"role {(uint)request.Role}: allowed are 0 (no change), 1 (equal), 2 (master) and 3 (slave)");
        }

        return new RoleReply(session.State.Role, _generation ?? Undefined) { Xid = request.Xid };
    }

    /// <summary>A session has ended.</summary>
    public void OnClosed()
    {
        if (!sessions.Current.Any(session => session.State.HasAskedForRole))
        {
            _generation = null;
        }
    }

    private static OpenFlowErrorException Failed(RoleRequestFailedCode code, string detail) => new(ErrorType.RoleRequestFailed, (ushort)code, detail);

    private void Advance(ulong generation)
    {
        if (_generation is { } known && (long)(generation - known) < 0)
        {
            throw Failed(RoleRequestFailedCode.Stale, string.Create(CultureInfo.InvariantCulture, $"generation id {generation} is older than {known}"));
        }

        _generation = generation;
    }

    /// <summary>There is one master: "the switch changes all other controllers with role master to role slave" (6.3.6).</summary>
    private void DemoteOthers(ControllerState master)
    {
        if (master.Role != ControllerRole.Master)
        {
            return;
        }

        foreach (var other in sessions.Current.Select(session => session.State))
        {
            if (other != master && other.Role == ControllerRole.Master)
            {
                other.Role = ControllerRole.Slave;
            }
        }
    }
}
