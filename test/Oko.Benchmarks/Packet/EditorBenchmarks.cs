using Oko.Agent.Benchmark;
using Oko.Datapath.Packet;

namespace Oko.Benchmarks.Packet;

/// <summary>What it costs to change a packet's headers, checksums included.</summary>
public class EditorBenchmarks
{
    private readonly Packets _packets = new(RuleClass.Exact);
    private uint _value;

    [GlobalCleanup]
    public void Free() => _packets.Dispose();

    [Benchmark(OperationsPerInvoke = Packets.Count)]
    public void SetIpv4Destination() => Set(FlowField.Ipv4Dst);

    [Benchmark(OperationsPerInvoke = Packets.Count)]
    public void SetUdpDestination() => Set(FlowField.UdpDst);

    [Benchmark(OperationsPerInvoke = Packets.Count)]
    public void SetAndDecrementTtl()
    {
        foreach (ref var packet in _packets.Views)
        {
            TtlEditor.SetNw(ref packet, 64);
            TtlEditor.DecNw(ref packet);
        }
    }

    [Benchmark(OperationsPerInvoke = Packets.Count)]
    public void PushAndPopVlan()
    {
        var room = new FrameRoom(Front: 64, Behind: 64);
        foreach (ref var packet in _packets.Views)
        {
            TagEditor.PushVlan(ref packet, room, 0x8100);
            FlowKeyExtractor.Extract(ref packet, out _);
            TagEditor.PopVlan(ref packet, room);
            FlowKeyExtractor.Extract(ref packet, out _);
        }
    }

    private void Set(FlowField field)
    {
        foreach (ref var packet in _packets.Views)
        {
            HeaderEditor.Set(ref packet, field, _value++ & 0xFFFF);
        }
    }
}
