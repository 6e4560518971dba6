using System.Diagnostics;
using Oko.Datapath.Packet;
using Oko.Datapath.Tables;
using Oko.Datapath.Workers;

namespace Oko.Datapath.Tests.Tables;

public sealed class TupleSpaceTests
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

            FlowKey key = default;
            foreach (var field in Fields)
            {
                key.Set(field, (UInt128)random.Next(3));
            }

            // Walk down all candidates, as declining filters would make it do.
            var expected = entries.Where(entry => entry.Pattern.Matches(key)).OrderByDescending(entry => entry.Rank).ToList();
            var bound = ulong.MaxValue;
            foreach (var next in expected)
            {
                table.Find(ref key, bound).Should().BeSameAs(next);
                bound = next.Rank;
            }

            table.Find(ref key, bound).Should().BeNull();
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

    private static FlowPattern RandomPattern(Random random) => FlowPattern.Create(Fields.Where(_ => random.Next(2) == 0)
        .Select(field => new FieldMatch(field, (UInt128)random.Next(3), random.Next(4) == 0 ? 1 : UInt128.MaxValue)).ToList());
}
