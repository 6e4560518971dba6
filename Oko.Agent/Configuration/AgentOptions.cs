using System.Collections.Immutable;
using Oko.Agent.Filters;
using Oko.Datapath.AfXdp;
using Oko.OpenFlow.Channel;

namespace Oko.Agent.Configuration;

/// <summary>What <c>oko run</c> was asked to do, checked. Immutable; made by <see cref="AgentOptionsValidator"/>.</summary>
public sealed record AgentOptions
{
    /// <summary>The management socket when none is named.</summary>
    public const string DefaultManagementPath = "/run/oko/oko.sock";

    /// <summary>Datapath id, or null: derived at the start (<see cref="DatapathIdentity"/>).</summary>
    public ulong? DatapathId { get; init; }

    /// <summary>Controllers the switch connects to.</summary>
    public ImmutableArray<OpenFlowEndpoint> Controllers { get; init; } = [];

    /// <summary>Addresses the switch listens on for OpenFlow.</summary>
    public ImmutableArray<OpenFlowEndpoint> Listeners { get; init; } = [];

    /// <summary>Files for endpoints with TLS, or null: there are no such endpoints.</summary>
    public TlsFiles? Tls { get; init; }

    /// <summary>Interfaces given to the switch, in the order they were named; the host's own port, if asked for, comes last.</summary>
    public ImmutableArray<PortOptions> Ports { get; init; } = [];

    /// <summary>What happens without a controller. When not given: <see cref="Configuration.FailMode.Standalone"/> if no controller is
    /// configured, else <see cref="Configuration.FailMode.Secure"/>.</summary>
    public FailMode FailMode { get; init; }

    /// <summary>Absolute path of the management socket.</summary>
    public string ManagementPath { get; init; } = DefaultManagementPath;

    /// <summary>Number of workers, the threads that forward.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>Processors the workers are pinned to, by number of the worker, or empty: the kernel chooses.</summary>
    public ImmutableArray<int> Cpus { get; init; } = [];

    /// <summary>Which OpenFlow connections may change filters and maps.</summary>
    public FilterAdmins FilterAdmins { get; init; } = FilterAdmins.All;

    /// <summary>How packets leave the ports.</summary>
    public TransmitMode Transmit { get; init; }

    /// <summary>Entries of the receive ring of each queue of a port.</summary>
    public int RingSize { get; init; } = AfXdpOptions.DefaultRingSize;

    /// <summary>Microseconds of busy polling of the ports; 0 = none.</summary>
    public int BusyPollMicroseconds { get; init; }

    /// <summary>Limits of filters and their maps.</summary>
    public FilterQuotas Quotas { get; init; } = new();

    /// <summary>Least severe level that is logged.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Information;
}
