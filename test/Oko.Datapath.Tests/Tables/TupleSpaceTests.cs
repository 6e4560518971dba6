using System.Diagnostics;
using Oko.Datapath.Packet;
using Oko.Datapath.Tables;
using Oko.Datapath.Workers;

namespace Oko.Datapath.Tests.Tables;

// SAFETY: nothing changes a table between a lookup and the look at what it found.
public sealed unsafe class TupleSpaceTests
{
    private static readonly FlowField[] Fields = [FlowField.InPort, FlowField.EthType, FlowField.Ipv4Src, FlowField.Ipv4Dst, FlowField.IpProto, FlowField.TcpDst];

    [Test]
    public void Lookup_RandomChangesAndPackets_EqualsLinearSearch([Range(1, 20)] int seed)
    {
        var random = new Random(seed);
        var table = new FlowTable();
        var entries = new List<FlowEntry>();
        for (var step = 0; step < 3000; step++)
        {
            if (entries.Count > 0 && random.Next(3) == 0)
            {
                var index = random.Next(entries.Count);
                table.Remove(entries[index]);
                entries.RemoveAt(index);
            }
            else
            {
                var entry = new FlowEntry { Priority = (ushort)random.Next(6), Pattern = RandomPattern(random) };
                table.Add(entry);
                entries.Add(entry);
            }

            // Walk down all candidates, as declining filters would make it do.
            var key = RandomKey(random);
            var bound = ulong.MaxValue;
            foreach (var next in Matching(entries, key))
            {
                table.Find(ref key, bound).Should().BeSameAs(next);
                bound = next.Rank;
            }

            table.Find(ref key, bound).Should().BeNull();
        }
    }

    [Test]
    public void Lookup_OfGroups_FindsTheFirstEntriesAndThoseThatFollowFilters([Range(1, 20)] int seed)
    {
        var random = new Random(seed);
        var table = new FlowTable();
        var filter = Filters.Slot(Filters.Periodic(2));
        var entries = new List<FlowEntry>();
        var group = new LookupGroup();
        var found = new (FlowEntry? Entry, FlowEntry? Following)[LookupGroup.Size];
        var sought = 0U;
        for (var step = 0; step < 1000; step++)
        {
            var entry = new FlowEntry { Priority = (ushort)random.Next(40), Pattern = RandomPattern(random), Filter = random.Next(3) == 0 ? filter : null };
            table.Add(entry);
            entries.Add(entry);

            // Some packets only: the others keep what was found for them.
            var packets = (uint)random.NextInt64(1L << LookupGroup.Size);
            var seeks = random.Next(2) == 0;
            for (var packet = 0; packet < LookupGroup.Size; packet++)
            {
                if ((packets & (1U << packet)) != 0)
                {
                    group.Keys[packet] = RandomKey(random);
                    var expected = Matching(entries, group.Keys[packet]);
                    found[packet] = (expected.FirstOrDefault(), expected.Skip(1).FirstOrDefault());
                }
            }

            sought = (sought & ~packets) | (seeks ? packets : 0);
            table.Lookup(group, packets, seeks);
            for (var packet = 0; packet < LookupGroup.Size; packet++)
            {
                EntryOf(table, group.Entries[packet]).Should().BeSameAs(found[packet].Entry);
                group.HasFollowing(packet).Should().Be((sought & (1U << packet)) != 0);
                if (group.HasFollowing(packet) && found[packet].Entry is { Filter: not null })
                {
                    EntryOf(table, group.Following[packet]).Should().BeSameAs(found[packet].Following);
                }
            }
        }
    }

    [TestCase(new[] { 32, 28 }, 2)]
    [TestCase(new[] { 32, 30, 28, 24 }, 4)]
    [TestCase(new[] { 32, 31, 30, 29, 28 }, 3, Description = "32, 30, 28")]
    [TestCase(new[] { 32, 31, 30, 29, 28, 27, 26, 25, 24, 20, 16, 12, 8 }, 4, Description = "32, 24, 16, 8")]
    public void Masks_ThatAreMany_ShareTuplesOfPrefixes(int[] lengths, int tuples)
    {
        var table = new FlowTable();
        foreach (var length in lengths)
        {
            // With and without a port: as many masks again. No two are alike in their first bits.
            var prefix = new FieldMatch(FlowField.Ipv4Dst, (UInt128)((uint)length << 24), uint.MaxValue << (32 - length));
            table.Add(new FlowEntry { Priority = 1, Pattern = FlowPattern.Create([prefix]) });
            table.Add(new FlowEntry { Priority = 1, Pattern = FlowPattern.Create([prefix, new FieldMatch(FlowField.TcpDst, 1, ushort.MaxValue)]) });
            table.Add(new FlowEntry { Priority = 1, Pattern = FlowPattern.Create([prefix, new FieldMatch(FlowField.TcpSrc, 1, ushort.MaxValue)]) });
        }

        table.HomeCount.Should().Be(tuples);
    }

    [TestCase(3, 0, 4, Description = "each mask its own tuple")]
    [TestCase(3, 2, 4, Description = "each prefix its own tuple, whatever ports are named")]
    public void Masks_ThatComeAndGo_ShareNoMoreThanThoseThatAreThere(int stay, int ports, int tuples)
    {
        var table = new FlowTable();
        FlowEntry Make(int length, params FieldMatch[] others) => new()
        {
            Priority = 1, Pattern = FlowPattern.Create([new FieldMatch(FlowField.Ipv4Dst, (UInt128)((uint)length << 24), uint.MaxValue << (32 - length)), .. others]),
        };
        for (var length = 32; length > 32 - stay; length--)
        {
            table.Add(Make(length));
            FieldMatch[] named = [new(FlowField.TcpSrc, 1, ushort.MaxValue), new(FlowField.TcpDst, 1, ushort.MaxValue)];
            named.Take(ports).ToList().ForEach(port => table.Add(Make(length, port)));
        }

        for (var length = 8; length < 28; length++)
        {
            var guest = Make(length);
            table.Add(guest);
            table.HomeCount.Should().Be(tuples);
            table.Remove(guest);
        }
    }

    [Test]
    public void Rank_EqualPriority_OlderFirst()
    {
        var table = new FlowTable();
        var older = new FlowEntry { Priority = 5, Pattern = FlowPattern.Create([new FieldMatch(FlowField.InPort, 1, uint.MaxValue)]) };
        var newer = new FlowEntry { Priority = 5, Pattern = FlowPattern.Create([new FieldMatch(FlowField.EthType, 2, ushort.MaxValue)]) };
        table.Add(older);
        table.Add(newer);
        FlowKey key = default;
        key.Set(FlowField.InPort, 1);
        key.Set(FlowField.EthType, 2);
        table.Find(ref key).Should().BeSameAs(older);
    }

    [Test]
    public void Change_HundredThousandEntries_CostsMicroseconds()
    {
        var table = new FlowTable();
        FlowEntry Make(int i) => new()
        {
            Priority = (ushort)(i % 100), Pattern = FlowPattern.Create([new FieldMatch(FlowField.Ipv4Dst, (UInt128)i, uint.MaxValue)]),
        };
        for (var i = 0; i < 100_000; i++)
        {
            table.Add(Make(i));
        }

        var clock = Stopwatch.StartNew();
        for (var i = 0; i < 1000; i++)
        {
            var entry = Make(200_000 + i);
            table.Add(entry);
            table.Remove(entry);
        }

        clock.Elapsed.TotalMicroseconds.Should().BeLessThan(1000 * 200, "a change must not depend on the number of entries");
    }

    [Test]
    public void Lookup_WhileEntriesComeAndGo_AlwaysFindsTheOneThatStays()
    {
        var rounds = new WorkerRounds(1);
        var table = new FlowTable(1, new EntryMemory(1, rounds));
        FieldMatch Destination(int value) => new(FlowField.Ipv4Dst, (UInt128)value, uint.MaxValue);
        var stays = new FlowEntry { Priority = 10, Pattern = FlowPattern.Create([Destination(7)]) };
        table.Add(stays);
        table.Add(new FlowEntry { Priority = 1 });
        var wrong = 0;
        var lookups = 0;
        using var stop = new CancellationTokenSource();
        var reader = new Thread(() =>
        {
            FlowKey key = default;
            key.Set(FlowField.Ipv4Dst, 7);
            while (!stop.IsCancellationRequested)
            {
                // Priority 20 matches as well while it is there; nothing else may win, and no memory is used again within the round.
                rounds.Begin(0);
                var found = table.Find(ref key);
                wrong += ReferenceEquals(found, stays) || found?.Priority == 20 ? 0 : 1;
                rounds.End(0);
                lookups++;
            }
        });
        reader.Start();
        var random = new Random(1);
        for (var round = 0; round < 30; round++)
        {
            // The hash grows, buckets are shared, masks appear and vanish, and the order of the tuples turns over and back.
            var others = Enumerable.Range(100, 2000).Select(value => new FlowEntry { Priority = (ushort)random.Next(9), Pattern = FlowPattern.Create([Destination(value)]) })
                .Append(new FlowEntry { Priority = 20, Pattern = FlowPattern.Create([Destination(7)]) })
                .Append(new FlowEntry { Priority = 20, Pattern = FlowPattern.Create([new FieldMatch(FlowField.Ipv4Dst, 7, 0xFF)]) })
                .Append(new FlowEntry { Priority = 5, Pattern = FlowPattern.Create([new FieldMatch(FlowField.Ipv4Dst, 7, 0xFFFF)]) })
                .OrderBy(_ => random.Next()).ToList();
            others.ForEach(table.Add);
            others.OrderBy(_ => random.Next()).ToList().ForEach(table.Remove);
        }

        stop.Cancel();
        reader.Join();
        lookups.Should().BePositive();
        wrong.Should().Be(0);
        table.Statistics.ActiveCount.Should().Be(2);
    }

    /// <summary>The entries that match, in the order of lookup.</summary>
    internal static List<FlowEntry> Matching(IEnumerable<FlowEntry> entries, FlowKey key) =>
        [.. entries.Where(entry => entry.Pattern.Matches(key)).OrderByDescending(entry => entry.Rank)];

    internal static FlowEntry? EntryOf(FlowTable table, EntryNode* node) => node is null ? null : table.Memory.EntryOf(node);

    private static FlowKey RandomKey(Random random)
    {
        FlowKey key = default;
        foreach (var field in Fields)
        {
            key.Set(field, RandomValue(field, random));
        }

        return key;
    }

    private static FlowPattern RandomPattern(Random random) => FlowPattern.Create(Fields.Where(_ => random.Next(2) == 0)
        .Select(field => new FieldMatch(field, RandomValue(field, random), random.Next(4) == 0 ? RandomMask(field, random) : UInt128.MaxValue)).ToList());

    // Addresses have the same bits high up and low down, so that prefixes tell them apart.
    private static UInt128 RandomValue(FlowField field, Random random) =>
        (UInt128)((uint)random.Next(3) * (field is FlowField.Ipv4Src or FlowField.Ipv4Dst ? 0x11111111u : 1));

    private static UInt128 RandomMask(FlowField field, Random random) =>
        field is FlowField.Ipv4Src or FlowField.Ipv4Dst ? (UInt128)(uint.MaxValue << random.Next(32)) : 1;
}
