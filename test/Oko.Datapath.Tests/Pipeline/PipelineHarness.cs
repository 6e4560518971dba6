using Oko.Datapath.AfXdp;
using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Ports;
using Oko.Datapath.Tables;
using Oko.Datapath.Workers;

namespace Oko.Datapath.Tests.Pipeline;

/// <summary>A pipeline with ports 1..n on the test's own thread: what goes in comes out before the call returns.</summary>
internal sealed unsafe class PipelineHarness : IDisposable
{
    private const int FrameCount = 512, SendQueues = 3;
    private readonly SinkPort[] _ports;
    private readonly FrameDescriptor[] _batch = GC.AllocateArray<FrameDescriptor>(64, pinned: true);
    private readonly PacketInBell _bell = new();
    private long _now;

    public PipelineHarness(int ports = 4, int tables = 8)
    {
        Umem = new Umem(FrameCount);
        var entries = new EntryMemory(1, new WorkerRounds(1));
        Tables = [.. Enumerable.Range(0, tables).Select(_ => new FlowTable(1, entries))];
        PacketIns = new PacketInRing(64, Umem.JumboSize, _bell);
        Pipeline = new PacketPipeline(Tables, Umem, PacketIns, new LearningTable(), 0);
        _ports = [.. Enumerable.Range(1, ports).Select(number => new SinkPort(Umem, (uint)number))];
        Pipeline.Ports = new PortSet([.. _ports.Select(port => PortQueue.Open(port, Umem, _ => throw new InvalidOperationException("there is one worker")))], Umem);
    }

    public Umem Umem { get; }

    public FlowTable[] Tables { get; }

    public PacketInRing PacketIns { get; }

    public PacketPipeline Pipeline { get; }

    /// <summary>A port.</summary>
    public Port Port(uint number) => _ports[number - 1];

    /// <summary>Lets a port take packets of so many bytes at most.</summary>
    public void Limit(uint port, int maxPacketSize) => _ports[port - 1].Limit(maxPacketSize);

    /// <summary>Lets the packets of a port come by one of its receive queues.</summary>
    public void ReceiveBy(uint port, uint queue) => _ports[port - 1].ReceiveBy(queue);

    /// <summary>What was sent, as port and frame; kept only while <see cref="Records"/> is set.</summary>
    public List<(uint Port, byte[] Frame)> Sent { get; } = [];

    public bool Records { get; init; } = true;

    public FlowEntry Add(ushort priority, IEnumerable<FieldMatch> match, InstructionSet instructions, byte table = 0, FilterSlot? filter = null)
    {
        var entry = new FlowEntry
        {
            TableId = table, Priority = priority, Pattern = FlowPattern.Create(match), Instructions = instructions, Filter = filter, Cookie = priority,
        };
        Tables[table].Add(entry);
        return entry;
    }

    /// <summary>Runs a batch of the same frame and returns what was sent.</summary>
    public List<(uint Port, byte[] Frame)> Run(uint port, ReadOnlySpan<byte> frame, int count = 1)
    {
        Sent.Clear();
        for (var index = 0; index < count; index++)
        {
            Umem.TryAllocate(Umem.Headroom + frame.Length, out var address);
            address += Umem.Headroom;
            frame.CopyTo(new Span<byte>(Umem.Memory + address, frame.Length));
            _batch[index] = new FrameDescriptor(address, (uint)frame.Length);
        }

        Pipeline.BeginBatch(++_now);
        fixed (FrameDescriptor* batch = _batch)
        {
            Pipeline.ProcessReceived(_ports[port - 1].Lanes[0], batch, count);
        }

        Finish();
        return Sent;
    }

    /// <summary>Runs frames as one batch, so many at a time, and returns what was sent.</summary>
    public List<(uint Port, byte[] Frame)> RunAll(uint port, byte[][] frames, int atOnce)
    {
        Sent.Clear();
        for (var index = 0; index < frames.Length; index++)
        {
            Umem.Frames.TryAllocate(out var address);
            address += Umem.Headroom;
            frames[index].CopyTo(new Span<byte>(Umem.Memory + address, frames[index].Length));
            _batch[index] = new FrameDescriptor(address, (uint)frames[index].Length);
        }

        Pipeline.BeginBatch(++_now);
        fixed (FrameDescriptor* batch = _batch)
        {
            for (var start = 0; start < frames.Length; start += atOnce)
            {
                Pipeline.ProcessReceived(_ports[port - 1].Lanes[0], batch + start, Math.Min(atOnce, frames.Length - start));
            }
        }

        Finish();
        return Sent;
    }

    public List<(uint Port, byte[] Frame)> Inject(uint port, ReadOnlySpan<byte> frame, params DatapathAction[] actions)
    {
        Sent.Clear();
        Umem.TryAllocate(Umem.Headroom + frame.Length, out var address);
        address += Umem.Headroom;
        frame.CopyTo(new Span<byte>(Umem.Memory + address, frame.Length));
        var packet = new PacketView { Data = Umem.Memory + address, Address = address, Length = frame.Length, InPort = port };
        Pipeline.BeginBatch(++_now);
        Pipeline.ProcessInjected(ref packet, [.. actions]);
        Finish();
        return Sent;
    }

    public long Drops(DropReason reason) => Pipeline.Balance.Drops[(int)reason];

    public void Dispose()
    {
        Pipeline.Balance.IsBalanced.Should().BeTrue("balance is {0}", Pipeline.Balance);
        Umem.Frames.FreeCount.Should().Be(FrameCount, "every frame must have come back");
        Umem.Frames.FreeJumboCount.Should().Be(Umem.JumboCount, "every jumbo buffer must have come back");
        PacketIns.Dispose();
        _bell.Dispose();
        Umem.Dispose();
    }

    private void Finish()
    {
        Pipeline.Flush();
        if (!Records)
        {
            return;
        }

        foreach (var port in _ports)
        {
            port.MoveTo(Sent);
        }
    }

    /// <summary>Takes every packet; copies it out unless nobody asks, so that a run can show that nothing allocates.</summary>
    private sealed class SinkPort(Umem umem, uint number) : SingleLanePort(umem, number, $"sink{number}", new MacAddress(number), SendQueues)
    {
        private readonly byte[] _bytes = new byte[1 << 20];
        private readonly int[] _lengths = new int[512];
        private int _count, _used;
        private uint _receiveQueue;

        public override string ModeText => "sink";

        public override uint ReceiveQueue => _receiveQueue;

        public void ReceiveBy(uint queue) => _receiveQueue = queue;

        public void Limit(int maxPacketSize) => MaxPacketSize = maxPacketSize;

        public override int Receive(FrameDescriptor* batch, int capacity) => 0;

        public override int Transmit(int queue, FrameDescriptor* batch, int count)
        {
            for (var index = 0; index < count; index++)
            {
                if (_count < _lengths.Length)
                {
                    var length = (int)batch[index].Length;
                    new ReadOnlySpan<byte>(Umem.Memory + batch[index].Address, length).CopyTo(_bytes.AsSpan(_used));
                    _lengths[_count++] = length;
                    _used += length;
                }

                Umem.Frames.Free(batch[index].Address);
            }

            return count;
        }

        public void MoveTo(List<(uint Port, byte[] Frame)> sent)
        {
            var at = 0;
            foreach (var length in _lengths.AsSpan(0, _count))
            {
                sent.Add((Number, _bytes[at..(at + length)]));
                at += length;
            }

            _count = _used = 0;
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
