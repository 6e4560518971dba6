using Oko.Agent.Benchmark;
using Oko.OpenFlow.Messages;

namespace Oko.Benchmarks.Messages;

/// <summary>What it costs to read and write a flow-mod: five match fields, one action.</summary>
public class FlowModBenchmarks
{
    private readonly FlowMod _flowMod = RuleGenerator.Generate(RuleClass.Exact, 1, seed: 1)[0];
    private byte[] _bytes = [];

    [GlobalSetup]
    public void Make() => _bytes = MessageCodec.Encode(_flowMod);

    [Benchmark]
    public OpenFlowMessage Decode() => MessageCodec.Decode(_bytes);

    [Benchmark]
    public byte[] Encode() => MessageCodec.Encode(_flowMod);
}
