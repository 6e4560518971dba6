using System.Diagnostics;
using System.Text;

namespace Oko.System.Tests.Lab;

/// <summary>The built switch, run as a user runs it, in the switch's namespace of a <see cref="Network"/>.</summary>
public sealed class SwitchProcess : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _log = new();
    private readonly string _space;
    private readonly string _folder = Directory.CreateTempSubdirectory("oko-system-").FullName;

    private SwitchProcess(string space, IEnumerable<string> arguments)
    {
        _space = space;
        Management = Path.Combine(_folder, "oko.sock");
        // exec, so that signals reach the switch itself.
        _process = Command.Start("ip", ["netns", "exec", space, Binary, "run", "--management", Management, .. arguments]);
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_log)
            {
                _log.AppendLine(line.Data);
            }
        };
        _process.BeginErrorReadLine();
    }

    /// <summary>The built binary.</summary>
    public static string Binary { get; } = Path.Combine(Repository, "Oko.Agent", "bin", "Release", "net10.0", "oko");

    /// <summary>The folder of the checkout.</summary>
    public static string Repository
    {
        get
        {
            var folder = new DirectoryInfo(TestContext.CurrentContext.TestDirectory);
            while (!File.Exists(Path.Combine(folder!.FullName, "OkoSwitch.sln")))
            {
                folder = folder.Parent;
            }

            return folder.FullName;
        }
    }

    /// <summary>Path of the management socket.</summary>
    public string Management { get; }

    /// <summary>Process id of the switch.</summary>
    public int Id => _process.Id;

    /// <summary>What it wrote to standard error so far.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Starts the switch and waits for its line <c>ready</c>.</summary>
    public static SwitchProcess Start(Network network, params string[] arguments)
    {
        var started = new SwitchProcess(network.SwitchSpace, arguments);
        var line = started._process.StandardOutput.ReadLineAsync();
        if (!line.Wait(TimeSpan.FromSeconds(20)) || line.Result != "ready")
        {
            var log = started.Log;
            started.Dispose();
            Assert.Fail($"the switch did not say ready, but '{(line.IsCompleted ? line.Result : "nothing")}'; its log:\n{log}");
        }

        return started;
    }

    /// <summary>Starts a switch with ports p1..pN and a listener on port 6654.</summary>
    public static SwitchProcess StartWithListener(Network network, int ports, params string[] more) =>
        Start(network, [.. Enumerable.Range(1, ports).SelectMany(n => new[] { "--port", $"p{n}={n}" }), "--listen", "ptcp:6654", .. more]);

    /// <summary>Runs stock <c>ovs-ofctl</c> against the listener; with an option in the verb's place the arguments name the listener.</summary>
    public CommandResult TryOfctl(string verb, params string[] arguments) => Command.Run(60, "ip",
        ["netns", "exec", _space, "ovs-ofctl", "-O", "OpenFlow13", .. verb.StartsWith('-') ? [verb, .. arguments] : (string[])[verb, Address, .. arguments]]);

    /// <summary>The listener, as tools name it.</summary>
    public string Address => "tcp:127.0.0.1:6654";

    /// <summary>As <see cref="TryOfctl"/>, and fails the test unless the exit code is 0.</summary>
    public string Ofctl(string verb, params string[] arguments)
    {
        var result = TryOfctl(verb, arguments);
        result.ExitCode.Should().Be(0, "ovs-ofctl {0} printed: {1}; the switch logged: {2}", verb, result.All, Log);
        return result.Output;
    }

    /// <summary>Runs the oko command line against this switch.</summary>
    public CommandResult TryOko(params string[] arguments) =>
        Command.Run(60, Binary, [.. arguments, "--management", Management]);

    /// <summary>As <see cref="TryOko"/>, and fails the test unless the exit code is 0.</summary>
    public string Oko(params string[] arguments)
    {
        var result = TryOko(arguments);
        result.ExitCode.Should().Be(0, "oko {0} printed: {1}; the switch logged: {2}", string.Join(' ', arguments), result.All, Log);
        return result.Output;
    }

    /// <summary>Ends it as systemd would; the exit code.</summary>
    public int Terminate()
    {
        Command.Run(5, "kill", "-TERM", Id.ToString());
        _process.WaitForExit(TimeSpan.FromSeconds(10)).Should().BeTrue("SIGTERM must end the switch; its log: {0}", Log);
        return _process.ExitCode;
    }

    /// <summary>Ends it without a chance to clean up.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
