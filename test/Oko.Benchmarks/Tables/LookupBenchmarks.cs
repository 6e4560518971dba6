using Oko.Agent.Benchmark;
using Oko.Datapath.Packet;
using Oko.Datapath.Tables;

namespace Oko.Benchmarks.Tables;

/// <summary>What a lookup costs among 10,000 entries, with packets that hit them: in groups, as packets that come in together are looked up,
/// and one by one, as in later tables.</summary>
public unsafe class LookupBenchmarks
{
    private const int Entries = 10_000;

    private readonly LookupGroup _group = new();
    private FlowTable _table = null!;
    private FlowKey[] _keys = [];

    [Params(RuleClass.Exact, RuleClass.Mixed, RuleClass.Acl, RuleClass.Routes)]
    public RuleClass Kind { get; set; }

    [GlobalSetup]
    public void Make()
    {
        _table = new FlowTable();
        Rules.Make(Kind, Entries).ForEach(_table.Add);
        var sampler = new FlowSampler(RuleGenerator.Generate(Kind, Entries, seed: 1), PipelineBenchmark.InPort, seed: 1);
        _keys = [.. Enumerable.Range(0, Entries / LookupGroup.Size * LookupGroup.Size).Select(_ => sampler.Next())];
    }

    [Benchmark(OperationsPerInvoke = Entries / LookupGroup.Size * LookupGroup.Size)]
    public void InGroups()
    {
        for (var at = 0; at < _keys.Length; at += LookupGroup.Size)
        {
            _keys.AsSpan(at, LookupGroup.Size).CopyTo(new Span<FlowKey>(_group.Keys, LookupGroup.Size));
            _table.Lookup(_group, LookupGroup.First(LookupGroup.Size), seeksFollowing: false);
        }
    }

    [Benchmark(OperationsPerInvoke = Entries / LookupGroup.Size * LookupGroup.Size)]
    public int OneByOne()
    {
        var found = 0;
        foreach (ref var key in _keys.AsSpan())
        {
            found += _table.Lookup(ref key, ulong.MaxValue) is null ? 0 : 1;
        }

        return found;
    }
}
