using Oko.Agent.Benchmark;
using Oko.Datapath.Packet;

namespace Oko.Benchmarks.Packet;

/// <summary>What it costs to find the headers of a packet and its match fields.</summary>
public class FlowKeyExtractorBenchmarks
{
    private readonly Packets _packets = new(RuleClass.Exact);

    [GlobalCleanup]
    public void Free() => _packets.Dispose();

    [Benchmark(OperationsPerInvoke = Packets.Count)]
    public ulong Extract()
    {
        var sum = 0UL;
        foreach (ref var packet in _packets.Views)
        {
            FlowKeyExtractor.Extract(ref packet, out var key);
            sum += key[0];
        }

        return sum;
    }
}
