using System.Buffers.Binary;
using Oko.Agent.Benchmark;
using Oko.Bpf.Execution;
using Oko.Bpf.Loading;

namespace Oko.Benchmarks.Filters;

/// <summary>What a filter of <c>samples/filters</c> costs, compiled, over packets of many flows.</summary>
public unsafe class FilterBenchmarks
{
    private readonly Packets _packets = new(RuleClass.Acl);
    private LoadedFilter _filter = null!;
    private ulong _now;

    [Params("rate-limiter", "stateful-firewall", "p0f", "blocklist-v1")]
    public string Name { get; set; } = string.Empty;

    [GlobalSetup]
    public void Load() => _filter = LoadedFilter.Create(FilterLoader.Load(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, Name + ".o"))));

    [GlobalCleanup]
    public void Free()
    {
        _filter.Dispose();
        _packets.Dispose();
    }

    [Benchmark(OperationsPerInvoke = Packets.Count)]
    public int Matches()
    {
        var matched = 0;
        foreach (ref var packet in _packets.Views)
        {
            // SAFETY: the packet lies in unmanaged memory, the context on this stack.
            var context = new FilterContext
            {
                Packet = packet.Data, PacketEnd = packet.Data + packet.Length, Length = (ulong)packet.Length, InPort = packet.InPort,
                TimeNanoseconds = _now += 1000, Protocol = BinaryPrimitives.ReverseEndianness(packet.EthType),
            };
            matched += _filter.Matches(&context) ? 1 : 0;
        }

        return matched;
    }
}
