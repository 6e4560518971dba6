namespace Oko.Agent.Benchmark;

/// <summary>The result of <see cref="PipelineBenchmark"/>.</summary>
public sealed record PipelineFigures
{
    /// <summary>Flow entries.</summary>
    public required int Entries { get; init; }

    /// <summary>Different masks of entries, over all tables.</summary>
    public required int Masks { get; init; }

    /// <summary>Time in which the rule manager took all entries, in milliseconds.</summary>
    public required double AddMilliseconds { get; init; }

    /// <summary>Packets of all measured rounds.</summary>
    public required long Packets { get; init; }

    /// <summary>Time per packet of each round, in nanoseconds, the least first.</summary>
    public required IReadOnlyList<double> Nanoseconds { get; init; }

    /// <summary>Table lookups, of all packets.</summary>
    public required long Lookups { get; init; }

    /// <summary>Lookups that found an entry.</summary>
    public required long Matched { get; init; }

    /// <summary>Packets and copies that were sent.</summary>
    public required long Sent { get; init; }

    /// <summary>Packets that were sent to the controllers (and are then thrown away).</summary>
    public required long ToController { get; init; }

    /// <summary>Packets that were dropped, by reason.</summary>
    public required IReadOnlyDictionary<string, long> Drops { get; init; }

    /// <summary>Bytes that the worker allocated in all measured rounds.</summary>
    public required long AllocatedBytes { get; init; }

    /// <summary>Median over the rounds of the time per packet.</summary>
    public double MedianNanoseconds => Nanoseconds[Nanoseconds.Count / 2];

    /// <summary>Packets per second at the median.</summary>
    public double PacketsPerSecond => 1e9 / MedianNanoseconds;
}
