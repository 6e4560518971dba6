using System.Net;
using System.Net.Sockets;
using DotNetty.Transport.Channels;
using Microsoft.Extensions.Logging;

namespace Oko.OpenFlow.Channel;

/// <summary>
/// A listening socket and its accept loop, which runs on the thread pool and hands accepted sockets to the channel. Owned by the
/// <see cref="OpenFlowChannel"/>.
/// </summary>
/// <remarks>A plain socket instead of DotNetty's server channel, whose accepted sockets are in blocking mode under Linux
/// (<see cref="NonBlockingSocketChannel"/>).</remarks>
internal sealed class OpenFlowListener : IAsyncDisposable
{
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromMilliseconds(100);

    private readonly OpenFlowEndpoint _endpoint;
    private readonly Socket _socket;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _accepting;

    /// <summary>Begins to listen.</summary>
    /// <param name="endpoint">Where.</param>
    /// <param name="accept">Takes over each accepted socket; must not throw.</param>
    /// <param name="log">Failures to accept.</param>
    /// <exception cref="IOException">The address cannot be listened on; the text says why and what to do.</exception>
    public OpenFlowListener(OpenFlowEndpoint endpoint, Action<Socket> accept, ILogger log)
    {
        _endpoint = endpoint;
        _log = log;
        var address = IPAddress.Parse(endpoint.Host);
        _socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // SO_REUSEADDR is not asked for: .NET sets it on every bind under Linux, and asking for it by hand would add
            // SO_REUSEPORT, with which two switches could listen on one port without noticing.
            _socket.Bind(new IPEndPoint(address, endpoint.Port));
            _socket.Listen(64);
        }
        catch (SocketException exception)
        {
            _socket.Dispose();
            throw new IOException(DescribeFailure(endpoint, exception), exception);
        }

        LocalAddress = (IPEndPoint)_socket.LocalEndPoint!;
        _accepting = Task.Run(() => AcceptAsync(accept));
    }

    /// <summary>The address in use, with the port the system chose when the endpoint's is 0.</summary>
    public IPEndPoint LocalAddress { get; }

    /// <summary>Stops listening; connections go on.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        _socket.Dispose();
        await _accepting.ConfigureAwait(false);
        _stopping.Dispose();
    }

    private async Task AcceptAsync(Action<Socket> accept)
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                accept(await _socket.AcceptAsync(_stopping.Token).ConfigureAwait(false));
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException exception)
            {
                // For instance out of file descriptors: the backlog holds the others until some are free.
                ChannelLog.CannotAccept(_log, _endpoint.ToString(), exception.Message);
                await Task.Delay(PauseAfterFailure).ConfigureAwait(false);
            }
        }
    }

    private static string DescribeFailure(OpenFlowEndpoint endpoint, SocketException socket) => socket.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse =>
            $"Cannot listen on {endpoint}: port {endpoint.Port} is in use by another program; 'ss -ltnp sport = :{endpoint.Port}' shows which. Choose another port.",
        SocketError.AddressNotAvailable => $"Cannot listen on {endpoint}: no interface of this machine has the address {endpoint.Host}.",
        SocketError.AccessDenied => $"Cannot listen on {endpoint}: port {endpoint.Port} needs privileges. Choose a port above 1023.",
        _ => $"Cannot listen on {endpoint}: {socket.Message}",
    };
}
