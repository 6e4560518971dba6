using Oko.Agent.Benchmark;
using Oko.Datapath.Packet;
using Oko.Datapath.Tables;

namespace Oko.Benchmarks.Tables;

/// <summary>What the hash of a key costs under the mask of a flow: addresses, protocol and ports.</summary>
public unsafe class KeyMaskBenchmarks
{
    private FlowKey[] _keys = [];
    private KeyMask _mask = null!;

    [GlobalSetup]
    public void Make()
    {
        using var packets = new Packets(RuleClass.Exact);
        _keys = packets.Keys();
        _mask = new KeyMask(Rules.Make(RuleClass.Exact, 1)[0].Pattern.Mask.Words);
    }

    [Benchmark(OperationsPerInvoke = Packets.Count)]
    public ulong Hash()
    {
        var sum = 0UL;
        // SAFETY: a key is its words.
        fixed (FlowKey* keys = _keys)
        {
            for (var index = 0; index < Packets.Count; index++)
            {
                sum += MaskForm.Hash(_mask.Form, (ulong*)(keys + index));
            }
        }

        return sum;
    }
}
