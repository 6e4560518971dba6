using Oko.Datapath.Groups;
using Oko.Datapath.Meters;
using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Tables;
using static Oko.Datapath.Pipeline.DatapathAction;

namespace Oko.Datapath.Tests.Pipeline;

/// <summary>Packets that come together, against the same ones one after the other: in all that ports, controllers, filters, meters, groups
/// and counters see of them.</summary>
public sealed class GroupedRunTests
{
    private const int Tables = 6, Ports = 4, Rounds = 40;

    [Test]
    public void RandomPipelines_PacketsTogether_EqualOneByOne([Range(1, 30)] int seed)
    {
        using var together = new Side(seed);
        using var alone = new Side(seed);
        Compare(together, alone, seed, changes: true);
        together.Steps.Should().BePositive();
    }

    /// <summary>Several filters with state above each other in every table, before entries of all kinds.</summary>
    [Test]
    public void RandomPipelines_FiltersEverywhere_EqualOneByOne([Range(31, 50)] int seed)
    {
        using var together = new Side(seed, filterShare: 2);
        using var alone = new Side(seed, filterShare: 2);
        Compare(together, alone, seed, changes: false);
    }

    [Test]
    public void Step_ExchangedWhilePacketsTakeIt_IsTheOldOneOrTheNew()
    {
        using var harness = new PipelineHarness { Records = false };
        var entry = harness.Add(1, [], new InstructionSet { GotoTable = 1 });
        harness.Add(1, [], Bench.Apply(Output(3)), table: 1);
        var frame = RandomFrame(new Random(1));
        InstructionSet[] kinds = [new InstructionSet { GotoTable = 1 }, Bench.Apply(Output(2)), InstructionSet.Empty, new InstructionSet { Write = [Output(4)] }];
        var isDone = false;
        var control = new Thread(() =>
        {
            for (var change = 0; !Volatile.Read(ref isDone); change++)
            {
                entry.SetInstructions(kinds[change % kinds.Length]);
            }
        });
        control.Start();
        for (var batch = 0; batch < 50_000; batch++)
        {
            harness.Run(1, frame, 32);
        }

        Volatile.Write(ref isDone, true);
        control.Join();
        entry.PacketCount.Should().Be(50_000 * 32);
    }

    [Test]
    public void Ttl_InvalidInALaterTable_GoesToTheControllerInItsTurn()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], new InstructionSet { GotoTable = 1 });
        harness.Add(2, [], new InstructionSet { Apply = [DecNwTtl(), PushVlan(0x8100)], GotoTable = 2 }, table: 1);
        harness.Add(3, [], Bench.Apply(Output(ReservedPort.Controller), Output(2)), table: 2);
        byte[][] frames = [WithTtl(2), WithTtl(1), WithTtl(3)];
        harness.RunAll(1, frames, frames.Length).Should().HaveCount(2);
        var kinds = new List<(PacketInKind, byte, ulong)>();
        while (harness.PacketIns.TryRead(out var record))
        {
            kinds.Add((record!.Kind, record.TableId, record.Cookie));
        }

        kinds.Should().Equal((PacketInKind.Action, (byte)2, 3UL), (PacketInKind.InvalidTtl, (byte)1, 2UL), (PacketInKind.Action, (byte)2, 3UL));
    }

    [Test]
    public void Instructions_Replaced_AreTheNextPackets()
    {
        using var harness = new PipelineHarness();
        harness.Add(1, [], new InstructionSet { GotoTable = 1 });
        var entry = harness.Add(1, [], new InstructionSet { GotoTable = 2 }, table: 1);
        harness.Add(1, [], Bench.Apply(Output(2)), table: 2);
        harness.Add(1, [], Bench.Apply(Output(3)), table: 3);
        harness.Run(1, Frames.Udp4()).Should().ContainSingle().Which.Port.Should().Be(2);
        entry.SetInstructions(new InstructionSet { GotoTable = 3 });
        harness.Run(1, Frames.Udp4()).Should().ContainSingle().Which.Port.Should().Be(3);
        entry.SetInstructions(Bench.Apply(Output(4)));
        harness.Run(1, Frames.Udp4()).Should().ContainSingle().Which.Port.Should().Be(4);
    }

    [Test]
    public void LaterTables_PacketsTogether_AllocateNothing()
    {
        using var harness = new PipelineHarness { Records = false };
        harness.Add(1, [], new InstructionSet { Apply = [PushVlan(0x8100), SetField(FlowField.VlanVid, 0x1005)], GotoTable = 1 });
        harness.Add(1, [], new InstructionSet { Write = [Output(2)], GotoTable = 3 }, table: 1);
        harness.Add(1, [], new InstructionSet { Apply = [PopVlan()] }, table: 3);
        var frame = Frames.Udp4();
        harness.Run(1, frame, 64);
        var before = GC.GetAllocatedBytesForCurrentThread();
        harness.Run(1, frame, 64);
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
    }

    private static List<string> Text(List<(uint Port, byte[] Frame)> sent) => [.. sent.Select(one => $"{one.Port} {Convert.ToHexString(one.Frame)}")];

    private static byte[] WithTtl(byte ttl)
    {
        var frame = Frames.Udp4();
        frame[22] = ttl;
        return frame;
    }

    private static void Compare(Side together, Side alone, int seed, bool changes)
    {
        var random = new Random(-seed);
        for (var round = 0; round < Rounds; round++)
        {
            var frames = Enumerable.Range(0, random.Next(1, 65)).Select(_ => RandomFrame(random)).ToArray();
            var port = (uint)random.Next(1, Ports + 1);
            Text(together.Harness.RunAll(port, frames, frames.Length)).Should().Equal(Text(alone.Harness.RunAll(port, frames, 1)), "round {0}", round);
            together.PacketIns().Should().Equal(alone.PacketIns(), "round {0}", round);
            if (changes && random.Next(3) == 0)
            {
                var change = random.Next();
                together.Change(new Random(change));
                alone.Change(new Random(change));
            }
        }

        together.Counters().Should().Equal(alone.Counters());
    }

    private static byte[] RandomFrame(Random random)
    {
        var frame = Frames.Udp4((uint)random.Next(3), (uint)random.Next(3), (ushort)random.Next(3), (ushort)random.Next(3));
        frame[22] = (byte)random.Next(1, 5);
        return random.Next(4) switch
        {
            0 => Frames.Vlan(frame, (ushort)random.Next(3)),
            1 when random.Next(4) == 0 => frame[..random.Next(10, 40)],
            _ => frame,
        };
    }

    /// <summary>A pipeline that a seed gives, with filters, meters and groups of its own.</summary>
    private sealed class Side : IDisposable
    {
        private readonly FilterSlot[] _filters = [.. Enumerable.Range(2, 2).Select(period => Tests.Filters.Slot(Tests.Filters.Periodic(period), (uint)period))];
        private readonly Meter[] _meters = [.. Enumerable.Range(1, 2).Select(n => new Meter((uint)n, [new MeterBand(MeterBandKind.Drop, 1, (uint)(200 * n), countsPackets: true)]))];
        private readonly Group[] _groups =
        [
            new(1, new GroupContents(GroupKind.All, [new Bucket { Actions = [SetField(FlowField.UdpDst, 9), Output(2)] }, new Bucket { Actions = [Output(3)] }])),
            new(2, new GroupContents(GroupKind.Select, [new Bucket { Weight = 1, Actions = [Output(1)] }, new Bucket { Weight = 2, Actions = [PushVlan(0x8100), Output(4)] }])),
        ];

        private readonly List<FlowEntry> _entries = [];

        /// <param name="seed">Gives the pipeline.</param>
        /// <param name="filterShare">One entry of so many has a filter.</param>
        public Side(int seed, int filterShare = 8)
        {
            var random = new Random(seed);
            for (byte table = 0; table < Tables; table++)
            {
                _entries.Add(Harness.Add(0, [], RandomInstructions(random, table) with { GotoTable = table + 1 < Tables ? table + 1 : -1 }, table));
                for (var count = random.Next(1, 12); count > 0; count--)
                {
                    _entries.Add(Harness.Add((ushort)random.Next(1, 5), RandomMatch(random), RandomInstructions(random, table), table,
                        random.Next(filterShare) == 0 ? _filters[random.Next(_filters.Length)] : null));
                }
            }
        }

        public PipelineHarness Harness { get; } = new(Ports, Tables);

        /// <summary>Packets that were looked up in later tables.</summary>
        public long Steps => Harness.Tables.Skip(1).Sum(table => (long)table.Statistics.LookupCount);

        public void Change(Random random)
        {
            var entry = _entries[random.Next(_entries.Count)];
            entry.SetInstructions(RandomInstructions(random, entry.TableId));
        }

        public List<string> PacketIns()
        {
            var records = new List<string>();
            while (Harness.PacketIns.TryRead(out var record))
            {
                records.Add($"{record!.Kind} {record.TableId} {record.Cookie} {record.Metadata} {record.InPort} {Convert.ToHexString(record.Data)}");
            }

            return records;
        }

        public List<string> Counters() =>
        [
            .. _entries.Select(entry => $"{entry.PacketCount} {entry.ByteCount} {entry.LastUsedNanoseconds}"),
            .. Harness.Tables.Select(table => table.Statistics.ToString()),
            .. _filters.Select(filter => $"{filter.Runs} {filter.Matches}"),
            .. _meters.Select(meter => $"{meter.PacketCount} {meter.ByteCount} {meter.Bands[0].PacketCount}"),
            .. _groups.Select(group => $"{group.PacketCount} {group.ByteCount}"),
            .. Harness.Pipeline.Balance.Drops.Select(drops => $"{drops}"),
        ];

        public void Dispose() => Harness.Dispose();

        private InstructionSet RandomInstructions(Random random, int table) => new()
        {
            Meter = random.Next(12) == 0 ? _meters[random.Next(_meters.Length)] : null,
            Apply = [.. Enumerable.Range(0, random.Next(4)).Select(_ => random.Next(6) == 0 ? RandomFate(random) : RandomEdit(random))],
            ClearActions = random.Next(8) == 0,
            Write = [.. Enumerable.Range(0, Math.Max(0, random.Next(5) - 2)).Select(_ => random.Next(2) == 0 ? RandomFate(random) : RandomEdit(random))],
            MetadataValue = (ulong)random.Next(3),
            MetadataMask = random.Next(3) == 0 ? 3UL : 0,
            GotoTable = table + 1 < Tables && random.Next(6) != 0 ? random.Next(table + 1, Tables) : -1,
        };

        private static List<FieldMatch> RandomMatch(Random random) =>
            [.. new[] { FlowField.InPort, FlowField.Ipv4Src, FlowField.Ipv4Dst, FlowField.UdpSrc, FlowField.UdpDst, FlowField.Metadata, FlowField.VlanVid }
                .Where(_ => random.Next(4) == 0)
                .Select(field => new FieldMatch(field, (UInt128)random.Next(3) | (field == FlowField.VlanVid ? 0x1000u : 0), random.Next(4) == 0 ? 1 : UInt128.MaxValue))];

        private DatapathAction RandomFate(Random random) => random.Next(8) switch
        {
            0 => Output(ReservedPort.Controller),
            1 => Output(ReservedPort.Flood),
            2 => Output(ReservedPort.Normal),
            3 => ToGroup(_groups[random.Next(_groups.Length)]),
            4 => SetQueue((uint)random.Next(3)),
            _ => Output((uint)random.Next(1, Ports + 2)),
        };

        private static DatapathAction RandomEdit(Random random) => random.Next(9) switch
        {
            0 => PushVlan(random.Next(2) == 0 ? (ushort)0x8100 : (ushort)0x88A8),
            1 or 2 => PopVlan(),
            3 => DecNwTtl(),
            4 => SetField(FlowField.VlanVid, 0x1000u | (uint)random.Next(3)),
            5 => SetField(FlowField.Ipv4Src, (UInt128)random.Next(3)),
            6 => SetField(FlowField.UdpDst, (UInt128)random.Next(3)),
            7 => random.Next(6) == 0 ? PushMpls(0x8847) : SetField(FlowField.IpDscp, (UInt128)random.Next(3)),
            _ => SetField(FlowField.UdpSrc, (UInt128)random.Next(3)),
        };
    }
}
