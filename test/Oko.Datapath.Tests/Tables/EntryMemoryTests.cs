using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Tables;
using Oko.Datapath.Workers;

namespace Oko.Datapath.Tests.Tables;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed unsafe class EntryMemoryTests
{
    private readonly WorkerRounds _rounds = new(2);
    private readonly EntryMemory _memory;
    private readonly FlowTable _table;

    public EntryMemoryTests()
    {
        _memory = new EntryMemory(2, _rounds);
        _table = new FlowTable(2, _memory);
    }

    [Test]
    public void Node_OfARemovedEntry_IsNotUsedAgainWhileAWorkerIsInTheRoundOfTheRemoval()
    {
        _rounds.Begin(1);
        var seen = new HashSet<nint>();
        for (var index = 0; index < 500; index++)
        {
            seen.Add(AddAndRemove(index)).Should().BeTrue("worker 1 may still look at each earlier one");
        }

        _rounds.End(1);
        var again = Enumerable.Range(0, 500).Select(AddAndRemove).ToList();
        again.Should().Contain(node => seen.Contains(node));
    }

    [Test]
    public void Node_OfARemovedEntry_IsUsedAgainThoughAWorkerIsAlwaysInSomeRound()
    {
        var seen = new HashSet<nint>();
        for (var index = 0; index < 20_000; index++)
        {
            // The workers' rounds overlap: never are both outside.
            _rounds.Begin(index % 2);
            if (index > 0)
            {
                _rounds.End((index + 1) % 2);
            }

            seen.Add(AddAndRemove(index));
        }

        seen.Count.Should().BeLessThan(300);
    }

    [Test]
    public void Counters_OfARemovedEntry_StayWhenItsNodeIsUsedAgain()
    {
        var entry = Add(1);
        Count(entry.Node, worker: 0, packets: 3, bytes: 100, at: 5);
        Count(entry.Node, worker: 1, packets: 4, bytes: 50, at: 7);
        _table.Remove(entry);

        // A packet that was under way when the entry was removed.
        Count(entry.Node, worker: 1, packets: 1, bytes: 10, at: 8);
        for (var index = 0; index < 1000; index++)
        {
            var other = Add(100 + index);
            Count(other.Node, worker: 0, packets: 1000, bytes: 1000, at: 1000);
            _table.Remove(other);
        }

        (entry.PacketCount, entry.ByteCount, entry.LastUsedNanoseconds).Should().Be((8UL, 160UL, 8L));
    }

    [TestCase(0)]
    [TestCase(1000)]
    public void Counters_OfAnEntryThatComesAgain_GoOn(int othersMeanwhile)
    {
        var entry = Add(1);
        Count(entry.Node, worker: 0, packets: 3, bytes: 100, at: 5);
        _table.Remove(entry);
        for (var index = 0; index < othersMeanwhile; index++)
        {
            AddAndRemove(100 + index);
        }

        _table.Add(entry);
        Count(entry.Node, worker: 1, packets: 1, bytes: 10, at: 8);
        (entry.PacketCount, entry.ByteCount).Should().Be((4UL, 110UL));
        Find(1).Should().BeSameAs(entry);
    }

    [Test]
    public void Counters_ResetAndSet_CountFromThere()
    {
        var entry = Add(1);
        Count(entry.Node, worker: 1, packets: 3, bytes: 100, at: 5);
        entry.ResetCounters();
        (entry.PacketCount, entry.ByteCount).Should().Be((0UL, 0UL));
        Count(entry.Node, worker: 0, packets: 1, bytes: 10, at: 6);
        entry.SetCounters(50, 5000);
        Count(entry.Node, worker: 0, packets: 1, bytes: 10, at: 7);
        (entry.PacketCount, entry.ByteCount).Should().Be((51UL, 5010UL));
    }

    [Test]
    public void Entries_MoreThanASlabHolds_AreFoundWithTheirInstructions()
    {
        const int Count = 30_000;
        for (var index = 0; index < Count; index++)
        {
            Add(index);
        }

        _memory.Capacity.Should().BeGreaterThanOrEqualTo(Count);
        for (var index = 0; index < Count; index++)
        {
            var key = Key(index);
            var node = _table.Lookup(ref key, ulong.MaxValue);
            node->OnlyOutput.Should().Be((uint)index + 1);
            _memory.ProgramOf(node).Apply.Should().ContainSingle().Which.Port.Should().Be((uint)index + 1);
            _memory.EntryOf(node).Cookie.Should().Be((ulong)index);
        }
    }

    [Test]
    public void SetInstructions_OfAnEntryInATable_IsWhatALookupFinds()
    {
        var entry = Add(1);
        entry.SetInstructions(new InstructionSet { Apply = [DatapathAction.Output(9)] });
        entry.Node->OnlyOutput.Should().Be(9);
        _table.Remove(entry);
        entry.SetInstructions(new InstructionSet { Apply = [DatapathAction.Output(8)] });
        _table.Add(entry);
        entry.Node->OnlyOutput.Should().Be(8);
        entry.SetInstructions(new InstructionSet { GotoTable = 7 });
        entry.Node->OnlyOutput.Should().Be(0);
        _memory.ProgramOf(entry.Node).GotoTable.Should().Be(7);
        entry.SetInstructions(new InstructionSet { GotoTable = 7, MetadataMask = 1 });
        entry.Node->OnlyOutput.Should().Be(0);
        entry.SetInstructions(new InstructionSet { GotoTable = 7, Apply = [DatapathAction.Output(8)] });
        entry.Node->OnlyOutput.Should().Be(0);
    }

    [Test]
    public void Entries_GrowInNumber_MemoryGrowsWithThem()
    {
        const int Count = 160_000, MaxBytesEach = 1000;
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var index = 0; index < Count; index++)
        {
            Add(index);
        }

        var each = (GC.GetAllocatedBytesForCurrentThread() - before) / Count;
        TestContext.Out.WriteLine($"{each} bytes for each entry");
        each.Should().BeLessThan(MaxBytesEach, "pattern, instructions and entry, and its share of lists that grow by doubling");
    }

    [Test]
    public void Entries_WithEqualKeys_AreAllFoundInOrderOfRank()
    {
        // More than a bucket has places, and nothing that growing could part.
        var entries = Enumerable.Range(0, 100).Select(priority => new FlowEntry { Priority = (ushort)priority, Pattern = Pattern(7) }).ToList();
        entries.OrderBy(entry => (entry.Priority * 37) % 100).ToList().ForEach(_table.Add);
        entries.Where(entry => entry.Priority % 3 == 0).ToList().ForEach(_table.Remove);
        var key = Key(7);
        var bound = ulong.MaxValue;
        foreach (var expected in entries.Where(entry => entry.Priority % 3 != 0).Reverse())
        {
            var found = _table.Find(ref key, bound);
            found.Should().BeSameAs(expected);
            bound = found!.Rank;
        }

        _table.Find(ref key, bound).Should().BeNull();
    }

    [Test]
    public void Entries_WithEqualKeys_AreGoneButForSome_LookupsGoThroughFewBuckets()
    {
        var entries = Enumerable.Range(0, 5000).Select(priority => new FlowEntry { Priority = (ushort)priority, Pattern = Pattern(7) }).ToList();
        entries.ForEach(_table.Add);
        ((MaskTuple)entries[0].Home!).CountBuckets(entries[0]).Should().BeGreaterThan(5000 / EntryBucket.Places, "nothing tells them apart");

        entries.Where(entry => entry.Priority % 500 != 0).ToList().ForEach(_table.Remove);

        ((MaskTuple)entries[0].Home!).CountBuckets(entries[0]).Should().BeLessThan(40);
        var key = Key(7);
        for (var (left, bound) = (10, ulong.MaxValue); left > 0; left--)
        {
            var found = _table.Find(ref key, bound);
            found!.Priority.Should().Be((ushort)((left - 1) * 500));
            bound = found.Rank;
        }
    }

    private static FlowPattern Pattern(int destination) => FlowPattern.Create([new FieldMatch(FlowField.Ipv4Dst, (UInt128)destination, uint.MaxValue)]);

    private static FlowKey Key(int destination)
    {
        FlowKey key = default;
        key.Set(FlowField.Ipv4Dst, (UInt128)destination);
        return key;
    }

    private FlowEntry Add(int destination)
    {
        var entry = new FlowEntry
        {
            Pattern = Pattern(destination), Cookie = (ulong)destination, Instructions = new InstructionSet { Apply = [DatapathAction.Output((uint)destination + 1)] },
        };
        _table.Add(entry);
        return entry;
    }

    private nint AddAndRemove(int destination)
    {
        var entry = Add(destination);
        var node = (nint)entry.Node;
        _table.Remove(entry);
        return node;
    }

    private FlowEntry? Find(int destination)
    {
        var key = Key(destination);
        return _table.Find(ref key);
    }

    private void Count(EntryNode* node, int worker, int packets, int bytes, long at)
    {
        // SAFETY: the memory has counters for two workers.
        var counters = (EntryCounters*)((byte*)node + _memory.CountersOffset(worker));
        for (var packet = 0; packet < packets; packet++)
        {
            counters->Count(packet == 0 ? bytes : 0, at);
        }
    }
}
