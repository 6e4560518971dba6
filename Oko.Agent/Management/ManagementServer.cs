using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Oko.Agent.Filters;
using Oko.Agent.Observability;

namespace Oko.Agent.Management;

/// <summary>The management API on its Unix socket: Kestrel with gRPC and nothing else. Any thread.</summary>
public sealed class ManagementServer : IAsyncDisposable
{
    // The largest object and the fields around it.
    private static readonly int MaxRequestBytes = new FilterQuotas().MaxObjectBytes + 4096;

    private readonly WebApplication _application;

    private ManagementServer(WebApplication application)
    {
        _application = application;
    }

    /// <summary>Starts to serve.</summary>
    /// <param name="path">Path of the socket; a stale one is replaced.</param>
    /// <param name="parts">What is served.</param>
    /// <param name="loggers">Where requests that fail are logged.</param>
    /// <exception cref="IOException">The socket is in use or cannot be made; the message is for people.</exception>
    public static async Task<ManagementServer> StartAsync(string path, SwitchParts parts, ILoggerFactory loggers)
    {
        var log = loggers.CreateLogger<ManagementServer>();
        if (ManagementSocket.Prepare(path))
        {
            LogMessages.StaleSocketReplaced(log, path);
        }

        // Empty: no configuration from files or the environment may reach the server.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(loggers);
        builder.Services.AddSingleton(parts);
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<ManagementService>();
        builder.Services.AddGrpc(options =>
        {
            options.MaxReceiveMessageSize = MaxRequestBytes;
            options.MaxSendMessageSize = null;
            options.Interceptors.Add<ManagementErrors>();
        });
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(1));
        builder.Services.Configure<SocketTransportOptions>(options => options.CreateBoundListenSocket = _ => ManagementSocket.Bind(path));
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.Limits.MaxConcurrentConnections = 64;
            options.Limits.MaxRequestBodySize = MaxRequestBytes;
            options.ListenUnixSocket(path, listen => listen.Protocols = HttpProtocols.Http2);
        });
        var application = builder.Build();
        application.MapGrpcService<ManagementService>();
        await application.StartAsync();
        LogMessages.ManagementListening(log, path);
        return new ManagementServer(application);
    }

    /// <summary>Ends open requests within a second and removes the socket.</summary>
    public async ValueTask DisposeAsync()
    {
        await _application.StopAsync();
        await _application.DisposeAsync();
    }
}
