using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Oko.Agent.Configuration;
using Oko.Agent.Tests.Cli;

namespace Oko.Agent.Tests;

/// <summary>The whole switch in this process, without ports, so without root.</summary>
[NonParallelizable]
public sealed class SwitchHostTests
{
    private string _folder = null!;

    private string SocketPath => Path.Combine(_folder, "oko.sock");

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("oko-host-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task Start_Standalone_IsALearningSwitchAndStopsWithoutATrace()
    {
        await using (await StartAsync())
        {
            var flows = await ManagementBench.RunLocalAsync("flow", "list", "--management", SocketPath);
            flows.Output.Should().Contain("priority=0 actions=NORMAL");
        }

        File.Exists(SocketPath).Should().BeFalse();
    }

    [Test]
    public async Task Start_Secure_HasEmptyTables()
    {
        await using var host = await StartAsync("secure");
        (await ManagementBench.RunLocalAsync("flow", "list", "--management", SocketPath)).Should().Be(new CliOutcome(0, string.Empty, string.Empty));
    }

    [Test]
    public async Task Start_ListenerInUse_FailsWithTheReasonAndLeavesNothing()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;

        var act = () => StartAsync(listen: $"ptcp:{port}:127.0.0.1");

        (await act.Should().ThrowAsync<IOException>()).WithMessage($"*{port}*in use*");
        File.Exists(SocketPath).Should().BeFalse();
    }

    [Test]
    public async Task Start_ManagementSocketInUse_FailsAndLeavesTheOtherSwitchAlone()
    {
        await using var first = await StartAsync();

        var act = () => StartAsync();

        (await act.Should().ThrowAsync<IOException>()).WithMessage($"*{SocketPath}*in use*");
        (await ManagementBench.RunLocalAsync("stats", "--management", SocketPath)).ExitCode.Should().Be(0);
    }

    [Test]
    public async Task Start_UnderSystemd_TellsWhenReadyAndWhenStopping()
    {
        using var systemd = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        var path = Path.Combine(_folder, "notify");
        systemd.Bind(new UnixDomainSocketEndPoint(path));
        systemd.ReceiveTimeout = 5000;
        Environment.SetEnvironmentVariable("NOTIFY_SOCKET", path);
        try
        {
            await using (await StartAsync())
            {
                Receive(systemd).Should().Be("READY=1");
            }

            Receive(systemd).Should().Be("STOPPING=1");
        }
        finally
        {
            Environment.SetEnvironmentVariable("NOTIFY_SOCKET", null);
        }
    }

    private static string Receive(Socket socket)
    {
        var buffer = new byte[256];
        return Encoding.UTF8.GetString(buffer, 0, socket.Receive(buffer));
    }

    private Task<SwitchHost> StartAsync(string? failMode = null, string? listen = null)
    {
        var settings = new AgentSettings { Management = SocketPath, FailMode = failMode, Listeners = listen is null ? [] : [listen] };
        return SwitchHost.StartAsync(AgentOptionsValidator.Validate(settings, []), NullLoggerFactory.Instance);
    }
}
