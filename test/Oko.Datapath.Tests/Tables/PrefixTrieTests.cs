using System.Diagnostics;
using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Tables;
using Oko.Datapath.Workers;

namespace Oko.Datapath.Tests.Tables;

// SAFETY: nothing changes a table between a lookup and the look at what it found.
public sealed unsafe class PrefixTrieTests
{
    private const int Enough = 600;

    [Test]
    public void Routes_OfManyLengths_StandInOneTrieUntilTheyAreGone()
    {
        var table = new FlowTable();
        for (var time = 0; time < 2; time++)
        {
            var routes = Enumerable.Range(0, Enough).Select(number => Route((uint)number * 0x0123_4567, 13 + (number % 12))).ToList();
            routes.ForEach(table.Add);
            table.HomeCount.Should().Be(1, "all priorities grow with the length");
            table.Add(Route(0x0A000001, 32));
            table.HomeCount.Should().Be(2, "a trie ends at 24 bits");
            routes.ForEach(table.Remove);
            table.HomeCount.Should().Be(1);
            var rest = Route(0x0A000001, 32);
            KeyOf(0x0A000001, 1, out var key);
            table.Find(ref key)!.Pattern.Should().Be(rest.Pattern);
            table.Remove(table.Find(ref key)!);
            table.HomeCount.Should().Be(0);
        }
    }

    [Test]
    public void Routes_ThatWereBesideATrieThatIsGone_GetOneOfTheirOwn()
    {
        var table = new FlowTable();
        List<FlowEntry> Make(uint inPort) => [.. Enumerable.Range(0, Enough).Select(number => Route((uint)number * 0x0123_4567, 13 + (number % 12), inPort: inPort))];
        var first = Make(1);
        first.ForEach(table.Add);
        Make(2).ForEach(table.Add);
        table.HomeCount.Should().BeGreaterThan(1, "a trie is for what has all else in common");
        first.ForEach(table.Remove);
        table.Add(Route(0x0A0B0C00, 24, inPort: 2));
        table.HomeCount.Should().Be(1);
    }

    [Test]
    public void Routes_WhosePrioritiesDoNotGrowWithTheLength_StayInHashes()
    {
        var table = new FlowTable();
        var routes = Enumerable.Range(0, Enough * 4).Select(number => Route((uint)number * 0x0123_4567, 13 + (number % 12), 100 - (number % 12))).ToList();
        routes.ForEach(table.Add);
        table.HomeCount.Should().BeGreaterThan(1);
        var random = new Random(1);
        for (var packet = 0; packet < 2000; packet++)
        {
            KeyOf((uint)routes[random.Next(routes.Count)].Pattern.Get(FlowField.Ipv4Dst).Value + (uint)random.Next(64), 1, out var key);
            table.Find(ref key).Should().BeSameAs(TupleSpaceTests.Matching(routes, key).FirstOrDefault());
        }
    }

    [Test]
    public void Lookup_OfRoutesAndOthers_EqualsLinearSearch([Range(1, 12)] int seed)
    {
        // Few addresses, so that prefixes lie within one another; ports, filters, priorities and lengths that do not fit into a trie among them.
        var random = new Random(seed);
        var table = new FlowTable();
        var filter = Filters.Slot(Filters.Periodic(2));
        var entries = new List<FlowEntry>();
        var group = new LookupGroup();
        for (var number = 0; number < Enough * 2; number++)
        {
            var entry = Route(RandomAddress(random), 8 + random.Next(17));
            table.Add(entry);
            entries.Add(entry);
        }

        for (var step = 0; step < 1500; step++)
        {
            if (random.Next(2) == 0)
            {
                var index = random.Next(entries.Count);
                table.Remove(entries[index]);
                entries.RemoveAt(index);
            }
            else
            {
                var length = random.Next(10) == 0 ? 1 + random.Next(32) : 8 + random.Next(17);
                var entry = Route(RandomAddress(random), length, random.Next(10) == 0 ? random.Next(40) : length, random.Next(8) == 0 ? 2U : 1, random.Next(12) == 0 ? filter : null);
                table.Add(entry);
                entries.Add(entry);
            }

            if (step % 4 != 0)
            {
                continue;
            }

            for (var packet = 0; packet < LookupGroup.Size; packet++)
            {
                KeyOf(RandomAddress(random), (uint)random.Next(1, 3), out group.Keys[packet]);
            }

            table.Lookup(group, uint.MaxValue, seeksFollowing: true);
            for (var packet = 0; packet < LookupGroup.Size; packet++)
            {
                var expected = TupleSpaceTests.Matching(entries, group.Keys[packet]);
                TupleSpaceTests.EntryOf(table, group.Entries[packet]).Should().BeSameAs(expected.FirstOrDefault());

                // As long as filters decline, together and alone.
                var bound = ulong.MaxValue;
                for (var place = 0; place <= expected.Count; place++)
                {
                    var next = expected.ElementAtOrDefault(place);
                    table.Find(ref group.Keys[packet], bound).Should().BeSameAs(next);
                    if (place == 1)
                    {
                        TupleSpaceTests.EntryOf(table, group.Following[packet]).Should().BeSameAs(next);
                    }

                    if (next?.Filter is null)
                    {
                        break;
                    }

                    bound = next.Rank;
                }
            }
        }
    }

    [Test]
    public void Lookup_WhileRoutesComeAndGo_AlwaysFindsOneThatIsThere()
    {
        var rounds = new WorkerRounds(1);
        var table = new FlowTable(1, new EntryMemory(1, rounds));
        const uint Address = 0x0A0B0C0D;
        var stays = Route(Address, 12);
        table.Add(stays);
        var wrong = 0;
        var lookups = 0;
        var inTrie = false;
        using var stop = new CancellationTokenSource();
        var reader = new Thread(() =>
        {
            KeyOf(Address, 1, out var key);
            while (!stop.IsCancellationRequested)
            {
                rounds.Begin(0);
                var found = table.Find(ref key);
                wrong += found is not null && found.Pattern.Matches(key) && found.Priority >= stays.Priority ? 0 : 1;
                rounds.End(0);
                lookups++;
            }
        });
        reader.Start();
        var random = new Random(1);
        for (var round = 0; round < 60; round++)
        {
            // The trie comes into being and goes, its blocks as well, and routes to the address itself.
            var routes = Enumerable.Range(13, 12).Concat([8, 9, 10]).Select(length => Route(Address, length))
                .Concat(Enumerable.Range(0, 1500).Select(number => Route((uint)number * 0x0123_4567, 13 + (number % 12)))).DistinctBy(route => route.Pattern)
                .OrderBy(_ => random.Next()).ToList();
            routes.ForEach(table.Add);
            inTrie |= table.HomeCount == 1;
            routes.OrderBy(_ => random.Next()).ToList().ForEach(table.Remove);
        }

        stop.Cancel();
        reader.Join();
        inTrie.Should().BeTrue();
        lookups.Should().BePositive();
        wrong.Should().Be(0);
        table.Statistics.ActiveCount.Should().Be(1);
    }

    [Test]
    public void Change_HundredThousandRoutes_CostsMicroseconds()
    {
        var table = new FlowTable();
        var random = new Random(1);
        foreach (var number in Enumerable.Range(0, 100_000))
        {
            table.Add(Route((uint)random.NextInt64(1L << 32), 13 + (number % 12)));
        }

        var clock = Stopwatch.StartNew();
        for (var number = 0; number < 1000; number++)
        {
            var entry = Route((uint)random.NextInt64(1L << 32), 13 + (number % 12));
            table.Add(entry);
            table.Remove(entry);
        }

        clock.Elapsed.TotalMicroseconds.Should().BeLessThan(1000 * 200, "a change must not depend on the number of entries");
    }

    private static FlowEntry Route(uint address, int length, int? priority = null, uint inPort = 1, FilterSlot? filter = null) => new()
    {
        Priority = (ushort)(priority ?? length), Filter = filter,
        Pattern = FlowPattern.Create([new(FlowField.InPort, inPort, uint.MaxValue), new(FlowField.Ipv4Dst, address, uint.MaxValue << (32 - length))]),
    };

    private static void KeyOf(uint address, uint inPort, out FlowKey key)
    {
        key = default;
        key.Set(FlowField.InPort, inPort);
        key.Set(FlowField.Ipv4Dst, address);
    }

    private static uint RandomAddress(Random random) => (uint)((random.Next(4) * 0x4000_0000L) + (random.Next(4) << 20) + (random.Next(64) << 10) + random.Next(1024));
}
