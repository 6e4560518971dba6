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
/// <remarks>Auxiliary connections, when the endpoint asks for some, are opened after the main one is agreed on and closed before it is
/// opened again (OpenFlow 1.3.5, 6.3.7). The old connection is closed before a new attempt: ONOS and os-ken mistake two connections of one datapath id for
/// a duplicate.</remarks>
internal sealed class ControllerConnector(
    OpenFlowEndpoint endpoint,
    IEventLoopGroup group,
    ChannelSettings settings,
    Func<AuxiliaryOf?, PeerHandler> createHandler,
    Action<IChannelPipeline, PeerHandler> addHandlers,
    ILogger log,
    AuxiliaryOf? auxiliary = null)
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
            var handler = createHandler(auxiliary);
            channel = await CreateBootstrap(address.AddressFamily, handler).ConnectAsync(new IPEndPoint(address, endpoint.Port)).ConfigureAwait(false);
            _lastFailure = null;
            return await StayAsync(handler, cancellation).ConfigureAwait(false);
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

    /// <summary>Waits for the end of a connection; a main one has its auxiliary ones beside it meanwhile.</summary>
    private async Task<TimeSpan> StayAsync(PeerHandler handler, CancellationToken cancellation)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task[] auxiliaries = [];
        if (auxiliary is null && endpoint.AuxiliaryCount > 0 && await handler.Agreed.WaitAsync(cancellation).ConfigureAwait(false) is { } main)
        {
            auxiliaries = [.. Enumerable.Range(1, endpoint.AuxiliaryCount)
                .Select(id => new ControllerConnector(endpoint, group, settings, createHandler, addHandlers, log, new AuxiliaryOf(main, (byte)id)))
                .Select(connector => connector.RunAsync(ending.Token))];
        }

        try
        {
            return await handler.Closed.WaitAsync(cancellation).ConfigureAwait(false);
        }
        finally
        {
            await ending.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(auxiliaries).ConfigureAwait(false);
        }
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
