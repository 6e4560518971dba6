using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using Oko.Agent.Filters;

namespace Oko.Agent.Management;

/// <summary>A connection to the management socket of a running switch; one thread.</summary>
public sealed class ManagementClient : IDisposable
{
    private readonly GrpcChannel _channel;

    private ManagementClient(GrpcChannel channel)
    {
        _channel = channel;
        Api = new V1.Management.ManagementClient(channel);
    }

    /// <summary>The calls.</summary>
    public V1.Management.ManagementClient Api { get; }

    /// <summary>Prepares a connection; it is made by the first call.</summary>
    public static ManagementClient Connect(string path)
    {
        var endPoint = new UnixDomainSocketEndPoint(path);
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(endPoint, cancellation);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        };
        return new ManagementClient(GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions
        {
            HttpHandler = handler,
            DisposeHttpClient = true,
            MaxSendMessageSize = new FilterQuotas().MaxObjectBytes + 4096,
            MaxReceiveMessageSize = null,
        }));
    }

    /// <summary>What went wrong with a call, for people.</summary>
    public static string Describe(RpcException exception, string path)
    {
        for (Exception? cause = exception.Status.DebugException; cause is not null; cause = cause.InnerException)
        {
            if (cause is SocketException socket)
            {
                return socket.SocketErrorCode switch
                {
                    SocketError.AccessDenied => $"the management socket {path} may not be opened by you; run as root, or as a member of its group.",
                    SocketError.ConnectionRefused => $"no switch listens on {path} (it ended without removing the socket); start one with oko run.",
                    _ when !File.Exists(path) => $"no switch listens on {path}; start one with oko run, or name its socket with --management.",
                    _ => $"the management socket {path} cannot be reached: {socket.Message}.",
                };
            }
        }

        return exception.StatusCode == StatusCode.Unavailable && exception.Status.DebugException is not null
            ? $"the switch on {path} went away during the call."
            : exception.Status.Detail;
    }

    /// <inheritdoc/>
    public void Dispose() => _channel.Dispose();
}
