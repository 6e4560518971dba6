namespace Oko.Agent.Benchmark;

/// <summary>The result of <see cref="ChainBenchmark"/> for one setup.</summary>
public sealed record ChainFigures
{
    /// <summary>Where the filter ran.</summary>
    public required ChainSetup Setup { get; init; }

    /// <summary>Time per packet of each round in nanoseconds, in the order of the rounds.</summary>
    public required IReadOnlyList<double> Nanoseconds { get; init; }

    /// <summary>Time per packet that a tenth of all pieces of some thousand packets stay below, in nanoseconds: what it costs at moments at which nothing
    /// else runs.</summary>
    public required double UndisturbedNanoseconds { get; init; }

    /// <summary>Packets of all measured rounds.</summary>
    public required long Packets { get; init; }

    /// <summary>Packets that went on and left the switch.</summary>
    public required long Passed { get; init; }

    /// <summary>Entries of the neighbour that were passed over; 0 is the promise.</summary>
    public required long Refused { get; init; }

    /// <summary>Time that the neighbour was busy for a packet, by a sample of its batches; 0 without one.</summary>
    public required double NeighbourNanoseconds { get; init; }

    /// <summary>Packets that the neighbour took at a time, on average; 0 without one.</summary>
    public required double NeighbourBatch { get; init; }

    /// <summary>Whether packets that two processes share lie in huge pages.</summary>
    public required bool IsHuge { get; init; }

    /// <summary>Bytes that the worker allocated in all measured rounds; 0 is the promise.</summary>
    public required long AllocatedBytes { get; init; }

    /// <summary>Packets per second of each round.</summary>
    public IReadOnlyList<double> PacketsPerSecond => [.. Nanoseconds.Select(time => 1e9 / time)];

    /// <summary>Mean over the rounds of the packets per second.</summary>
    public double Mean => PacketsPerSecond.Average();

    /// <summary>Standard deviation of a round's packets per second (of a sample); 0 for one round.</summary>
    public double Deviation => Nanoseconds.Count < 2 ? 0 : Math.Sqrt(PacketsPerSecond.Sum(rate => Math.Pow(rate - Mean, 2)) / (Nanoseconds.Count - 1));

    /// <summary>Median over the rounds of the packets per second.</summary>
    public double Median
    {
        get
        {
            var ordered = PacketsPerSecond.Order().ToList();
            return (ordered[(ordered.Count - 1) / 2] + ordered[ordered.Count / 2]) / 2;
        }
    }
}
