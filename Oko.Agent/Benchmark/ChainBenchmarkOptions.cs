using Oko.Datapath.Benchmark;

namespace Oko.Agent.Benchmark;

/// <summary>What <see cref="ChainBenchmark"/> runs and how often.</summary>
public sealed record ChainBenchmarkOptions
{
    /// <summary>The filter, or null: packets are forwarded, and neighbours give everything back.</summary>
    public ChainFilter? Filter { get; init; }

    /// <summary>Which packets go on.</summary>
    public NeighbourPolicy Policy { get; init; }

    /// <summary>Packets of a round.</summary>
    public long Packets { get; init; } = 1_000_000;

    /// <summary>Measured rounds of each setup.</summary>
    public int Rounds { get; init; } = 10;

    /// <summary>Least time that packets are sent in each setup before the first measured round.</summary>
    public TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(1.5);

    /// <summary>Entries of each ring.</summary>
    public int RingEntries { get; init; } = 512;

    /// <summary>Whether packets come and leave by network interfaces: for each setup the veth pairs NAME-src, NAME-in and NAME-out, NAME-dst.</summary>
    public bool UsesDevices { get; init; }

    /// <summary>Processor of the switch's worker, -1 = any.</summary>
    public int Cpu { get; init; } = -1;

    /// <summary>Processor of the neighbour, -1 = any.</summary>
    public int NeighbourCpu { get; init; } = -1;
}
