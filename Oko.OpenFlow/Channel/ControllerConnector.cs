using System.Net;
using System.Net.Sockets;
using DotNetty.Transport.Bootstrapping;
using DotNetty.Transport.Channels;
using Microsoft.Extensions.Logging;

namespace Oko.OpenFlow.Channel;

/// <summary>
/// Keeps one connection to one controller: connects, waits until it is gone, waits by the <see cref="ReconnectPolicy"/>, again.
/// Owned by the <see cref="OpenFlowChannel"/>; its loop runs on the thread pool.
/// </summary>
/// <remarks>The old connection is closed before a new attempt: ONOS and os-ken mistake two connections of one datapath id for
/// a duplicate.</remarks>
internal sealed class ControllerConnector(
    OpenFlowEndpoint endpoint,
    IEventLoopGroup group,
    ChannelSettings settings,
    Func<PeerHandler> createHandler,
    Action<IChannelPipeline, PeerHandler> addHandlers,
    ILogger log)
{
    private readonly ReconnectPolicy _policy = new(settings, Random.Shared);
    private string? _lastFailure;
    private int _attempts;

    /// <summary>Runs until cancelled; never throws.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            var connectedFor = await ConnectOnceAsync(cancellation).ConfigureAwait(false);
            try
            {
                await Task.Delay(_policy.NextDelay(connectedFor), cancellation).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task<TimeSpan> ConnectOnceAsync(CancellationToken cancellation)
    {
        IChannel? channel = null;
        try
        {
            var address = await ResolveAsync(cancellation).ConfigureAwait(false);
            var handler = createHandler();
            channel = await CreateBootstrap(address.AddressFamily, handler).ConnectAsync(new IPEndPoint(address, endpoint.Port)).ConfigureAwait(false);
            _lastFailure = null;
            return await handler.Closed.WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            await (channel?.CloseAsync() ?? Task.CompletedTask).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // DotNetty wraps a refused or timed-out connection in several exception types; the innermost says what happened, and none
            // of them may end the loop.
            ReportOnce(exception.GetBaseException().Message);
        }

        return TimeSpan.Zero;
    }

    private async Task<IPAddress> ResolveAsync(CancellationToken cancellation)
    {
        if (IPAddress.TryParse(endpoint.Host, out var literal))
        {
            return literal;
        }

        var addresses = await Dns.GetHostAddressesAsync(endpoint.Host, cancellation).ConfigureAwait(false);
        return addresses.Length > 0
            ? addresses[_attempts++ % addresses.Length]
            : throw new SocketException((int)SocketError.HostNotFound);
    }

    private Bootstrap CreateBootstrap(AddressFamily family, PeerHandler handler) =>
        new Bootstrap().Group(group)
            .ChannelFactory(() => new NonBlockingSocketChannel(new Socket(family, SocketType.Stream, ProtocolType.Tcp), isConnected: false))
            .Option(ChannelOption.ConnectTimeout, settings.ConnectTimeout)
            .Handler(new ActionChannelInitializer<IChannel>(channel => addHandlers(channel.Pipeline, handler)));

    /// <summary>One line when the trouble begins or changes, not one for every attempt of a night.</summary>
    private void ReportOnce(string reason)
    {
        if (reason != _lastFailure)
        {
            _lastFailure = reason;
            ChannelLog.CannotConnect(log, endpoint.ToString(), reason);
        }
    }
}
