using System.Collections.Immutable;
using System.Globalization;
using System.Numerics;
using System.Text;
using Oko.Agent.Filters;
using Oko.Bpf.Maps;
using Oko.Datapath.AfXdp;
using Oko.OpenFlow.Channel;

namespace Oko.Agent.Configuration;

/// <summary>
/// Turns what people wrote into <see cref="AgentOptions"/>, or says everything that is wrong with it at once. Looks at nothing but
/// the settings and the list of interfaces it is given. Any thread.
/// </summary>
public static class AgentOptionsValidator
{
    /// <summary>Longest path of a Unix socket (<c>sun_path</c> less its NUL).</summary>
    private const int MaxSocketPathBytes = 107;

    /// <summary>Checks all settings.</summary>
    /// <param name="settings">As written.</param>
    /// <param name="interfaceNames">The interfaces of this network namespace.</param>
    /// <exception cref="ConfigurationException">With every fault.</exception>
    public static AgentOptions Validate(AgentSettings settings, IReadOnlyCollection<string> interfaceNames)
    {
        var faults = new List<string>();
        var controllers = ReadEndpoints("--controller", settings.Controllers, faults);
        var listeners = ReadEndpoints("--listen", settings.Listeners, faults);
        var workers = ReadWorkers(settings.Workers, faults);
        var options = new AgentOptions
        {
            DatapathId = ReadDatapathId(settings.DatapathId, faults),
            Controllers = controllers,
            Listeners = listeners,
            Tls = ReadTls(settings, [.. controllers, .. listeners], faults),
            Ports = [.. ReadPorts(settings.Ports, interfaceNames, faults), .. ReadLocal(settings.Local, interfaceNames, faults)],
            FailMode = ReadFailMode(settings, faults),
            ManagementPath = ReadManagementPath(settings.Management, faults),
            Workers = workers,
            Cpus = ReadCpus(settings.Cpus, workers, faults),
            FilterAdmins = ReadFilterAdmins(settings.FilterAdmins, [.. controllers, .. listeners], faults),
            Transmit = ReadTransmit(settings.Transmit, faults),
            RingSize = ReadRingSize(settings.RingSize, faults),
            BusyPollMicroseconds = ReadBusyPoll(settings.BusyPoll, faults),
            Quotas = ReadQuotas(settings, faults),
            LogLevel = ReadLogLevel(settings.LogLevel, faults),
        };
        return faults.Count == 0 ? options : throw new ConfigurationException([.. faults]);
    }

    private static ulong? ReadDatapathId(string? text, List<string> faults)
    {
        if (text is null)
        {
            return null;
        }

        if (text.Length == 16 && ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var id) && id != 0)
        {
            return id;
        }

        faults.Add($"--datapath-id {text}: not a datapath id; write 16 hex digits, not all zero, such as 00000000000000c1.");
        return null;
    }

    private static ImmutableArray<OpenFlowEndpoint> ReadEndpoints(string option, IReadOnlyList<string> texts, List<string> faults)
    {
        var endpoints = ImmutableArray.CreateBuilder<OpenFlowEndpoint>();
        var isListener = option == "--listen";
        foreach (var text in texts)
        {
            try
            {
                var endpoint = OpenFlowEndpoint.Parse(text);
                if (endpoint.IsListener != isListener)
                {
                    faults.Add(isListener
                        ? $"{option} {text}: this is an address to connect to; listen on ptcp:[PORT][:HOST] or pssl:[PORT][:HOST], or name it with --controller."
                        : $"{option} {text}: this is an address to listen on; connect to tcp:HOST[:PORT] or ssl:HOST[:PORT], or name it with --listen.");
                }
                else
                {
                    endpoints.Add(endpoint);
                }
            }
            catch (FormatException exception)
            {
                faults.Add($"{option}: {exception.Message}");
            }
        }

        return endpoints.ToImmutable();
    }

    private static TlsFiles? ReadTls(AgentSettings settings, ImmutableArray<OpenFlowEndpoint> endpoints, List<string> faults)
    {
        (string Option, string? Path)[] files =
            [("--private-key", settings.PrivateKey), ("--certificate", settings.Certificate), ("--ca-cert", settings.AuthorityCertificates)];
        var missing = files.Where(file => string.IsNullOrEmpty(file.Path)).Select(file => file.Option).ToList();
        if (missing.Count == 0)
        {
            return new TlsFiles(settings.PrivateKey!, settings.Certificate!, settings.AuthorityCertificates!);
        }

        if (endpoints.FirstOrDefault(endpoint => endpoint.IsSecure) is { } secure)
        {
            faults.Add($"{secure}: TLS needs {string.Join(", ", missing)} as well, each with the name of a PEM file.");
        }
        else if (missing.Count < files.Length)
        {
            faults.Add($"{files.First(file => !string.IsNullOrEmpty(file.Path)).Option}: {string.Join(", ", missing)} must be given as well; without all three there is no TLS.");
        }

        return null;
    }

    private static ImmutableArray<PortOptions> ReadPorts(
        IReadOnlyList<string> texts, IReadOnlyCollection<string> interfaceNames, List<string> faults)
    {
        var named = new List<(string Text, string Name, uint? Number)>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        var numbers = new Dictionary<uint, string>();
        foreach (var text in texts)
        {
            var equals = text.LastIndexOf('=');
            var name = equals < 0 ? text : text[..equals];
            uint? number = null;
            if (equals >= 0)
            {
                number = ReadPortNumber(text, text[(equals + 1)..], faults);
                if (number is null)
                {
                    continue;
                }

                if (!numbers.TryAdd(number.Value, text))
                {
                    faults.Add($"--port {text}: port number {number} is taken by --port {numbers[number.Value]}; give each port its own.");
                }
            }

            if (FindInterfaceFault(name, interfaceNames) is { } fault)
            {
                faults.Add($"--port {text}: {fault}");
            }
            else if (!names.Add(name))
            {
                faults.Add($"--port {text}: interface {name} is named twice; name each interface once.");
            }

            named.Add((text, name, number));
        }

        // Ports without a number take the lowest free ones, in the order they were named.
        var ports = ImmutableArray.CreateBuilder<PortOptions>();
        uint next = 1;
        foreach (var (text, name, number) in named)
        {
            while (number is null && numbers.ContainsKey(next))
            {
                next++;
            }

            var chosen = number ?? next;
            numbers.TryAdd(chosen, text);
            ports.Add(new PortOptions(name, chosen));
        }

        return ports.ToImmutable();
    }

    private static uint? ReadPortNumber(string text, string digits, List<string> faults)
    {
        if (uint.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= PortOptions.MaxNumber)
        {
            return number;
        }

        faults.Add($"--port {text}: '{digits}' is not a port number; allowed are 1 to {PortOptions.MaxNumber}. Without =NUMBER the lowest free one is taken.");
        return null;
    }

    private static string? FindInterfaceFault(string name, IReadOnlyCollection<string> interfaceNames)
    {
        if (name.Length == 0 || Encoding.UTF8.GetByteCount(name) > PortOptions.MaxNameLength)
        {
            return $"'{name}' is not the name of an interface; write IFNAME or IFNAME=NUMBER, such as eth1=1.";
        }

        if (interfaceNames.Contains(name))
        {
            return null;
        }

        var present = interfaceNames.Where(other => other != "lo").Order(StringComparer.Ordinal).Take(12).ToList();
        return $"there is no interface {name} in this network namespace; " +
            (present.Count == 0 ? "there is none but the loopback." : $"there are {string.Join(", ", present)}.");
    }

    private static ImmutableArray<PortOptions> ReadLocal(string? name, IReadOnlyCollection<string> interfaceNames, List<string> faults)
    {
        if (name is null)
        {
            return [];
        }

        if (name.Length == 0 || Encoding.UTF8.GetByteCount(name) > PortOptions.MaxNameLength || name is "." or ".." ||
            name.AsSpan().IndexOfAny("/:%=") >= 0 || name.Any(char.IsWhiteSpace))
        {
            faults.Add($"--local {name}: no name for an interface; allowed are 1 to {PortOptions.MaxNameLength} bytes without blanks, '/', ':', '%' and '=', such as oko0.");
        }
        else if (interfaceNames.Contains(name))
        {
            faults.Add($"--local {name}: there is an interface of that name already, and the switch makes its own; choose another name.");
        }

        return [new PortOptions(name, Oko.Datapath.Pipeline.ReservedPort.Local)];
    }

    private static FailMode ReadFailMode(AgentSettings settings, List<string> faults)
    {
        switch (settings.FailMode)
        {
            case null:
                return settings.Controllers.Count == 0 ? FailMode.Standalone : FailMode.Secure;
            case "standalone":
                return FailMode.Standalone;
            case "secure":
                return FailMode.Secure;
            default:
                faults.Add($"--fail-mode {settings.FailMode}: allowed are secure (keep to the installed entries) and standalone (learn addresses).");
                return FailMode.Secure;
        }
    }

    private static string ReadManagementPath(string? path, List<string> faults)
    {
        if (path is null)
        {
            return AgentOptions.DefaultManagementPath;
        }

        if (FindSocketPathFault(path) is { } fault)
        {
            faults.Add($"--management {path}: {fault}");
            return AgentOptions.DefaultManagementPath;
        }

        return Path.GetFullPath(path);
    }

    /// <summary>What is wrong with the path of a socket, or null.</summary>
    public static string? FindSocketPathFault(string path)
    {
        if (path.Length == 0 || path.EndsWith('/') || path.Contains('\0'))
        {
            return $"not the path of a socket; write a file name such as {AgentOptions.DefaultManagementPath}.";
        }

        var bytes = Encoding.UTF8.GetByteCount(Path.GetFullPath(path));
        return bytes > MaxSocketPathBytes
            ? $"the path has {bytes} bytes, and the kernel takes at most {MaxSocketPathBytes} for a Unix socket; choose a shorter one."
            : null;
    }

    private static int ReadWorkers(string? text, List<string> faults)
    {
        if (text is null)
        {
            return 1;
        }

        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var workers) && workers is >= 1 and <= BpfMap.MaxWorkers)
        {
            return workers;
        }

        faults.Add($"--workers {text}: not a number of workers; allowed are 1 to {BpfMap.MaxWorkers}, and no more than the machine has processors to spare.");
        return 1;
    }

    private static ImmutableArray<int> ReadCpus(string? text, int workers, List<string> faults)
    {
        var cpus = ImmutableArray.CreateBuilder<int>();
        foreach (var part in text?.Split(',') ?? [])
        {
            if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var cpu) || cpu >= Environment.ProcessorCount)
            {
                faults.Add($"--cpus {text}: {part} is not a processor of this machine; allowed are 0 to {Environment.ProcessorCount - 1}, with commas between.");
                return [];
            }

            cpus.Add(cpu);
        }

        if (cpus.Count > 0 && cpus.Count != workers)
        {
            faults.Add($"--cpus {text}: {cpus.Count} processors for {workers} workers; name one for each, or none.");
            return [];
        }

        return cpus.ToImmutable();
    }

    private static FilterAdmins ReadFilterAdmins(IReadOnlyList<string> texts, ImmutableArray<OpenFlowEndpoint> endpoints, List<string> faults)
    {
        if (texts.Count == 0)
        {
            return FilterAdmins.All;
        }

        if (texts.Count > 1 && texts.FirstOrDefault(text => text is "all" or "none") is { } alone)
        {
            faults.Add($"--filter-admins {alone}: stands alone; leave out {string.Join(", ", texts.Where(text => text != alone).Distinct())}, or '{alone}'.");
        }

        var admins = FilterAdmins.None;
        foreach (var text in texts)
        {
            admins = text switch
            {
                "all" => FilterAdmins.All,
                "none" => admins,
                "tls" => admins with { IncludesSecure = true },
                _ => admins with { Endpoints = [.. admins.Endpoints, .. FindEndpoints(text, endpoints, faults)] },
            };
        }

        return admins;
    }

    /// <summary>The configured addresses that a text means; their options after the question mark need not be repeated.</summary>
    private static ImmutableArray<OpenFlowEndpoint> FindEndpoints(string text, ImmutableArray<OpenFlowEndpoint> endpoints, List<string> faults)
    {
        const string Allowed = "allowed are all, tls, none, and addresses given with --controller or --listen";
        try
        {
            var meant = OpenFlowEndpoint.Parse(text);
            ImmutableArray<OpenFlowEndpoint> found = [.. endpoints.Where(endpoint => (endpoint.IsListener, endpoint.IsSecure, endpoint.Port) == (meant.IsListener, meant.IsSecure, meant.Port)
                && endpoint.Host.Equals(meant.Host, StringComparison.OrdinalIgnoreCase))];
            if (found.IsEmpty)
            {
                faults.Add($"--filter-admins {text}: not an address of this switch; {Allowed}{(endpoints.IsEmpty ? string.Empty : $": {string.Join(", ", endpoints)}")}.");
            }

            return found;
        }
        catch (FormatException)
        {
            faults.Add($"--filter-admins {text}: {Allowed}.");
            return [];
        }
    }

    private static TransmitMode ReadTransmit(string? text, List<string> faults)
    {
        switch (text)
        {
            case null or "auto":
                return TransmitMode.Automatic;
            case "ring":
                return TransmitMode.Ring;
            default:
                faults.Add($"--transmit {text}: allowed are auto (what is fastest on the device) and ring (always the AF_XDP ring).");
                return TransmitMode.Automatic;
        }
    }

    private static int ReadRingSize(string? text, List<string> faults)
    {
        if (text is null)
        {
            return AfXdpOptions.DefaultRingSize;
        }

        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var size)
            && size is >= AfXdpOptions.MinRingSize and <= AfXdpOptions.MaxRingSize && BitOperations.IsPow2(size))
        {
            return size;
        }

        faults.Add($"--ring-size {text}: allowed are the powers of two from {AfXdpOptions.MinRingSize} to {AfXdpOptions.MaxRingSize}.");
        return AfXdpOptions.DefaultRingSize;
    }

    private static int ReadBusyPoll(string? text, List<string> faults)
    {
        if (text is null)
        {
            return 0;
        }

        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var time) && time <= AfXdpOptions.MaxBusyPollMicroseconds)
        {
            return time;
        }

        faults.Add($"--busy-poll {text}: allowed are 0 (none) to {AfXdpOptions.MaxBusyPollMicroseconds} microseconds.");
        return 0;
    }

    private static FilterQuotas ReadQuotas(AgentSettings settings, List<string> faults)
    {
        const long LeastMapMemory = 1 << 20, MostMapMemory = 1L << 40, LeastObject = 1 << 10;
        var standard = new FilterQuotas();
        return standard with
        {
            MaxFilters = (int)ReadSize("--max-filters", settings.MaxFilters, 1, 65536, standard.MaxFilters, faults),
            MaxMapBytes = ReadSize("--max-map-memory", settings.MaxMapMemory, LeastMapMemory, MostMapMemory, standard.MaxMapBytes, faults),
            MaxObjectBytes = (int)ReadSize("--max-object-size", settings.MaxObjectSize, LeastObject, standard.MaxObjectBytes, standard.MaxObjectBytes, faults),
        };
    }

    /// <summary>A number with K, M or G for 2^10, 2^20, 2^30 behind it.</summary>
    private static long ReadSize(string option, string? text, long least, long most, long standard, List<string> faults)
    {
        if (text is null)
        {
            return standard;
        }

        var shift = text.Length == 0 ? 0 : char.ToUpperInvariant(text[^1]) switch { 'K' => 10, 'M' => 20, 'G' => 30, _ => 0 };
        if (long.TryParse(shift == 0 ? text : text[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number <= most >> shift && number << shift >= least)
        {
            return number << shift;
        }

        faults.Add($"{option} {text}: allowed are {least} to {most}; K, M and G stand for 2^10, 2^20 and 2^30.");
        return standard;
    }

    private static LogLevel ReadLogLevel(string? text, List<string> faults)
    {
        switch (text?.ToLowerInvariant())
        {
            case null or "information" or "info":
                return LogLevel.Information;
            case "trace":
                return LogLevel.Trace;
            case "debug":
                return LogLevel.Debug;
            case "warning":
                return LogLevel.Warning;
            case "error":
                return LogLevel.Error;
            default:
                faults.Add($"--log-level {text}: allowed are trace, debug, information, warning, error.");
                return LogLevel.Information;
        }
    }
}
