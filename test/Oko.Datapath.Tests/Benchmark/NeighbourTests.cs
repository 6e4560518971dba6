using Oko.Bpf.Execution;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Benchmark;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Ports;
using Oko.Datapath.Tables;

namespace Oko.Datapath.Tests.Benchmark;

/// <summary>The rings between the switch and a neighbour, with the neighbour's loop on a thread of the test.</summary>
public sealed unsafe class NeighbourTests
{
    private const int Entries = NeighbourRegion.MinRingEntries, Frames = 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Test]
    public void Region_OpenedTwice_CarriesEntriesInOrderOverManyWraps()
    {
        using var ours = NeighbourRegion.Create(Entries, 1);
        using var theirs = NeighbourRegion.Open(ours.Path);
        theirs.RingEntries.Should().Be(Entries);
        var producer = ours.ToNeighbourProducer();
        var consumer = theirs.ToNeighbourConsumer();
        ulong written = 0, read = 0;
        for (var round = 0u; read < 10 * Entries; round++)
        {
            var room = producer.Reserve((round % 50) + 1);
            for (var index = 0u; index < room; index++)
            {
                producer.WriteAddress(index, written++);
            }

            producer.Submit(room);
            var count = consumer.Peek((round % 37) + 1);
            for (var index = 0u; index < count; index++)
            {
                consumer.ReadAddress(index).Should().Be(read++);
            }

            consumer.Release(count);
        }
    }

    [Test]
    public void Region_FullAndEmpty_TakesAndGivesNoMore()
    {
        using var region = NeighbourRegion.Create(Entries, 1);
        var producer = region.PassedProducer();
        var consumer = region.PassedConsumer();
        consumer.Peek(1).Should().Be(0);
        producer.Reserve(Entries + 1).Should().Be(Entries);
        producer.Submit(Entries);
        producer.Reserve(1).Should().Be(0);
        consumer.Peek(Entries + 1).Should().Be(Entries);
        consumer.Release(1);
        producer.Reserve(2).Should().Be(1);
        region.ReleasedConsumer().Peek(1).Should().Be(0, "the rings are apart");
        region.ToNeighbourConsumer().Peek(1).Should().Be(0, "the rings are apart");
    }

    [Test]
    public void Region_WrongSizesAndFiles_SayWhatIsAllowed()
    {
        FluentActions.Invoking(() => NeighbourRegion.Create(100, 1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*power of two*128 to 8192*");
        FluentActions.Invoking(() => NeighbourRegion.Create(16384, 1)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => NeighbourRegion.Open("/proc/self/status")).Should().Throw<Exception>().Which.Should().Match(
            problem => problem is InvalidDataException || problem is UnauthorizedAccessException || problem is IOException);
        using var other = Oko.Datapath.Interop.SharedMemory.Create(1);
        FluentActions.Invoking(() => NeighbourRegion.Open(other.Path)).Should().Throw<InvalidDataException>().WithMessage("*oko bench chain*");
    }

    [Test]
    public void Entry_AddressAndLength_ComeBack()
    {
        var entry = NeighbourRegion.Pack(0x7FFF_FFFF_F100, 65535);
        NeighbourRegion.Unpack(entry).Should().Be(new FrameDescriptor(0x7FFF_FFFF_F100, 65535));
        NeighbourRegion.IsInside(NeighbourRegion.Pack(100, 28), 128).Should().BeTrue();
        NeighbourRegion.IsInside(NeighbourRegion.Pack(101, 28), 128).Should().BeFalse();
        NeighbourRegion.IsInside(ulong.MaxValue, 1 << 30).Should().BeFalse();
    }

    [Test]
    public void Neighbour_FilterWithState_GivesTheVerdictsOfTheSwitch([Values] bool isCopied, [Values] NeighbourPolicy policy)
    {
        var frames = Enumerable.Range(0, 500).Select(number => Tests.Frames.Udp4(source: 0x0A000000 + (uint)number, payload: 18 + (number % 1400))).ToList();
        var expected = frames.Where((_, number) => number % 3 == 0 == (policy == NeighbourPolicy.PassMatch)).ToList();
        RunInSwitch(frames, policy, expected.Count).Should().BeEquivalentTo(expected, options => options.WithStrictOrdering());
        using var chain = new Chain(isCopied);
        using var filter = Filters.Periodic(3);
        chain.StartNeighbour(filter, policy);
        chain.Run(frames, expected.Count).Should().BeEquivalentTo(expected, options => options.WithStrictOrdering());
        chain.Settle();
        chain.Ring.Refused.Should().Be(0);
        chain.Region.Counters.Packets.Should().Be(frames.Count);
        chain.Region.Counters.Passed.Should().Be(expected.Count);
    }

    [Test]
    public void Neighbour_WithoutFilter_GivesEverythingBack([Values] bool isCopied)
    {
        var frames = Enumerable.Range(0, 300).Select(number => Tests.Frames.Udp4(source: (uint)number)).ToList();
        using var chain = new Chain(isCopied);
        chain.StartNeighbour(null, NeighbourPolicy.PassMatch);
        chain.Run(frames, frames.Count).Should().BeEquivalentTo(frames, options => options.WithStrictOrdering());
        chain.Settle();
    }

    [Test]
    public void Port_NeighbourTakesNothing_DropsWhatDoesNotFit([Values] bool isCopied)
    {
        using var chain = new Chain(isCopied);
        chain.Push(Enumerable.Range(0, Entries + 40).Select(number => Tests.Frames.Udp4(source: (uint)number)));
        SpinWait.SpinUntil(() => chain.Ring.Counters.SendDropped == 40, Patience).Should().BeTrue();
        chain.Ring.Counters.SentPackets.Should().Be(Entries);
        chain.Ring.Outside.Should().Be(Entries);
        chain.StartNeighbour(null, NeighbourPolicy.PassMatch);
        chain.Settle();
    }

    [Test]
    public void CopyPort_HostileNeighbour_IsNotBelieved()
    {
        using var chain = new Chain(isCopied: true);
        chain.Push([Tests.Frames.Udp4()]);
        SpinWait.SpinUntil(() => chain.Ring.Outside == 1, Patience).Should().BeTrue();
        var given = chain.Region.ToNeighbourConsumer();
        given.Peek(1).Should().Be(1);
        var entry = given.ReadAddress(0);
        var slot = NeighbourRegion.Unpack(entry).Address;
        Write(chain.Region.PassedProducer(), NeighbourRegion.Pack(slot + CopyPort.SlotBytes, 60), NeighbourRegion.Pack(slot + 1, 60), ulong.MaxValue, entry, entry);
        chain.Output.Take(Patience).Should().NotBeNull();
        SpinWait.SpinUntil(() => chain.Ring.Refused == 4, Patience).Should().BeTrue();
        Write(chain.Region.ReleasedProducer(), entry, NeighbourRegion.Pack(1UL << 40, 60));
        SpinWait.SpinUntil(() => chain.Ring.Refused == 6, Patience).Should().BeTrue();
        chain.Ring.Outside.Should().Be(0);
    }

    [Test]
    public void CopyPort_PacketLongerThanAFrame_IsRefused()
    {
        using var chain = new Chain(isCopied: true);
        chain.Push([Tests.Frames.Udp4()]);
        SpinWait.SpinUntil(() => chain.Ring.Outside == 1, Patience).Should().BeTrue();
        var given = chain.Region.ToNeighbourConsumer();
        given.Peek(1).Should().Be(1);
        Write(chain.Region.PassedProducer(), NeighbourRegion.Pack(NeighbourRegion.Unpack(given.ReadAddress(0)).Address, 1793));
        SpinWait.SpinUntil(() => chain.Ring.Refused == 1, Patience).Should().BeTrue();
        chain.Ring.Outside.Should().Be(0);
    }

    [Test]
    public void RingPort_EntryOutsideTheMemory_IsPassedOver()
    {
        using var chain = new Chain(isCopied: false);
        Write(chain.Region.PassedProducer(), NeighbourRegion.Pack(Frames * 2048UL, 60));
        Write(chain.Region.ReleasedProducer(), NeighbourRegion.Pack(Frames * 2048UL, 60));
        chain.Wake();
        SpinWait.SpinUntil(() => chain.Ring.Refused == 2, Patience).Should().BeTrue();
    }

    private static void Write(ProducerRing ring, params ulong[] entries)
    {
        ring.Reserve((uint)entries.Length).Should().Be((uint)entries.Length);
        for (var index = 0u; index < entries.Length; index++)
        {
            ring.WriteAddress(index, entries[index]);
        }

        ring.Submit((uint)entries.Length);
    }

    private static List<byte[]> RunInSwitch(List<byte[]> frames, NeighbourPolicy policy, int expected)
    {
        using var bench = new Bench();
        using var filter = Filters.Periodic(3);
        var slot = Filters.Slot(filter);
        if (policy == NeighbourPolicy.PassMatch)
        {
            bench.Add(10, [], Bench.Apply(DatapathAction.Output(2)), filter: slot);
        }
        else
        {
            bench.Add(20, [], Bench.Apply(), filter: slot);
            bench.Add(10, [], Bench.Apply(DatapathAction.Output(2)));
        }

        frames.ForEach(frame => bench.Send(1, frame));
        return [.. Enumerable.Range(0, expected).Select(_ => bench.Expect(2))];
    }

    /// <summary>Input port 1, a port 3 to a neighbour, output port 2.</summary>
    private sealed class Chain : IDisposable
    {
        private readonly Oko.Datapath.Workers.Datapath _datapath;
        private readonly MemoryPort _input;
        private Neighbour? _neighbour;
        private Thread? _thread;

        public Chain(bool isCopied)
        {
            Region = NeighbourRegion.Create(Entries, isCopied ? Entries * (nuint)CopyPort.SlotBytes : Frames * (nuint)2048);
            _datapath = new Oko.Datapath.Workers.Datapath(new Oko.Datapath.Workers.DatapathOptions { FrameCount = Frames, FrameMemory = isCopied ? 0 : Region.PacketsAddress });
            _input = new MemoryPort(_datapath.Umem, 1, "in");
            Output = new MemoryPort(_datapath.Umem, 2, "out");
            Ring = isCopied ? new CopyPort(_datapath.Umem, 3, Region) : new RingPort(_datapath.Umem, 3, Region);
            foreach (var port in new Port[] { _input, Output, Ring })
            {
                _datapath.AddPort(port);
            }

            Add(1, 3);
            Add(3, 2);
            _datapath.Start();
        }

        public NeighbourRegion Region { get; }

        public NeighbourPort Ring { get; }

        public MemoryPort Output { get; }

        public void StartNeighbour(LoadedFilter? filter, NeighbourPolicy policy)
        {
            _neighbour = new Neighbour(Region, filter, policy);
            _thread = new Thread(() => _neighbour.Run(-1));
            Region.IsWanted = true;
            _thread.Start();
        }

        public void Push(IEnumerable<byte[]> frames)
        {
            foreach (var frame in frames)
            {
                _input.Push(frame);
            }
        }

        /// <summary>Sends as many at a time as the ring has room for, and returns what came out.</summary>
        public List<byte[]> Run(List<byte[]> frames, int expected)
        {
            foreach (var part in frames.Chunk(Entries))
            {
                Push(part);
                Settle();
            }

            return [.. Enumerable.Range(0, expected).Select(_ => Output.Take(Patience)!)];
        }

        /// <summary>Waits until the neighbour has nothing any more; the worker sleeps meanwhile unless it is woken.</summary>
        public void Settle()
        {
            SpinWait.SpinUntil(() => _input.IsDrained, Patience).Should().BeTrue();
            SpinWait.SpinUntil(
                () =>
                {
                    Wake();
                    return Ring.Outside == 0;
                },
                Patience).Should().BeTrue();
        }

        public void Wake() => _datapath.RunPaused(() => { });

        public void Dispose()
        {
            _neighbour?.Stop();
            _thread?.Join();
            _datapath.Dispose();
            Region.Dispose();
        }

        private void Add(uint from, uint to) => _datapath.AddEntry(new FlowEntry
        {
            TableId = 0, Priority = 1, Pattern = FlowPattern.Create([new FieldMatch(Oko.Datapath.Packet.FlowField.InPort, from, uint.MaxValue)]),
            Instructions = Bench.Apply(DatapathAction.Output(to)), Cookie = from,
        });
    }
}
