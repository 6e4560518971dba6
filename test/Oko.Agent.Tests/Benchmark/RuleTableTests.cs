using System.Diagnostics;
using Oko.Agent.Benchmark;
using Oko.Datapath.Benchmark;
using Oko.Datapath.Packet;
using Oko.Datapath.Tables;
using Oko.OpenFlow.Messages;

namespace Oko.Agent.Tests.Benchmark;

/// <summary>Tables with rule sets like ClassBench's: what they find, and how fast, beside searches that leave nothing to doubt.</summary>
public sealed unsafe class RuleTableTests
{
    [TestCase(RuleClass.Acl, 3000, 20_000)]
    [TestCase(RuleClass.Fw, 3000, 20_000)]
    [TestCase(RuleClass.Ipc, 3000, 20_000)]
    [TestCase(RuleClass.Prefix, 3000, 20_000)]
    [TestCase(RuleClass.Routes, 3000, 20_000)]
    [TestCase(RuleClass.Acl, 10_000, 1_000_000, Explicit = true, Reason = "minutes")]
    [TestCase(RuleClass.Fw, 10_000, 1_000_000, Explicit = true, Reason = "minutes")]
    [TestCase(RuleClass.Ipc, 10_000, 1_000_000, Explicit = true, Reason = "minutes")]
    [TestCase(RuleClass.Routes, 10_000, 1_000_000, Explicit = true, Reason = "minutes")]
    [TestCase(RuleClass.Acl, 100_000, 1_000_000, Explicit = true, Reason = "minutes")]
    [TestCase(RuleClass.Fw, 100_000, 1_000_000, Explicit = true, Reason = "minutes")]
    [TestCase(RuleClass.Ipc, 100_000, 1_000_000, Explicit = true, Reason = "minutes")]
    [TestCase(RuleClass.Routes, 100_000, 1_000_000, Explicit = true, Reason = "minutes")]
    public void Lookup_OfManyPackets_EqualsLinearSearch(RuleClass kind, int rules, int packets)
    {
        var (entries, keys) = Make(kind, rules, packets);
        var table = new FlowTable();
        entries.ForEach(table.Add);
        Compare(table, entries, keys);

        // Whatever form the table has taken, it finds the rest when entries go.
        var random = new Random(1);
        var gone = entries.Where(_ => random.Next(3) != 0).ToList();
        gone.ForEach(table.Remove);
        Compare(table, [.. entries.Except(gone)], keys[..(packets / 4)]);
    }

    [TestCase(RuleClass.Acl, 10_000)]
    [TestCase(RuleClass.Fw, 10_000)]
    [TestCase(RuleClass.Ipc, 10_000)]
    [TestCase(RuleClass.Acl, 100_000, Explicit = true, Reason = "seconds")]
    [TestCase(RuleClass.Fw, 100_000, Explicit = true, Reason = "seconds")]
    [TestCase(RuleClass.Ipc, 100_000, Explicit = true, Reason = "seconds")]
    public void Lookup_IsThreeTimesAsFastAsATupleForEachMask(RuleClass kind, int rules)
    {
        const int Packets = 8192, Rounds = 7, WarmUpRounds = 25;
        var (entries, keys) = Make(kind, rules, Packets);
        var table = new FlowTable();
        entries.ForEach(table.Add);
        var oracle = new LinearTupleSpace(table, entries);
        var group = new LookupGroup();
        var times = new List<(double Ours, double Linear)>();
        // Lookups are compiled as well as they are going to be in the background, after a second or so.
        for (var round = -WarmUpRounds; round < Rounds; round++)
        {
            var clock = Stopwatch.GetTimestamp();
            for (var at = 0; at < Packets; at += LookupGroup.Size)
            {
                keys.AsSpan(at, LookupGroup.Size).CopyTo(new Span<FlowKey>(group.Keys, LookupGroup.Size));
                table.Lookup(group, LookupGroup.First(LookupGroup.Size), seeksFollowing: false);
            }

            var ours = Stopwatch.GetElapsedTime(clock).TotalNanoseconds / Packets;
            clock = Stopwatch.GetTimestamp();
            foreach (ref var key in keys.AsSpan())
            {
                oracle.Lookup(ref key);
            }

            if (round >= 0)
            {
                times.Add((ours, Stopwatch.GetElapsedTime(clock).TotalNanoseconds / Packets));
            }
        }

        var ratio = times.Select(time => time.Linear / time.Ours).Order().ElementAt(Rounds / 2);
        TestContext.Out.WriteLine(
            $"{kind} {rules}: {oracle.Count} masks in {table.HomeCount} hashes and tries, {times.Min(time => time.Ours):f0} ns a lookup, {times.Min(time => time.Linear):f0} ns with a tuple for each mask; median ratio {ratio:f1}");
        ratio.Should().BeGreaterThan(3);
    }

    // Two of three packets are made to hit an entry, the others have random headers.
    private static (List<FlowEntry> Entries, FlowKey[] Keys) Make(RuleClass kind, int rules, int packets)
    {
        var mods = RuleGenerator.Generate(kind, rules, seed: 7);
        var entries = mods.Select(mod => new FlowEntry { Priority = mod.Priority, Pattern = Pattern(mod) }).ToList();
        var sampler = new FlowSampler(mods, PipelineBenchmark.InPort, seed: 3);
        var random = new Random(5);
        var keys = new FlowKey[packets];
        for (var packet = 0; packet < packets; packet++)
        {
            keys[packet] = sampler.Next();
            if (packet % 3 == 0)
            {
                keys[packet].Set(FlowField.Ipv4Src, (UInt128)random.NextInt64(1L << 32));
                keys[packet].Set(packet % 2 == 0 ? FlowField.Ipv4Dst : FlowField.TcpDst, (UInt128)random.NextInt64(1L << 16));
            }
        }

        return (entries, keys);
    }

    private static FlowPattern Pattern(FlowMod mod) =>
        FlowPattern.Create(mod.Match.Entries.Select(entry => new FieldMatch((FlowField)entry.Field.Number, entry.Value, entry.EffectiveMask)));

    private static void Compare(FlowTable table, List<FlowEntry> entries, FlowKey[] keys)
    {
        const int SearchedTogether = 8 * LookupGroup.Size;
        var ordered = entries.OrderByDescending(entry => entry.Rank).ToArray();
        var wrong = 0;
        // No more threads than run at a time: each goes through all entries, and caches do not hold that for many.
        var processors = new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount };
        Parallel.ForEach(keys.Chunk(SearchedTogether), processors, () => new LookupGroup(), (chunk, _, group) =>
        {
            var expected = SearchLinearly(ordered, chunk);
            for (var start = 0; start < chunk.Length; start += LookupGroup.Size)
            {
                var count = Math.Min(LookupGroup.Size, chunk.Length - start);
                chunk.AsSpan(start, count).CopyTo(new Span<FlowKey>(group.Keys, LookupGroup.Size));
                table.Lookup(group, LookupGroup.First(count), seeksFollowing: false);
                for (var packet = 0; packet < count; packet++)
                {
                    if (!ReferenceEquals(expected[start + packet], group.Entries[packet] is var node && node is null ? null : table.Memory.EntryOf(node))
                        || !ReferenceEquals(expected[start + packet], table.Find(ref chunk[start + packet])))
                    {
                        Interlocked.Increment(ref wrong);
                    }
                }
            }

            return group;
        }, _ => { });
        wrong.Should().Be(0);
    }

    /// <summary>For each packet the first entry that matches it. Each entry is compared with all packets that have none yet, so that entries come
    /// out of memory once for many packets.</summary>
    private static FlowEntry?[] SearchLinearly(FlowEntry[] ordered, FlowKey[] keys)
    {
        var found = new FlowEntry?[keys.Length];
        var open = Enumerable.Range(0, keys.Length).ToArray();
        var count = open.Length;
        foreach (var entry in ordered)
        {
            var pattern = entry.Pattern;
            var left = 0;
            foreach (var packet in open.AsSpan(0, count))
            {
                if (pattern.Matches(keys[packet]))
                {
                    found[packet] = entry;
                }
                else
                {
                    open[left++] = packet;
                }
            }

            count = left;
        }

        return found;
    }

    /// <summary>A tuple for each mask, all of them asked for each packet.</summary>
    private sealed class LinearTupleSpace
    {
        private readonly MaskTuple[] _tuples;

        /// <param name="table">Where the entries are.</param>
        /// <param name="entries">All of them.</param>
        public LinearTupleSpace(FlowTable table, IEnumerable<FlowEntry> entries) => _tuples = [.. entries.GroupBy(entry => entry.Pattern.Mask).Select(group =>
        {
            var tuple = new MaskTuple(group.Key, table.Memory);
            foreach (var entry in group)
            {
                tuple.Link(entry);
            }

            return tuple;
        })];

        public int Count => _tuples.Length;

        /// <summary>Packets that an entry was found for.</summary>
        public long Found { get; private set; }

        public void Lookup(ref FlowKey key)
        {
            EntryNode* best = null;
            fixed (FlowKey* words = &key)
            {
                foreach (var tuple in _tuples)
                {
                    var found = tuple.Find((ulong*)words, ulong.MaxValue);
                    if (found is not null && (best is null || found->Rank > best->Rank))
                    {
                        best = found;
                    }
                }
            }

            Found += best is null ? 0 : 1;
        }
    }
}
