using System.Collections.Concurrent;
using System.Net;
using Oko.Agent.Controllers.Bundles;
using Oko.Agent.Filters;
using Oko.Agent.Ports;
using Oko.Agent.Rules;
using Oko.OpenFlow.Channel;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Controllers;

/// <summary>
/// The OpenFlow side of the switch: connections to controllers and from tools, their sessions, and what the switch tells them
/// unasked. Made before the rule manager starts; members may be used from any thread.
/// </summary>
public sealed class ControllerHub : IConnectionHandler, IAsyncDisposable
{
    private static readonly TimeSpan StandaloneCheckInterval = TimeSpan.FromMilliseconds(250);

    private readonly ControllerOptions _options;
    private readonly RuleManager _rules;
    private readonly SwitchPorts _ports;
    private readonly FilterStore _filters;
    private readonly SessionSet _sessions = new();
    private readonly ConcurrentDictionary<ulong, ControllerSession> _byConnection = [];
    private readonly PortRecords _portRecords = new();
    private readonly RoleElection _roles;
    private readonly RequestHandler _handler;
    private readonly StandaloneFallback _fallback;
    private readonly PacketInDelivery _packetIns;
    private readonly OpenFlowChannel _channel;

    /// <summary>Puts the parts together; nothing runs yet.</summary>
    /// <param name="options">Identity and bounds.</param>
    /// <param name="rules">The control thread, not started yet.</param>
    /// <param name="datapath">Where packet-ins come from.</param>
    /// <param name="ports">The ports.</param>
    /// <param name="filters">The filters.</param>
    /// <param name="loggers">Logs.</param>
    public ControllerHub(
        ControllerOptions options,
        RuleManager rules,
        Oko.Datapath.Workers.Datapath datapath,
        SwitchPorts ports,
        FilterStore filters,
        ILoggerFactory loggers)
    {
        _options = options;
        _rules = rules;
        _ports = ports;
        _filters = filters;
        var log = loggers.CreateLogger<ControllerHub>();
        _roles = new RoleElection(_sessions);
        var filterRequests = new FilterRequestHandler(options.FilterAdmins, rules, filters);
        var queues = new QueueRecords(ports);
        var multiparts = new MultipartResponder(options, rules, ports, _portRecords, queues, filterRequests);
        _handler = new RequestHandler(options, rules, _roles, new PortModHandler(rules, ports), multiparts, queues, new BundleHandler(rules), filterRequests, log);
        _fallback = new StandaloneFallback(rules, options, log);
        _packetIns = new PacketInDelivery(datapath, _sessions, log);
        _channel = new OpenFlowChannel(this, loggers.CreateLogger<OpenFlowChannel>(), options.Channel, options.Tls);
        foreach (var (_, port) in ports.All)
        {
            if (port is not null)
            {
                _portRecords.Open(port);
            }
        }

        ports.Changed += OnPortChanged;
        rules.RuleRemoved += OnRuleRemoved;
        rules.AddPeriodic(StandaloneCheckInterval, _fallback.Check);
    }

    /// <summary>Packet-ins lost since the peers that are connected now did not take them.</summary>
    public long DroppedPacketIns => _sessions.Current.Sum(session => session.DroppedPacketIns);

    /// <summary>Number of open connections.</summary>
    public int ConnectionCount => _sessions.Current.Count;

    /// <summary>Listens, then begins to connect to the controllers. Once, after the rule manager has started.</summary>
    /// <returns>The addresses in use, in the order of <paramref name="listeners"/>.</returns>
    /// <exception cref="IOException">An address cannot be listened on; the message is for people.</exception>
    public async Task<IReadOnlyList<IPEndPoint>> StartAsync(IReadOnlyCollection<OpenFlowEndpoint> controllers, IReadOnlyCollection<OpenFlowEndpoint> listeners)
    {
        _packetIns.Start();
        await _rules.RunAsync(() => _fallback.Start(controllers.Count > 0)).ConfigureAwait(false);
        var addresses = new List<IPEndPoint>();
        foreach (var listener in listeners)
        {
            addresses.Add(await _channel.AddListenerAsync(listener).ConfigureAwait(false));
        }

        foreach (var controller in controllers)
        {
            _channel.AddController(controller);
        }

        return addresses;
    }

    /// <summary>Closes all connections and ends the threads; before the rule manager and the datapath stop.</summary>
    public async ValueTask DisposeAsync()
    {
        await _channel.DisposeAsync().ConfigureAwait(false);
        _packetIns.Dispose();
    }

    /// <inheritdoc/>
    void IConnectionHandler.OnOpened(OpenFlowConnection connection)
    {
        var main = connection.Main is null ? null : _byConnection.GetValueOrDefault(connection.Main.Id);
        var session = new ControllerSession(connection, main, _rules, _handler, _options.MaxWaitingBytes);
        _byConnection[connection.Id] = session;
        if (connection.Main is not null)
        {
            _rules.Post(() => main?.AddAuxiliary(session));
            return;
        }

        _rules.Post(() =>
        {
            _sessions.Add(session);
            if (connection.IsController)
            {
                _fallback.OnConnected();
            }
        });
    }

    /// <inheritdoc/>
    void IConnectionHandler.OnMessage(OpenFlowConnection connection, OpenFlowMessage message, ReadOnlyMemory<byte> raw) =>
        _byConnection[connection.Id].Receive(new SessionRequest(message, null, raw));

    /// <inheritdoc/>
    void IConnectionHandler.OnInvalid(OpenFlowConnection connection, OpenFlowErrorException error, ReadOnlyMemory<byte> raw) =>
        _byConnection[connection.Id].Receive(new SessionRequest(null, error, raw));

    /// <inheritdoc/>
    void IConnectionHandler.OnReceived(OpenFlowConnection connection) => _byConnection[connection.Id].BeginReceived();

    /// <inheritdoc/>
    void IConnectionHandler.OnClosed(OpenFlowConnection connection, string reason)
    {
        if (!_byConnection.TryRemove(connection.Id, out var session))
        {
            return;
        }

        if (connection.Main is not null)
        {
            var main = _byConnection.GetValueOrDefault(connection.Main.Id);
            _rules.Post(() =>
            {
                session.Close();
                _filters.Events.Remove(session);
                main?.RemoveAuxiliary(session);
            });
            return;
        }

        _rules.Post(() =>
        {
            session.Close();
            _filters.Events.Remove(session);
            _sessions.Remove(session);
            _roles.OnClosed();
            if (connection.IsController)
            {
                _fallback.OnDisconnected();
            }
        });
    }

    /// <summary>Control thread: a port came, went or changed.</summary>
    private void OnPortChanged(PortChange change)
    {
        if (change.Kind == PortChangeKind.Added)
        {
            _portRecords.Open(change.Port);
        }

        var reason = (PortReason)change.Kind;
        var message = new PortStatus(reason, PortRecords.Describe(change.Port));
        foreach (var session in _sessions.Current)
        {
            if (session.State.WantsPortStatus(reason))
            {
                session.Send(message);
            }
        }
    }

    /// <summary>Control thread: a flow entry with OFPFF_SEND_FLOW_REM is gone.</summary>
    private void OnRuleRemoved(FlowRemoved removed)
    {
        foreach (var session in _sessions.Current)
        {
            var view = session.State.View;
            if (session.State.WantsFlowRemoved(removed.Reason) && view.Sees(removed.Match.FilterId))
            {
                session.Send(removed with { Match = view.Show(removed.Match) });
            }
        }
    }
}
