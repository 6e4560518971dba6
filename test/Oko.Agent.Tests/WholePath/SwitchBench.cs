using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Oko.Agent.Configuration;
using Oko.Agent.Controllers;
using Oko.Agent.Filters;
using Oko.Agent.Ports;
using Oko.Agent.Rules;
using Oko.Bpf.Loading;
using Oko.Bpf.Text;
using Oko.Datapath.Ports;
using Oko.Datapath.Workers;
using Oko.OpenFlow.Channel;
using Oko.Testing;

namespace Oko.Agent.Tests.WholePath;

/// <summary>
/// A whole switch without a network: the parts that <c>oko run</c> puts together, with in-memory ports 1 to 3. It connects to one
/// controller and listens for tools, both on loopback. A filter's object is one byte, the constant its program returns.
/// </summary>
public sealed class SwitchBench : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly Oko.Datapath.Workers.Datapath _datapath;
    private readonly RuleManager _rules;
    private readonly FilterStore _filters;
    private readonly ControllerHub _hub;
    private readonly Socket _controllerListener = ControllerSimulator.Listen();
    private readonly Dictionary<uint, MemoryPort> _ports = [];
    private IPEndPoint _operatorAddress = null!;

    private SwitchBench()
    {
        _datapath = new Oko.Datapath.Workers.Datapath(new DatapathOptions { FrameCount = 512 });
        _rules = new RuleManager(_datapath, new RuleManagerOptions(), NullLogger<RuleManager>.Instance);
        _filters = new FilterStore(_rules, Verify, new FilterQuotas(), NullLogger<FilterStore>.Instance);
        var ports = new SwitchPorts(_rules, _datapath, OpenPort, NullLogger<SwitchPorts>.Instance);
        for (uint number = 1; number <= 3; number++)
        {
            ports.Open(new PortOptions($"m{number}", number));
        }

        var options = new ControllerOptions { DatapathId = 0x00004F4B4F000001, Description = "test bench", SoftwareVersion = "0.0.0" };
        _hub = new ControllerHub(options, _rules, _datapath, ports, _filters, NullLoggerFactory.Instance);
    }

    public static async Task<SwitchBench> StartAsync()
    {
        var bench = new SwitchBench();
        bench._datapath.Start();
        bench._rules.Start();
        var controllerPort = ((IPEndPoint)bench._controllerListener.LocalEndPoint!).Port;
        var addresses = await bench._hub.StartAsync(
            [OpenFlowEndpoint.Parse($"tcp:127.0.0.1:{controllerPort}")], [OpenFlowEndpoint.Parse("ptcp:0:127.0.0.1")]);
        bench._operatorAddress = addresses[0];
        return bench;
    }

    /// <summary>A connection that the switch makes to its controller; nothing has been said.</summary>
    public Task<ControllerSimulator> AcceptControllerAsync() => ControllerSimulator.AcceptAsync(_controllerListener);

    /// <summary>A connection to the switch's listener, after HELLO.</summary>
    public Task<ControllerSimulator> ConnectOperatorAsync() => ControllerSimulator.OpenAsync(_operatorAddress);

    /// <summary>A connection to the switch's listener; nothing has been said.</summary>
    public Task<ControllerSimulator> ConnectSilentlyAsync() => ControllerSimulator.ConnectAsync(_operatorAddress);

    public void Send(uint port, byte[] frame) => _ports[port].Push(frame);

    public byte[] Expect(uint port) =>
        _ports[port].Take(Patience) ?? throw new AssertionException($"nothing was sent on port {port}");

    public void ExpectNothing(uint port) => _ports[port].Take(TimeSpan.FromMilliseconds(50)).Should().BeNull();

    /// <summary>A frame with a payload of its EtherType that is not parsed further.</summary>
    public static byte[] Frame(ushort etherType, int length = 60, ushort vlanTag = 0)
    {
        var frame = new byte[length];
        frame[0] = frame[6] = 2;
        frame[5] = 2;
        frame[11] = 1;
        var offset = 12;
        if (vlanTag != 0)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x8100);
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(14), vlanTag);
            offset = 16;
        }

        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(offset), etherType);
        return frame;
    }

    public async ValueTask DisposeAsync()
    {
        await _hub.DisposeAsync();
        _filters.Dispose();
        _rules.Dispose();
        _datapath.Dispose();
        _controllerListener.Dispose();
    }

    private static VerifiedProgram Verify(uint filterId, byte[] elf, string? entry) => new()
    {
        Name = "constant",
        Instructions = Assembler.Assemble($"mov %r0, {elf[0]}\nexit"),
        Convention = EntryConvention.Oko,
        Reachable = [true, true],
        WorstCaseInstructions = 2,
        StackBytes = 0,
        MapAtCall = [-1, -1],
        Maps = [],
        OkoHelpers = false,
        FunctionStarts = [0],
    };

    private Port OpenPort(PortOptions options) => _ports[options.Number] = new MemoryPort(_datapath.Umem, options.Number, options.InterfaceName);
}
