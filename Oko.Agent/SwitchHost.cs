using System.Globalization;
using System.Runtime;
using Microsoft.Extensions.Hosting.Systemd;
using Oko.Agent.Configuration;
using Oko.Agent.Controllers;
using Oko.Agent.Filters;
using Oko.Agent.Management;
using Oko.Agent.Observability;
using Oko.Agent.Ports;
using Oko.Agent.Rules;
using Oko.Bpf.Maps;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Interop;
using Oko.Datapath.Ports;
using Oko.Datapath.Workers;
using Oko.OpenFlow.Channel.Tls;

namespace Oko.Agent;

/// <summary>
/// A running switch: makes its parts, starts them in an order in which each finds what it needs, and stops them in the reverse
/// one. Used by one thread.
/// </summary>
/// <remarks>
/// Ports are opened before anything listens, so that what cannot work ends the start at once; connections to controllers come last,
/// since a controller may send its first flow-mod within a millisecond. Stopping begins with who gives orders and ends with
/// the packets.
/// </remarks>
public sealed class SwitchHost : IAsyncDisposable
{
    private const int FramesForRingEntry = 8;

    private readonly ILoggerFactory _loggers;
    private readonly ILogger _log;
    private readonly SystemdNotifier _systemd = new();
    private readonly Oko.Datapath.Workers.Datapath _datapath;
    private readonly RuleManager _rules;
    private readonly FilterStore _filters;
    private readonly SwitchPorts _ports;
    private readonly FilterTraceLog _traces;
    private readonly CollectionWatch _collections = new();
    private LinkWatcher? _links;
    private ManagementServer? _management;
    private ControllerHub? _controllers;

    private SwitchHost(AgentOptions options, ILoggerFactory loggers)
    {
        // No collection of the old generation stops all threads for its whole length, but for want of memory.
        GCSettings.LatencyMode = GCLatencyMode.SustainedLowLatency;
        _loggers = loggers;
        _log = loggers.CreateLogger<SwitchHost>();
        BpfMap.Workers = options.Workers;
        _datapath = new Oko.Datapath.Workers.Datapath(new DatapathOptions { Workers = options.Workers, Cpus = options.Cpus, FrameCount = options.RingSize * FramesForRingEntry });
        _rules = new RuleManager(_datapath, new RuleManagerOptions(), loggers.CreateLogger<RuleManager>());
        _filters = new FilterStore(_rules, FilterVerification.Verify, options.Quotas, loggers.CreateLogger<FilterStore>());
        _traces = new FilterTraceLog(loggers.CreateLogger<FilterTraceLog>());
        _ports = new SwitchPorts(_rules, _datapath, port => OpenPort(port, options), loggers.CreateLogger<SwitchPorts>());
    }

    /// <summary>Starts a switch; when this returns, ports and listeners are up.</summary>
    /// <exception cref="IOException">A port, a listener, the management socket or a file for TLS cannot be had; the message is for people.
    /// Nothing is left running.</exception>
    public static async Task<SwitchHost> StartAsync(AgentOptions options, ILoggerFactory loggers)
    {
        var host = new SwitchHost(options, loggers);
        try
        {
            await host.StartPartsAsync(options);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Stops everything, within about a second.</summary>
    public async ValueTask DisposeAsync()
    {
        _systemd.Notify(ServiceState.Stopping);
        await StopPart("controllers", async () => await (_controllers?.DisposeAsync() ?? ValueTask.CompletedTask));
        await StopPart("management", async () => await (_management?.DisposeAsync() ?? ValueTask.CompletedTask));
        await StopPart("link watcher", () => _links?.Dispose());
        await StopPart("control thread", _rules.Dispose);
        await StopPart("worker", _datapath.Stop);
        await StopPart("filters", _filters.Dispose);
        await StopPart("trace log", _traces.Dispose);
        await StopPart("collection watch", _collections.Dispose);
        await StopPart("ports", _datapath.Dispose);
    }

    private async Task StartPartsAsync(AgentOptions options)
    {
        var tls = options.Tls is { } files ? TlsCredentials.Load(files.PrivateKey, files.Certificate, files.AuthorityCertificates) : null;
        foreach (var port in options.Ports)
        {
            _ports.Open(port);
        }

        var identity = options.DatapathId ??
            DatapathIdentity.Derive(_ports.All.Count > 0 ? _ports.All[0].Port?.HardwareAddress : null, options.ManagementPath);
        LogMessages.Starting(_log, Version, identity, options.FailMode.ToString().ToLowerInvariant());
        _ports.ReportPartialChecksums();
        _controllers = new ControllerHub(DescribeSwitch(identity, options, tls), _rules, _datapath, _ports, _filters, _loggers);
        _datapath.Start();
        _rules.Start();
        _links = new LinkWatcher(_ports.OnLinkEvent);
        foreach (var link in _links.List())
        {
            // What changed between the opening of the ports and the start of the watcher.
            _ports.OnLinkEvent(new LinkEvent(LinkEventKind.Changed, link));
        }

        _management = await ManagementServer.StartAsync(
            options.ManagementPath,
            new SwitchParts
            {
                DatapathId = identity,
                Datapath = _datapath,
                Rules = _rules,
                Filters = _filters,
                Ports = _ports,
                Controllers = _controllers,
                Collections = _collections,
                StartedNanoseconds = Oko.Datapath.Workers.Datapath.NowNanoseconds,
            },
            _loggers);
        await _controllers.StartAsync(options.Controllers, options.Listeners);
        LogMessages.Ready(_log, options.Ports.Length, options.Controllers.Length, options.Listeners.Length);
        _systemd.Notify(ServiceState.Ready);
    }

    private static ControllerOptions DescribeSwitch(ulong identity, AgentOptions options, TlsCredentials? tls) => new()
    {
        DatapathId = identity,
        Description = string.Create(CultureInfo.InvariantCulture, $"OkoSwitch {identity:x16}"),
        SoftwareVersion = Version,
        Tls = tls,
        FilterAdmins = options.FilterAdmins,
        IsStandalone = options.FailMode == FailMode.Standalone,
    };

    private static string Version =>
        typeof(SwitchHost).Assembly.GetName().Version?.ToString(3) ?? "unknown";

    private Port OpenPort(PortOptions port, AgentOptions options) => port.IsLocal
        ? TapPort.Open(port.InterfaceName, port.Number, _datapath.Umem)
        : AfXdpPort.Open(port.InterfaceName, port.Number, _datapath.Umems, new AfXdpOptions { Transmit = options.Transmit, RingSize = options.RingSize, BusyPollMicroseconds = options.BusyPollMicroseconds });

    private Task StopPart(string part, Action stop) => StopPart(part, () =>
    {
        stop();
        return Task.CompletedTask;
    });

    /// <summary>A part that fails to stop must not keep the others from stopping.</summary>
    private async Task StopPart(string part, Func<Task> stop)
    {
        try
        {
            await stop();
        }
        catch (Exception exception)
        {
            LogMessages.StopFailed(_log, exception, part);
        }
    }
}
