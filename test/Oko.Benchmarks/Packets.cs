using System.Runtime.InteropServices;
using Oko.Agent.Benchmark;
using Oko.Datapath.Benchmark;
using Oko.Datapath.Packet;

namespace Oko.Benchmarks;

/// <summary>Packets of many flows, each in a frame of its own, in unmanaged memory. For one thread.</summary>
internal sealed unsafe class Packets : IDisposable
{
    /// <summary>How many there are: what a benchmark goes through in one call.</summary>
    public const int Count = 1024;

    /// <summary>Bytes of a packet.</summary>
    public const int Bytes = 64;

    private const int FrameBytes = 256, Headroom = 64;

    private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc(Count * FrameBytes, FrameBytes);
    private readonly PacketView[] _views = new PacketView[Count];

    /// <summary>Makes packets that hit the rules of a class, which names of a packet what it needs.</summary>
    public Packets(RuleClass kind)
    {
        var sampler = new FlowSampler(RuleGenerator.Generate(kind, Count, seed: 1), PipelineBenchmark.InPort, seed: 1);
        new Span<byte>(_memory, Count * FrameBytes).Clear();
        for (var index = 0; index < Count; index++)
        {
            // SAFETY: a frame has room for all headers, and for the bytes of a packet, behind its headroom.
            var data = _memory + (index * FrameBytes) + Headroom;
            var key = sampler.Next();
            FrameWriter.Write(key, Bytes, new Span<byte>(data, FrameBytes - Headroom));
            _views[index] = new PacketView { Data = data, Address = (ulong)(data - _memory), Length = Bytes, InPort = PipelineBenchmark.InPort };
            FlowKeyExtractor.Extract(ref _views[index], out _);
        }
    }

    /// <summary>The packets, their headers found.</summary>
    public Span<PacketView> Views => _views;

    /// <summary>The keys of all packets.</summary>
    public FlowKey[] Keys()
    {
        var keys = GC.AllocateArray<FlowKey>(Count, pinned: true);
        for (var index = 0; index < Count; index++)
        {
            FlowKeyExtractor.Extract(ref _views[index], out keys[index]);
        }

        return keys;
    }

    public void Dispose() => NativeMemory.AlignedFree(_memory);
}
