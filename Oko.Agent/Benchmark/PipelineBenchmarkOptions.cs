namespace Oko.Agent.Benchmark;

/// <summary>What <see cref="PipelineBenchmark"/> sends and how often.</summary>
public sealed record PipelineBenchmarkOptions
{
    /// <summary>Number of flows.</summary>
    public int Flows { get; init; } = 10_000;

    /// <summary>Packets of a round.</summary>
    public long Packets { get; init; } = 1_000_000;

    /// <summary>Bytes of a packet, without the check sequence of Ethernet.</summary>
    public int PacketBytes { get; init; } = 64;

    /// <summary>Measured rounds.</summary>
    public int Rounds { get; init; } = 11;

    /// <summary>Least time that packets are sent before the first measured round.</summary>
    public TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(1.5);

    /// <summary>Of flows and the order of packets.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Scale of the lengths of bursts, see <see cref="Oko.Datapath.Benchmark.TracePort"/>; 0 = none.</summary>
    public double BurstScale { get; init; }

    /// <summary>Number of workers, which share the packets.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>Processor of the first worker, those of the others follow; -1 = any.</summary>
    public int Cpu { get; init; } = -1;
}
