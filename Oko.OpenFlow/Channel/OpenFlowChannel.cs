using System.Net;
using System.Net.Sockets;
using DotNetty.Handlers.Tls;
using DotNetty.Transport.Channels;
using DotNetty.Transport.Channels.Groups;
using Microsoft.Extensions.Logging;
using Oko.OpenFlow.Channel.Tls;

namespace Oko.OpenFlow.Channel;

/// <summary>
/// All OpenFlow connections of a switch: connectors to controllers and listeners for tools. Members may be used from any thread;
/// what happens on connections comes to the <see cref="IConnectionHandler"/> on the channel's one thread.
/// </summary>
/// <remarks>One thread serves all connections, since a switch has few and the work is small; the thread never waits for
/// anything but its sockets, so echo replies leave at once however busy the rest of the switch is.</remarks>
public sealed class OpenFlowChannel : IAsyncDisposable
{
    private readonly IConnectionHandler _handler;
    private readonly ChannelSettings _settings;
    private readonly TlsCredentials? _tls;
    private readonly ILogger _log;
    private readonly TurnEventLoop _loop = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<Task> _connectors = [];
    private readonly List<OpenFlowListener> _listeners = [];
    private readonly DefaultChannelGroup _peers;
    private readonly object _lock = new();
    private long _nextId;
    private bool _isDisposed;

    /// <summary>A channel without endpoints.</summary>
    /// <param name="handler">Takes what happens on the connections.</param>
    /// <param name="log">Connections that come and go, one line each.</param>
    /// <param name="settings">Times and bounds; null for the defaults.</param>
    /// <param name="tls">For secure endpoints, which cannot be added without.</param>
    public OpenFlowChannel(IConnectionHandler handler, ILogger log, ChannelSettings? settings = null, TlsCredentials? tls = null)
    {
        _handler = handler;
        _log = log;
        _settings = settings ?? new ChannelSettings();
        _tls = tls;
        _peers = new DefaultChannelGroup(_loop);
    }

    /// <summary>Connects to a controller and keeps connecting until disposed of. Returns at once.</summary>
    /// <exception cref="ArgumentException">The endpoint is a listener, or secure and the channel has no credentials.</exception>
    public void AddController(OpenFlowEndpoint endpoint)
    {
        if (endpoint.IsListener)
        {
            throw new ArgumentException($"'{endpoint}' is an address to listen on, not one to connect to.", nameof(endpoint));
        }

        CheckCredentials(endpoint);
        var connector = new ControllerConnector(endpoint, _loop, _settings, auxiliary => CreateHandler(endpoint, auxiliary), AddHandlers, _log);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            _connectors.Add(Task.Run(() => connector.RunAsync(_stopping.Token)));
        }
    }

    /// <summary>Listens for tools and controllers that connect to the switch.</summary>
    /// <returns>The address in use, with the port the system chose when the endpoint's is 0.</returns>
    /// <exception cref="IOException">The address cannot be listened on, for instance since the port is in use.</exception>
    /// <exception cref="ArgumentException">The endpoint is not a listener, or secure and the channel has no credentials.</exception>
    public Task<IPEndPoint> AddListenerAsync(OpenFlowEndpoint endpoint)
    {
        if (!endpoint.IsListener)
        {
            throw new ArgumentException($"'{endpoint}' is an address to connect to, not one to listen on.", nameof(endpoint));
        }

        CheckCredentials(endpoint);
        OpenFlowListener listener;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            listener = new OpenFlowListener(endpoint, socket => Accept(endpoint, socket), _log);
            _listeners.Add(listener);
        }

        ChannelLog.Listening(_log, endpoint.ToString(), listener.LocalAddress.ToString());
        return Task.FromResult(listener.LocalAddress);
    }

    /// <summary>Closes listeners and connections and ends the channel's thread.</summary>
    public async ValueTask DisposeAsync()
    {
        List<OpenFlowListener> listeners;
        List<Task> connectors;
        lock (_lock)
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true;
            (listeners, connectors) = ([.. _listeners], [.. _connectors]);
        }

        await _stopping.CancelAsync().ConfigureAwait(false);
        foreach (var listener in listeners)
        {
            await listener.DisposeAsync().ConfigureAwait(false);
        }

        await _peers.CloseAsync().ConfigureAwait(false);
        await Task.WhenAll(connectors).ConfigureAwait(false);
        await _loop.ShutdownGracefullyAsync().ConfigureAwait(false);
        _loop.Dispose();
        _stopping.Dispose();
    }

    private void Accept(OpenFlowEndpoint endpoint, Socket socket)
    {
        NonBlockingSocketChannel channel;
        try
        {
            if (_peers.Count >= _settings.MaxAcceptedConnections)
            {
                ChannelLog.TooManyConnections(_log, endpoint.ToString(), AddressText.Of(socket.RemoteEndPoint), _settings.MaxAcceptedConnections);
                socket.Dispose();
                return;
            }

            channel = new NonBlockingSocketChannel(socket, isConnected: true);
        }
        catch (SocketException)
        {
            // The peer is gone already.
            socket.Dispose();
            return;
        }

        AddHandlers(channel.Pipeline, CreateHandler(endpoint, null));
        _peers.Add(channel);
        _ = _loop.RegisterAsync(channel);
    }

    private void CheckCredentials(OpenFlowEndpoint endpoint)
    {
        if (endpoint.IsSecure && _tls is null)
        {
            throw new ArgumentException($"'{endpoint}' needs a private key, a certificate and the certificates of authorities.", nameof(endpoint));
        }
    }

    private void AddHandlers(IChannelPipeline pipeline, PeerHandler handler)
    {
        if (handler.Endpoint.IsSecure)
        {
            TlsSettings role = handler.Endpoint.IsListener ? new ServerTlsSettings(_tls!.Certificate) : new ClientTlsSettings(handler.Endpoint.Host);
            pipeline.AddLast(new TlsHandler(transport => new MutualSslStream(transport, _tls!), role));
        }

        pipeline.AddLast(new FrameDecoder(), handler);
    }

    private PeerHandler CreateHandler(OpenFlowEndpoint endpoint, AuxiliaryOf? auxiliary) =>
        new(endpoint, (ulong)Interlocked.Increment(ref _nextId), auxiliary, _settings, _handler, _log);
}
