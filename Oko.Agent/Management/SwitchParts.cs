using Oko.Agent.Controllers;
using Oko.Agent.Filters;
using Oko.Agent.Observability;
using Oko.Agent.Ports;
using Oko.Agent.Rules;

namespace Oko.Agent.Management;

/// <summary>What the management API shows and changes. Immutable; the parts say themselves on which thread they may be used.</summary>
public sealed record SwitchParts
{
    /// <summary>Identity of the switch.</summary>
    public required ulong DatapathId { get; init; }

    /// <summary>Packets, tables and counters.</summary>
    public required Oko.Datapath.Workers.Datapath Datapath { get; init; }

    /// <summary>The control thread and the flow entries.</summary>
    public required RuleManager Rules { get; init; }

    /// <summary>The filters.</summary>
    public required FilterStore Filters { get; init; }

    /// <summary>The ports.</summary>
    public required SwitchPorts Ports { get; init; }

    /// <summary>The OpenFlow connections; null in a switch that has no such side.</summary>
    public ControllerHub? Controllers { get; init; }

    /// <summary>The pauses of garbage collections.</summary>
    public required CollectionWatch Collections { get; init; }

    /// <summary>When the switch started, on the datapath's clock.</summary>
    public required long StartedNanoseconds { get; init; }
}
