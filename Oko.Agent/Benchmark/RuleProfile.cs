namespace Oko.Agent.Benchmark;

/// <summary>How often a class of rules has which prefix lengths, protocols and ports. Weights; their sums are free.</summary>
/// <remarks>Source: the shapes that Taylor and Turner describe for the three classes of "ClassBench: A Packet Classification Benchmark",
/// IEEE/ACM Transactions on Networking 15(3), 2007; the numbers are ours, rounded.</remarks>
internal sealed record RuleProfile
{
    /// <summary>Access control lists.</summary>
    public static readonly RuleProfile Acl = new()
    {
        Source = [(0, 20), (8, 1), (16, 6), (20, 4), (21, 3), (22, 4), (23, 5), (24, 14), (26, 4), (27, 4), (28, 6), (30, 4), (32, 25)],
        Destination = [(16, 2), (20, 2), (22, 2), (23, 3), (24, 12), (26, 3), (27, 4), (28, 6), (29, 4), (30, 4), (32, 58)],
        Protocols = [(6, 76), (17, 14), (1, 5), (Any, 5)],
        SourcePorts = new PortWeights(Any: 98, Exact: 2, Range: 0),
        DestinationPorts = new PortWeights(Any: 20, Exact: 66, Range: 14),
    };

    /// <summary>Firewalls.</summary>
    public static readonly RuleProfile Fw = new()
    {
        Source = [(0, 50), (8, 3), (12, 2), (14, 2), (16, 8), (20, 2), (22, 2), (24, 11), (32, 20)],
        Destination = [(0, 28), (8, 2), (16, 6), (20, 2), (22, 3), (24, 14), (28, 5), (32, 40)],
        Protocols = [(6, 60), (17, 24), (1, 6), (Any, 10)],
        SourcePorts = new PortWeights(Any: 72, Exact: 18, Range: 10),
        DestinationPorts = new PortWeights(Any: 34, Exact: 40, Range: 26),
    };

    /// <summary>IP chains.</summary>
    public static readonly RuleProfile Ipc = new()
    {
        Source = [(0, 12), (8, 3), (12, 2), (16, 9), (19, 3), (20, 3), (22, 4), (24, 18), (26, 3), (28, 3), (32, 40)],
        Destination = [(0, 10), (8, 3), (12, 2), (16, 8), (20, 3), (22, 3), (23, 3), (24, 18), (27, 3), (28, 3), (32, 44)],
        Protocols = [(6, 45), (17, 24), (1, 6), (Any, 25)],
        SourcePorts = new PortWeights(Any: 74, Exact: 18, Range: 8),
        DestinationPorts = new PortWeights(Any: 44, Exact: 40, Range: 16),
    };

    /// <summary>Protocol number that stands for "not named".</summary>
    public const int Any = -1;

    /// <summary>Lengths of source prefixes; 0 = not named.</summary>
    public required (int Value, int Weight)[] Source { get; init; }

    /// <summary>Lengths of destination prefixes.</summary>
    public required (int Value, int Weight)[] Destination { get; init; }

    /// <summary>IP protocols.</summary>
    public required (int Value, int Weight)[] Protocols { get; init; }

    /// <summary>Source ports of TCP and UDP rules.</summary>
    public required PortWeights SourcePorts { get; init; }

    /// <summary>Destination ports of TCP and UDP rules.</summary>
    public required PortWeights DestinationPorts { get; init; }
}

/// <summary>How often a port is not named, one number, or a range.</summary>
internal readonly record struct PortWeights(int Any, int Exact, int Range);
