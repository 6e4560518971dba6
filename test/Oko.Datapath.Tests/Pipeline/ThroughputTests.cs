using System.Diagnostics;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Packet;
using Oko.Datapath.Ports;
using Oko.Datapath.Tables;
using Oko.Datapath.Workers;
using Oko.Datapath.Pipeline;
using static Oko.Datapath.Pipeline.DatapathAction;

namespace Oko.Datapath.Tests.Pipeline;

/// <summary>
/// Nanoseconds per packet through the pipeline in memory: extraction, lookup, counters, output. Run by hand, since a shared
/// machine says little: <c>dotnet test -c Release test/Oko.Datapath.Tests --filter Name~Pipeline_InMemory</c>.
/// </summary>
[Explicit("a measurement, not a check")]
public sealed unsafe class ThroughputTests
{
    private const int Batch = 64, Trace = 2048;

    [Test]
    public void Pipeline_InMemory_NanosecondsPerPacket([Values(1, 10_000, 100_000)] int flows, [Values(1, 8)] int masks, [Values(false, true)] bool filter)
    {
        using var umem = new Umem(Trace + 1);
        var table = new FlowTable();
        using var packetIns = new PacketInRing(16, umem.FrameSize);
        var pipeline = new PacketPipeline([table], umem, packetIns);
        var sink = new NullPort();
        pipeline.Ports = new PortSet([PortQueue.Open(new NullPort(1)), PortQueue.Open(sink)]);
        var slot = filter ? Filters.Slot(Filters.ByteIs(23, 17)) : null;
        for (var flow = 0; flow < flows; flow++)
        {
            var mask = flow % masks;
            table.Add(new FlowEntry
            {
                Priority = (ushort)(100 + mask), Filter = slot, Instructions = Bench.Apply(Output(2)),
                Pattern = FlowPattern.Create([Is(FlowField.InPort, 1), Is(FlowField.EthType, 0x800), Is(FlowField.IpProto, 17),
                    Is(FlowField.Ipv4Src, (UInt128)flow), new FieldMatch(FlowField.UdpDst, 2000, ushort.MaxValue - (1u << mask))]),
            });
        }

        while (umem.Frames.TryAllocate(out _))
        {
        }

        var frames = Enumerable.Range(0, Trace).Select(n => Frames.Udp4(source: (uint)(n * 7919L % flows))).ToArray();
        var batch = GC.AllocateArray<FrameDescriptor>(Trace, pinned: true);
        for (var index = 0; index < Trace; index++)
        {
            batch[index] = new FrameDescriptor((ulong)index * 2048 + Umem.Headroom, (uint)frames[index].Length);
            frames[index].CopyTo(new Span<byte>(umem.Memory + batch[index].Address, 2048 - Umem.Headroom));
        }

        var best = double.MaxValue;
        fixed (FrameDescriptor* descriptors = batch)
        {
            for (var round = 0; round < 300; round++)
            {
                var clock = Stopwatch.GetTimestamp();
                for (var at = 0; at < Trace; at += Batch)
                {
                    // The sources go on from round to round, so that all flows are met.
                    pipeline.BeginBatch(clock);
                    pipeline.ProcessReceived(pipeline.Ports.All[0].Port, descriptors + at, Batch);
                    pipeline.Flush();
                }

                best = Math.Min(best, Stopwatch.GetElapsedTime(clock).TotalNanoseconds / Trace);
                Rewrite(umem.Memory, batch, flows, round);
            }
        }

        sink.Taken.Should().Be(300L * Trace);
        TestContext.Out.WriteLine($"{flows} flows, {masks} masks, filter {filter}: {best:F1} ns per packet (best of 300 runs of {Trace})");
    }

    private static void Rewrite(byte* memory, FrameDescriptor[] batch, int flows, int round)
    {
        for (var index = 0; index < batch.Length; index++)
        {
            var source = (uint)(((long)round * Trace + index) * 7919 % flows);
            *(uint*)(memory + batch[index].Address + 26) = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(source);
        }
    }

    private static FieldMatch Is(FlowField field, UInt128 value) => new(field, value, UInt128.MaxValue);

    private sealed class NullPort(uint number = 2) : Port(number, $"null{number}", new MacAddress(number))
    {
        public long Taken { get; private set; }

        public override string ModeText => "null";

        public override int Receive(FrameDescriptor* batch, int capacity) => 0;

        public override int Transmit(int queue, FrameDescriptor* batch, int count)
        {
            Taken += count;
            return count;
        }

        public override void Reap()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
