using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;

namespace Oko.Agent.Controllers;

/// <summary>
/// What the switch knows of one controller, whichever of its connections said so: its main connection and the auxiliary ones share it.
/// Written on the control thread; members are read on any unless they say otherwise.
/// </summary>
/// <remarks>Source: OpenFlow 1.3.5, 6.3.6 "Multiple Controllers" and 6.3.7 "Auxiliary Connections".</remarks>
internal sealed class ControllerState(ConnectionView view)
{
    private const ushort DefaultMissSendLength = 128;

    private ConnectionView _view = view;
    private AsyncMasks _masks = AsyncMasks.Default;
    private ControllerRole _role = ControllerRole.Equal;

    /// <summary>What it sees of entries with a filter.</summary>
    public ConnectionView View
    {
        get => Volatile.Read(ref _view);
        set => Volatile.Write(ref _view, value);
    }

    /// <summary>Its role.</summary>
    public ControllerRole Role
    {
        get => _role;
        set => _role = value;
    }

    /// <summary>Whether it has asked for a role; such controllers keep the generation id alive. Control thread only.</summary>
    public bool HasAskedForRole { get; set; }

    /// <summary>Which asynchronous messages it wants.</summary>
    public AsyncMasks Masks
    {
        get => Volatile.Read(ref _masks);
        set => Volatile.Write(ref _masks, value);
    }

    /// <summary>Bytes of a packet it wants on a table miss; kept and read back, since what a packet-in holds is said by the
    /// output action of the table-miss entry in this version. Control thread only.</summary>
    public ushort MissSendLength { get; set; } = DefaultMissSendLength;

    /// <summary>Whether a packet-in for this reason is for the controller.</summary>
    public bool WantsPacketIn(PacketInReason reason)
    {
        var masks = Masks;
        return Has(_role == ControllerRole.Slave ? masks.PacketInSlave : masks.PacketIn, (int)reason);
    }

    /// <summary>Whether a flow-removed with this reason is for the controller. Control thread only.</summary>
    public bool WantsFlowRemoved(FlowRemovedReason reason) =>
        Has(_role == ControllerRole.Slave ? _masks.FlowRemovedSlave : _masks.FlowRemoved, (int)reason);

    /// <summary>Whether a port-status with this reason is for the controller. Control thread only.</summary>
    public bool WantsPortStatus(PortReason reason) =>
        Has(_role == ControllerRole.Slave ? _masks.PortStatusSlave : _masks.PortStatus, (int)reason);

    private static bool Has(uint mask, int bit) => (mask & (1u << bit)) != 0;
}
