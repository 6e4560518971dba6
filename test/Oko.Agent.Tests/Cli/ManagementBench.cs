using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Oko.Agent.Cli;
using Oko.Agent.Configuration;
using Oko.Agent.Filters;
using Oko.Agent.Management;
using Oko.Agent.Observability;
using Oko.Agent.Ports;
using Oko.Agent.Tests.Rules;
using Oko.Datapath.Ports;

namespace Oko.Agent.Tests.Cli;

/// <summary>A switch with in-memory ports and its management server on a socket of its own, and the command line to talk to it.</summary>
public sealed class ManagementBench : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("oko-cli-").FullName;
    private readonly FilterStore _filters;
    private readonly CollectionWatch _collections = new();
    private readonly ManagementServer _server;
    private ManagementClient? _client;

    private ManagementBench(FilterVerifier verify)
    {
        Bench = new RuleBench();
        _filters = new FilterStore(Bench.Rules, verify, new FilterQuotas(), NullLogger<FilterStore>.Instance);
        Ports = new SwitchPorts(Bench.Rules, Bench.Datapath, options => new MemoryPort(Bench.Datapath.Umem, options.Number, options.InterfaceName),
            NullLogger<SwitchPorts>.Instance);
        Ports.Open(new PortOptions("eth11", 11));
        Ports.Open(new PortOptions("eth12", 12));
        SocketPath = Path.Combine(_folder, "oko.sock");
        _server = ManagementServer.StartAsync(
            SocketPath,
            new SwitchParts
            {
                DatapathId = 0xc1,
                Datapath = Bench.Datapath,
                Rules = Bench.Rules,
                Filters = _filters,
                Ports = Ports,
                Collections = _collections,
                StartedNanoseconds = Oko.Datapath.Workers.Datapath.NowNanoseconds,
            },
            NullLoggerFactory.Instance).GetAwaiter().GetResult();
    }

    public RuleBench Bench { get; }

    public SwitchPorts Ports { get; }

    public string SocketPath { get; }

    /// <summary>How long a test waits for what must come.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromSeconds(10);

    /// <summary>Calls to the management server, for what a command does not show; ends with the switch.</summary>
    public ManagementClient Client => _client ??= ManagementClient.Connect(SocketPath);

    /// <summary>With filters as <see cref="Filters.TextObject"/> reads them.</summary>
    public static ManagementBench WithTextObjects() => new(Filters.TextObject.Verify);

    /// <summary>With real objects.</summary>
    public static ManagementBench WithElfObjects() => new(FilterVerification.Verify);

    /// <summary>Writes a file for a command to read; its path.</summary>
    public string WriteFile(string name, byte[] content)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, content);
        return path;
    }

    /// <summary>Runs a command without a switch; exit code and both outputs.</summary>
    public static Task<CliOutcome> RunLocalAsync(params string[] arguments) => RunWithInputAsync(string.Empty, arguments);

    /// <summary>Runs a command against this switch.</summary>
    public Task<CliOutcome> TryAsync(params string[] arguments) => RunLocalAsync([.. arguments, "--management", SocketPath]);

    /// <summary>As <see cref="TryAsync"/>; fails the test unless it succeeds. Returns its output.</summary>
    public async Task<string> RunAsync(params string[] arguments)
    {
        var outcome = await TryAsync(arguments);
        outcome.Should().BeEquivalentTo(new { ExitCode = 0, Errors = string.Empty });
        return outcome.Output;
    }

    /// <summary>Loads an object of <c>test/TestData/bpf</c> as filter 1; returns the command's output.</summary>
    public Task<string> LoadAsync(string name, params string[] options) => RunAsync(["filter", "load", "1", SourceTree.BpfObject(name), .. options]);

    /// <summary>As <see cref="TryAsync"/>, with a text on standard input.</summary>
    public Task<CliOutcome> PipeAsync(string input, params string[] arguments) => RunWithInputAsync(input, [.. arguments, "--management", SocketPath]);

    /// <summary>Ends the management server, as a switch that stops does first.</summary>
    public ValueTask StopServingAsync() => _server.DisposeAsync();

    public async ValueTask DisposeAsync()
    {
        _client?.Dispose();
        await _server.DisposeAsync();
        Bench.Dispose();
        _filters.Dispose();
        _collections.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<CliOutcome> RunWithInputAsync(string input, string[] arguments)
    {
        var output = new StringWriter();
        var errors = new StringWriter();
        var terminal = new Terminal(output, errors, isOutputRedirected: true, new MemoryStream(Encoding.UTF8.GetBytes(input)));
        var code = await new CliRoot(terminal).RunAsync(arguments);
        return new CliOutcome(code, output.ToString(), errors.ToString());
    }
}

/// <summary>How a command ended.</summary>
public sealed record CliOutcome(int ExitCode, string Output, string Errors);
