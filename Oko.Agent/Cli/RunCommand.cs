using System.CommandLine;
using System.Net.NetworkInformation;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging.Console;
using Oko.Agent.Configuration;
using Oko.Agent.Observability;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Workers;

namespace Oko.Agent.Cli;

/// <summary><c>oko run</c>: options to a running switch, until a signal ends it.</summary>
internal static class RunCommand
{
    public static void AddTo(RootCommand root, CliRoot cli)
    {
        var datapathId = Single("--datapath-id", "HEX16", "Datapath id, 16 hex digits; without it the address of the first port.");
        var controllers = Repeatable("--controller", "URL", "Controller to connect to, tcp:HOST[:PORT] or ssl:HOST[:PORT]; repeatable.");
        var listeners = Repeatable("--listen", "URL", "Address to listen on for OpenFlow, ptcp:[PORT][:HOST] or pssl:[PORT][:HOST]; repeatable.");
        var privateKey = Single("--private-key", "FILE", "For ssl: and pssl: the switch's private key, PEM.");
        var certificate = Single("--certificate", "FILE", "The certificate of that key, PEM.");
        var authorities = Single("--ca-cert", "FILE", "Certificates of those who sign the certificates of controllers, PEM.");
        var ports = Repeatable("--port", "IFNAME[=NUMBER]", "Interface to use as a port; repeatable.");
        var local = Single("--local", "NAME", "Makes a TAP interface of that name: the host's own port, OFPP_LOCAL.");
        var failMode = Single("--fail-mode", "secure|standalone", "Without a controller: keep to the installed entries, or learn addresses. Without controllers configured standalone, else secure.");
        var config = Single("--config", "FILE", "The same options as JSON; the command line takes precedence.");
        var management = Single("--management", "PATH", $"Path of the management socket [default: {AgentOptions.DefaultManagementPath}].");
        var workers = Single("--workers", "N", "Threads that forward; each has packet memory of its own and a queue of each device that has enough [default: 1].");
        var cpus = Single("--cpus", "N[,N...]", "Processors that they are pinned to, one for each.");
        cpus.Aliases.Add("--cpu");
        var busyPoll = Single("--busy-poll", "MICROSECONDS", "Has the forwarding threads take packets from network adapters themselves, without interrupts; 0 = no [default: 0].");
        var filterAdmins = Repeatable("--filter-admins", "all|tls|none|URL", "OpenFlow connections that may load and unload filters and change maps: all, those over TLS, none, or those of a --controller or --listen; repeatable [default: all].");
        var transmit = Single("--transmit", "auto|ring", "How packets leave: what is fastest on the device, or always the AF_XDP ring [default: auto].");
        var ringSize = Single("--ring-size", "N", $"Packets that may wait at a queue of a port, a power of two [default: {AfXdpOptions.DefaultRingSize}].");
        var maxFilters = Single("--max-filters", "N", "Most filters loaded at one time [default: 256].");
        var maxMapMemory = Single("--max-map-memory", "SIZE", "Most memory of the maps of all filters, such as 2G [default: 512M].");
        var maxObjectSize = Single("--max-object-size", "SIZE", "Largest object of a filter [default: 16M].");
        var logLevel = Single("--log-level", "LEVEL", "trace, debug, information, warning or error [default: information].");
        var command = CliRoot.Make("run", "Runs the switch. Prints 'ready' when ports and listeners are up; logs to standard error.",
            datapathId, controllers, listeners, privateKey, certificate, authorities, ports, local, failMode, config, management, workers, cpus, transmit,
            ringSize, busyPoll, filterAdmins, maxFilters, maxMapMemory, maxObjectSize, logLevel);
        cli.SetPlainAction(command, (parsed, terminal) =>
        {
            var settings = new AgentSettings
            {
                DatapathId = parsed.GetValue(datapathId),
                Controllers = parsed.GetValue(controllers) ?? [],
                Listeners = parsed.GetValue(listeners) ?? [],
                PrivateKey = parsed.GetValue(privateKey),
                Certificate = parsed.GetValue(certificate),
                AuthorityCertificates = parsed.GetValue(authorities),
                Ports = parsed.GetValue(ports) ?? [],
                Local = parsed.GetValue(local),
                FailMode = parsed.GetValue(failMode),
                Management = parsed.GetValue(management),
                Workers = parsed.GetValue(workers),
                Cpus = parsed.GetValue(cpus),
                FilterAdmins = parsed.GetValue(filterAdmins) ?? [],
                Transmit = parsed.GetValue(transmit),
                RingSize = parsed.GetValue(ringSize),
                BusyPoll = parsed.GetValue(busyPoll),
                MaxFilters = parsed.GetValue(maxFilters),
                MaxMapMemory = parsed.GetValue(maxMapMemory),
                MaxObjectSize = parsed.GetValue(maxObjectSize),
                LogLevel = parsed.GetValue(logLevel),
            };
            return RunAsync(parsed.GetValue(config) is { } file ? settings.Over(ConfigurationFile.Read(file)) : settings, terminal);
        });
        root.Subcommands.Add(command);
    }

    private static async Task<int> RunAsync(AgentSettings settings, Terminal terminal)
    {
        var options = AgentOptionsValidator.Validate(settings, ListInterfaces());
        WorkerProcessors.Reserve(options.Cpus);
        using var loggers = LoggerFactory.Create(logging => ConfigureLogging(logging, options.LogLevel));
        var log = loggers.CreateLogger<SwitchHost>();
        var stop = new TaskCompletionSource<PosixSignal>(TaskCreationOptions.RunContinuationsAsynchronously);
        void OnSignal(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.TrySetResult(context.Signal);
        }

        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        try
        {
            await using var running = await SwitchHost.StartAsync(options, loggers);
            terminal.Output.WriteLine("ready");
            terminal.Output.Flush();
            var signal = await stop.Task;
            LogMessages.Stopping(log, signal.ToString());
        }
        catch (IOException exception)
        {
            throw new CliException(exception.Message);
        }

        return ExitCode.Success;
    }

    /// <summary>Everything goes to standard error: standard output has the one line that starts are waited for by.</summary>
    private static void ConfigureLogging(ILoggingBuilder logging, LogLevel level)
    {
        logging.SetMinimumLevel(level);
        logging.AddFilter("Microsoft", LogLevel.Warning);
        logging.AddFilter("Grpc", LogLevel.Critical);
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        if (SystemdHelpers.IsSystemdService())
        {
            logging.AddSystemdConsole();
        }
        else
        {
            logging.AddSimpleConsole(console =>
            {
                console.SingleLine = true;
                console.TimestampFormat = "HH:mm:ss.fff ";
                console.ColorBehavior = LoggerColorBehavior.Disabled;
            });
        }
    }

    private static List<string> ListInterfaces() => [.. NetworkInterface.GetAllNetworkInterfaces().Select(link => link.Name)];

    private static Option<string> Single(string name, string helpName, string description) =>
        new(name) { HelpName = helpName, Description = description };

    private static Option<string[]> Repeatable(string name, string helpName, string description) =>
        new(name) { HelpName = helpName, Description = description, AllowMultipleArgumentsPerToken = false };
}
