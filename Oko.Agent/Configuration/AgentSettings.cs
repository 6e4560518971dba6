namespace Oko.Agent.Configuration;

/// <summary>The options of <c>oko run</c> as people wrote them, on the command line or in a file, not checked yet; null or empty
/// means not given. <see cref="AgentOptionsValidator"/> turns them into <see cref="AgentOptions"/>.</summary>
public sealed record AgentSettings
{
    /// <summary><c>--datapath-id</c>: 16 hex digits.</summary>
    public string? DatapathId { get; init; }

    /// <summary><c>--controller</c>, repeatable.</summary>
    public IReadOnlyList<string> Controllers { get; init; } = [];

    /// <summary><c>--listen</c>, repeatable.</summary>
    public IReadOnlyList<string> Listeners { get; init; } = [];

    /// <summary><c>--port IFNAME[=NUMBER]</c>, repeatable.</summary>
    public IReadOnlyList<string> Ports { get; init; } = [];

    /// <summary><c>--local</c>: name of the host's own port.</summary>
    public string? Local { get; init; }

    /// <summary><c>--private-key</c>: PEM file, for endpoints with TLS.</summary>
    public string? PrivateKey { get; init; }

    /// <summary><c>--certificate</c>: PEM file.</summary>
    public string? Certificate { get; init; }

    /// <summary><c>--ca-cert</c>: PEM file.</summary>
    public string? AuthorityCertificates { get; init; }

    /// <summary><c>--fail-mode</c>: secure or standalone.</summary>
    public string? FailMode { get; init; }

    /// <summary><c>--management</c>: path of the socket.</summary>
    public string? Management { get; init; }

    /// <summary><c>--workers</c>: number of workers.</summary>
    public string? Workers { get; init; }

    /// <summary><c>--cpus</c>: numbers of the processors the workers are pinned to, with commas between.</summary>
    public string? Cpus { get; init; }

    /// <summary><c>--filter-admins</c>, repeatable: all, tls, none, or addresses of controllers and listeners.</summary>
    public IReadOnlyList<string> FilterAdmins { get; init; } = [];

    /// <summary><c>--transmit</c>: auto or ring.</summary>
    public string? Transmit { get; init; }

    /// <summary><c>--ring-size</c>: entries of a receive ring.</summary>
    public string? RingSize { get; init; }

    /// <summary><c>--busy-poll</c>: microseconds.</summary>
    public string? BusyPoll { get; init; }

    /// <summary><c>--max-filters</c>: most filters at one time.</summary>
    public string? MaxFilters { get; init; }

    /// <summary><c>--max-map-memory</c>: most memory of all maps, with a suffix.</summary>
    public string? MaxMapMemory { get; init; }

    /// <summary><c>--max-object-size</c>: most bytes of one object, with a suffix.</summary>
    public string? MaxObjectSize { get; init; }

    /// <summary><c>--log-level</c>.</summary>
    public string? LogLevel { get; init; }

    /// <summary>These settings where they are given, else the others: the command line over the file. A list replaces a list.</summary>
    public AgentSettings Over(AgentSettings others) => new()
    {
        DatapathId = DatapathId ?? others.DatapathId,
        Controllers = Controllers.Count > 0 ? Controllers : others.Controllers,
        Listeners = Listeners.Count > 0 ? Listeners : others.Listeners,
        Ports = Ports.Count > 0 ? Ports : others.Ports,
        Local = Local ?? others.Local,
        PrivateKey = PrivateKey ?? others.PrivateKey,
        Certificate = Certificate ?? others.Certificate,
        AuthorityCertificates = AuthorityCertificates ?? others.AuthorityCertificates,
        FailMode = FailMode ?? others.FailMode,
        Management = Management ?? others.Management,
        Workers = Workers ?? others.Workers,
        Cpus = Cpus ?? others.Cpus,
        FilterAdmins = FilterAdmins.Count > 0 ? FilterAdmins : others.FilterAdmins,
        Transmit = Transmit ?? others.Transmit,
        RingSize = RingSize ?? others.RingSize,
        BusyPoll = BusyPoll ?? others.BusyPoll,
        MaxFilters = MaxFilters ?? others.MaxFilters,
        MaxMapMemory = MaxMapMemory ?? others.MaxMapMemory,
        MaxObjectSize = MaxObjectSize ?? others.MaxObjectSize,
        LogLevel = LogLevel ?? others.LogLevel,
    };
}
