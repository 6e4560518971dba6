using System.Buffers.Binary;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Benchmark;
using Oko.Datapath.Groups;
using Oko.Datapath.Meters;
using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Ports;
using Oko.Datapath.Tables;
using Oko.Datapath.Workers;
using static Oko.Datapath.Pipeline.DatapathAction;

namespace Oko.Datapath.Tests.Workers;

/// <summary>Two workers with in-memory ports 1..4: port n belongs to worker n modulo 2.</summary>
public sealed class SeveralWorkersTests
{
    private const int FrameCount = 4096;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private Oko.Datapath.Workers.Datapath _datapath = null!;
    private MemoryPort[] _ports = null!;

    [SetUp]
    public void SetUp()
    {
        _datapath = new Oko.Datapath.Workers.Datapath(new DatapathOptions { Workers = 2, FrameCount = FrameCount });
        _ports = [.. Enumerable.Range(1, 4).Select(number => new MemoryPort(_datapath.Umems[number % 2], (uint)number, $"m{number}", queueCount: 2))];
        Array.ForEach(_ports, _datapath.AddPort);
        _datapath.Start();
    }

    [TearDown]
    public void TearDown()
    {
        SpinWait.SpinUntil(() => _ports.All(port => port.IsDrained) && _datapath.GetBalance().IsBalanced, Patience).Should().BeTrue("balance is {0}", _datapath.GetBalance());
        SpinWait.SpinUntil(() => _datapath.Umems.All(umem => umem.Frames.FreeCount == FrameCount), Patience).Should().BeTrue("every frame must have come back");
        _datapath.Dispose();
    }

    [Test]
    public void Forward_ToPortOfAnotherWorker_KeepsOrderAndBytes()
    {
        // No more at a time than fit the way between the workers, whoever gets the processor.
        const int count = 20_000, atATime = 1000;
        Add(1, In(1), Bench.Apply(Output(2)));
        Add(1, In(2), Bench.Apply(Output(1)));
        for (var first = 0; first < count; first += atATime)
        {
            var sending = Task.Run(() => Send(1, atATime));
            Send(2, atATime);
            sending.Wait();
            Numbers(1, atATime).Should().Equal(Enumerable.Range(0, atATime), "the packets of one port arrive in order at the other");
            Numbers(2, atATime).Should().Equal(Enumerable.Range(0, atATime), "the packets of one port arrive in order at the other");
        }

        _ports[0].Counters.ReceivedPackets.Should().Be(count);
        _ports[1].Counters.SentPackets.Should().Be(count);
        _datapath.GetBalance().Sent.Should().Be(2 * count);
    }

    [Test]
    public void Forward_JumboToPortOfAnotherWorker_KeepsBytes()
    {
        Add(1, In(1), Bench.Apply(Output(2)));
        var frame = new byte[9014];
        new Random(1).NextBytes(frame);
        for (var time = 0; time < 3 * Umem.JumboCount; time++)
        {
            _ports[0].Push(frame);
            _ports[1].Take(Patience).Should().Equal(frame);
        }

        SpinWait.SpinUntil(() => _datapath.Umems.All(umem => umem.Frames.FreeJumboCount == Umem.JumboCount), Patience).Should().BeTrue("every buffer must have come back");
    }

    [Test]
    public void Count_EntriesTablesGroupsMeters_SumOverWorkers()
    {
        const int count = 500;
        var bucket = new Bucket { Actions = [Output(3)] };
        var group = new Group(1, new GroupContents(GroupKind.Indirect, [bucket]));
        var meter = new Meter(1, [new MeterBand(MeterBandKind.Drop, 1, 700, countsPackets: true)]);
        var entry = Add(1, [], new InstructionSet { Meter = meter, Apply = [ToGroup(group)] });
        Send(1, count);
        Send(2, count);
        Settle();
        entry.PacketCount.Should().Be(2 * count);
        entry.ByteCount.Should().Be(2 * count * (ulong)Numbered(0).Length);
        entry.LastUsedNanoseconds.Should().BeGreaterThan(0);
        _datapath.GetTableStatistics(0).MatchedCount.Should().Be(2 * count);
        meter.PacketCount.Should().Be(2 * count);
        meter.Bands[0].PacketCount.Should().BeInRange(2 * count - 710, 2 * count - 700, "one bucket serves all workers: 700 packets at once, then one a second");
        group.PacketCount.Should().Be(2 * count - meter.Bands[0].PacketCount);
        bucket.PacketCount.Should().Be(group.PacketCount);
        _ports[2].Counters.SentPackets.Should().Be((long)group.PacketCount);
    }

    [Test]
    public void Filter_AskedByTwoWorkers_RunsOncePerPacketAndCountsAll()
    {
        var slot = Filters.Slot(Filters.ByteIs(23, 17));
        Add(2, [], Bench.Apply(Output(3)), slot);
        Add(1, [], Bench.Apply(Output(4)), slot);
        Send(1, 300);
        Send(2, 300);
        Settle();
        slot.Runs.Should().Be(600);
        slot.Matches.Should().Be(600);
        _ports[2].Counters.SentPackets.Should().Be(600);
    }

    [Test]
    public void Flood_ReachesPortsOfAllWorkers()
    {
        Add(1, [], Bench.Apply(Output(ReservedPort.Flood)));
        Send(1, 1);
        foreach (var port in new[] { 2, 3, 4 })
        {
            _ports[port - 1].Take(Patience).Should().Equal(Numbered(0));
        }

        Settle();
        _datapath.GetBalance().Cloned.Should().Be(2);
    }

    [Test]
    public void Normal_AddressLearnedByOneWorker_IsKnownToTheOther()
    {
        Add(1, [], Bench.Apply(Output(ReservedPort.Normal)));
        Send(1, 1);
        _ports[1].Take(Patience).Should().NotBeNull("the address is not known yet");
        var answer = Numbered(7);
        answer.AsSpan(6, 6).CopyTo(answer);
        answer[11] ^= 1;
        _ports[1].Push(answer);
        _ports[0].Take(Patience).Should().Equal(answer);
        Settle();
        _ports[2].Counters.SentPackets.Should().Be(1, "only the first packet was flooded");
    }

    [Test]
    public void SetQueue_PortOfAnotherWorker_IsCountedThere()
    {
        Add(1, [], Bench.Apply(SetQueue(1), Output(2)));
        Send(1, 10);
        Settle();
        _ports[1].Queues.Select(queue => queue.SentPackets).Should().Equal(0, 10);
    }

    [Test]
    public void TryInject_OutputsToPortsOfAllWorkers_LeaveThere()
    {
        _datapath.TryInject(Numbered(1), ReservedPort.Controller, [Output(1), Output(2)]).Should().BeTrue();
        _ports[0].Take(Patience).Should().NotBeNull();
        _ports[1].Take(Patience).Should().NotBeNull();
        Settle();
    }

    [Test]
    public void Synchronize_AfterPacketOutToPortOfAnotherWorker_ItWasSent()
    {
        for (var round = 0; round < 200; round++)
        {
            _datapath.TryInject(Numbered(round), ReservedPort.Controller, [Output(1)]).Should().BeTrue();
            _datapath.Synchronize();
            _ports[0].Take(TimeSpan.Zero).Should().Equal(Numbered(round));
        }
    }

    [Test]
    public void ReadPacketIn_FromBothWorkers_AllAreRead()
    {
        Add(1, [], Bench.Apply(Output(ReservedPort.Controller)));
        Send(1, 20);
        Send(2, 20);
        var read = new List<uint>();
        while (read.Count < 40 && _datapath.WaitForPacketIn(Patience))
        {
            while (_datapath.TryReadPacketIn(out var record))
            {
                read.Add(record.InPort);
            }
        }

        read.Should().HaveCount(40).And.Contain(1).And.Contain(2);
    }

    [Test]
    public void RemovePort_WhileOthersSendToIt_LosesNothingUncounted()
    {
        Add(1, In(1), Bench.Apply(Output(2)));
        for (var round = 0; round < 50; round++)
        {
            Send(1, 100);
            _datapath.RemovePort(2).Should().BeSameAs(_ports[1]);
            Send(1, 100);
            _datapath.AddPort(_ports[1]);
        }

        Settle();
        var balance = _datapath.GetBalance();
        balance.Sent.Should().Be(_ports[1].Counters.SentPackets);
        (balance.Sent + balance.Drops[(int)DropReason.NoSuchPort]).Should().Be(10_000);
    }

    [Test]
    public void RunPaused_NoWorkerForwardsMeanwhile()
    {
        Add(1, In(1), Bench.Apply(Output(2)));
        Add(1, In(2), Bench.Apply(Output(1)));
        _datapath.RunPaused(() =>
        {
            Send(1, 10);
            Send(2, 10);
            _datapath.GetBalance().Received.Should().Be(0);
        });
        Settle();
        _datapath.GetBalance().Sent.Should().Be(20);
    }

    [Test]
    public void AddPort_OnMemoryOfAnotherDatapath_IsRefused()
    {
        using var other = new Umem(64);
        using var port = new MemoryPort(other, 9, "stranger");
        var adding = () => _datapath.AddPort(port);
        adding.Should().Throw<ArgumentException>().WithMessage("*stranger*another datapath*");
    }

    [Test]
    public void Forward_AcrossWorkers_AllocatesNothing()
    {
        using var datapath = new Oko.Datapath.Workers.Datapath(new DatapathOptions { Workers = 2, FrameCount = TracePort.SegmentPackets + TracePort.SpareFrames });
        using var trace = new FlowTrace(1, 64);
        FlowKey key = default;
        key.Set(FlowField.EthType, 0x800);
        trace.Add(key);
        using var source = new TracePort([datapath.Umems[0]], 1, trace, seed: 1);
        using var sink = new NullPort([datapath.Umems[1]], 2);
        datapath.AddPort(source);
        datapath.AddPort(sink);
        datapath.AddEntry(new FlowEntry { Instructions = Bench.Apply(Output(2)) });
        datapath.Start();
        source.Play(1000);
        SpinWait.SpinUntil(() => datapath.GetBalance().IsBalanced, Patience).Should().BeTrue();
        source.Play(100_000).AllocatedBytes.Should().Be(0, "of the sending worker");
        SpinWait.SpinUntil(() => datapath.GetBalance().IsBalanced, Patience).Should().BeTrue();
        datapath.Stop();
        datapath.WorkerAllocatedBytes.Should().Be(0, "of both");
        var balance = datapath.GetBalance();
        sink.Counters.SentPackets.Should().Be(balance.Sent);
        sink.Counters.SendDropped.Should().Be(balance.Drops[(int)DropReason.TransmitFull], "what found the ring full was dropped and counted");
        datapath.RemovePort(1);
        datapath.RemovePort(2);
    }

    private static FieldMatch[] In(uint port) => [new FieldMatch(FlowField.InPort, port, uint.MaxValue)];

    private static byte[] Numbered(int number)
    {
        var frame = Frames.Udp4();
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(^4), number);
        return frame;
    }

    private FlowEntry Add(ushort priority, FieldMatch[] match, InstructionSet instructions, FilterSlot? filter = null)
    {
        var entry = new FlowEntry { Priority = priority, Pattern = FlowPattern.Create(match), Instructions = instructions, Filter = filter };
        _datapath.AddEntry(entry);
        _datapath.Synchronize();
        return entry;
    }

    private void Send(int port, int count)
    {
        for (var number = 0; number < count; number++)
        {
            _ports[port - 1].Push(Numbered(number));
        }
    }

    private IEnumerable<int> Numbers(int port, int count) => Enumerable.Range(0, count)
        .Select(_ => _ports[port - 1].Take(Patience) ?? throw new AssertionException($"a packet is missing at port {port}; balance is {_datapath.GetBalance()}"))
        .Select(frame => BinaryPrimitives.ReadInt32BigEndian(frame.AsSpan(^4)));

    /// <summary>Waits until all that was pushed has come to its end.</summary>
    private void Settle() =>
        SpinWait.SpinUntil(() => _ports.All(port => port.IsDrained) && _datapath.GetBalance().IsBalanced, Patience).Should().BeTrue("balance is {0}", _datapath.GetBalance());
}
