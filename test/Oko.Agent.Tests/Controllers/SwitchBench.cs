using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;
using Oko.Agent.Configuration;
using Oko.Agent.Controllers;
using Oko.Agent.Filters;
using Oko.Agent.Ports;
using Oko.Agent.Rules;
using Oko.Agent.Tests.Filters;
using Oko.Bpf.Loading;
using Oko.Datapath.Interop;
using Oko.Datapath.Ports;
using Oko.Datapath.Workers;
using Oko.OpenFlow.Channel;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;
using Oko.Testing;

namespace Oko.Agent.Tests.Controllers;

/// <summary>A whole switch in this process: in-memory ports 1 to 3 with two queues each, filters from texts (<see cref="TextObject"/>), and a listener for
/// scripted controllers.</summary>
public sealed class SwitchBench : IAsyncDisposable
{
    public const ulong DatapathId = 0x00C0FFEE00000001;

    private readonly FilterStore _filters;
    private IReadOnlyList<IPEndPoint> _listeners = [];

    private SwitchBench(ControllerOptions options, RuleManagerOptions rules, FilterVerifier verify)
    {
        Datapath = new Oko.Datapath.Workers.Datapath(new DatapathOptions { FrameCount = 512 });
        Rules = new RuleManager(Datapath, rules with { ExpiryInterval = TimeSpan.FromMilliseconds(20) }, NullLogger<RuleManager>.Instance);
        _filters = new FilterStore(Rules, verify, new FilterQuotas { MaxObjectBytes = 1 << 20 }, NullLogger<FilterStore>.Instance);
        Ports = new SwitchPorts(Rules, Datapath, OpenPort, NullLogger<SwitchPorts>.Instance);
        for (uint number = 1; number <= 3; number++)
        {
            Ports.Open(new PortOptions($"m{number}", number));
        }

        Hub = new ControllerHub(options, Rules, Datapath, Ports, _filters, NullLoggerFactory.Instance);
        Datapath.Start();
        Rules.Start();
    }

    public static ControllerOptions Options { get; } = new() { DatapathId = DatapathId, Description = "bench", SoftwareVersion = "0.1.0" };

    public Oko.Datapath.Workers.Datapath Datapath { get; }

    public RuleManager Rules { get; }

    public SwitchPorts Ports { get; }

    public ControllerHub Hub { get; }

    public static async Task<SwitchBench> StartAsync(ControllerOptions? options = null, string listener = "ptcp:0:127.0.0.1", FilterVerifier? verify = null,
        RuleManagerOptions? rules = null, params string[] controllers)
    {
        var bench = new SwitchBench(options ?? Options, rules ?? new RuleManagerOptions(), verify ?? TextObject.Verify);
        bench._listeners = await bench.Hub.StartAsync(
            [.. controllers.Select(OpenFlowEndpoint.Parse)],
            [OpenFlowEndpoint.Parse(listener), OpenFlowEndpoint.Parse("ptcp:0:127.0.0.1?oko=aware")]);
        return bench;
    }

    public MemoryPort Port(uint number) => (MemoryPort)Ports.Find(number)!;

    /// <summary>A controller that the switch has taken in.</summary>
    public Task<ControllerSimulator> ConnectAsync() => OpenAsync(_listeners[0]);

    /// <summary>The same on a listener whose peers are taken to know the extension.</summary>
    public Task<ControllerSimulator> ConnectAwareAsync() => OpenAsync(_listeners[1]);

    /// <summary>A controller with a certificate, on a listener with TLS.</summary>
    public async Task<ControllerSimulator> ConnectSecurelyAsync(X509Certificate2 certificate)
    {
        var controller = await ControllerSimulator.ConnectAsync(_listeners[0], secure: async stream =>
        {
            var secure = new SslStream(stream);
            await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = "switch",
                RemoteCertificateValidationCallback = (_, _, _, _) => true,
                ClientCertificates = [certificate],
            });
            return secure;
        });
        await controller.HelloAsync();
        await controller.BarrierAsync();
        return controller;
    }

    /// <summary>A peer that reads nothing and has said nothing yet.</summary>
    public Task<ControllerSimulator> ConnectSilentlyAsync() => ControllerSimulator.ConnectAsync(_listeners[0], isReading: false);

    /// <summary>Tells the switch that an interface went down, came up, vanished or came back.</summary>
    public void ChangeLink(LinkEventKind kind, string name, bool isRunning) =>
        Ports.OnLinkEvent(new LinkEvent(kind, new LinkInfo(9, name) { IsRunning = isRunning }));

    public static MultipartRequest AllFlows(FlowMatch? match = null) =>
        new(new FlowStatsRequest(TableId.All, PortNumber.Any, GroupId.Any, new Oko.OpenFlow.Protocol.Cookie(0), 0, match ?? FlowMatch.Any));

    /// <summary>A request for an upload in one part.</summary>
    public static FilterUpload Upload(uint id, string text, FilterUploadFlags flags = FilterUploadFlags.None)
    {
        var bytes = TextObject.Bytes(text);
        return new FilterUpload { FilterId = id, TotalLength = (uint)bytes.Length, Data = bytes, Flags = flags };
    }

    public async ValueTask DisposeAsync()
    {
        await Hub.DisposeAsync();
        Rules.Dispose();
        Datapath.Stop();
        _filters.Dispose();
        Datapath.Dispose();
    }

    private static async Task<ControllerSimulator> OpenAsync(IPEndPoint address)
    {
        var controller = await ControllerSimulator.OpenAsync(address);
        await controller.BarrierAsync();
        return controller;
    }

    private MemoryPort OpenPort(PortOptions options) => new(Datapath.Umem, options.Number, options.InterfaceName, queueCount: 2);
}

/// <summary>Short forms of what controllers do in these tests.</summary>
internal static class ControllerSimulatorExtensions
{
    /// <summary>Sends a barrier and waits for its reply: everything sent before has been carried out and answered.</summary>
    public static async Task BarrierAsync(this ControllerSimulator controller) => await controller.RequestAsync<BarrierReply>(new BarrierRequest());

    /// <summary>Sends requests and expects that none of them brings an error.</summary>
    public static async Task DoAsync(this ControllerSimulator controller, params OpenFlowMessage[] messages)
    {
        foreach (var message in messages)
        {
            await controller.SendAsync(message);
        }

        await controller.BarrierAsync();
        controller.PeekReceived().Where(frame => frame[1] == (byte)MessageType.Error).Should().BeEmpty();
    }

    /// <summary>Sends a request and expects this error for it.</summary>
    public static async Task<ErrorMessage> RefusedAsync(this ControllerSimulator controller, OpenFlowMessage message, ErrorType type, Enum code)
    {
        var error = await controller.RequestAsync<ErrorMessage>(message);
        (error.ErrorType, error.Code).Should().Be((type, Convert.ToUInt16(code)));
        return error;
    }

    /// <summary>The body of the only part of a multipart reply.</summary>
    public static async Task<T> AskAsync<T>(this ControllerSimulator controller, MultipartRequest request)
        where T : MultipartBody
    {
        var reply = await controller.RequestAsync<MultipartReply>(request);
        reply.More.Should().BeFalse();
        return reply.Body.Should().BeOfType<T>().Subject;
    }

    /// <summary>The flow entries as this connection sees them.</summary>
    public static async Task<FlowStatsReply> FlowsAsync(this ControllerSimulator controller, FlowMatch? match = null) =>
        await controller.AskAsync<FlowStatsReply>(SwitchBench.AllFlows(match));
}
