using System.Collections.Immutable;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Text;

namespace Oko.OpenFlow.Tests.Messages;

/// <summary>Random flows survive the wire, and random matches survive being printed and read.</summary>
public sealed class RandomFlowTests
{
    private const int Rounds = 3000;

    private static readonly (ushort EthType, byte? IpProto)[] Protocols =
    [
        (0x0800, null), (0x0800, 6), (0x0800, 17), (0x0800, 132), (0x0800, 1), (0x0800, 47), (0x86DD, null), (0x86DD, 6), (0x86DD, 17),
        (0x86DD, 132), (0x86DD, 58), (0x0806, null), (0x8847, null), (0x8848, null), (0x88E7, null), (0x88CC, null),
    ];

    [Test]
    public void Codec_RandomFlowMods_SurviveEncodingAndDecoding()
    {
        var random = new Random(4);
        for (var round = 0; round < Rounds; round++)
        {
            var flow = new FlowMod
            {
                Xid = (uint)random.Next(),
                Cookie = new Cookie((ulong)random.NextInt64()),
                Table = new TableId((byte)random.Next(255)),
                Command = (FlowModCommand)random.Next(5),
                Priority = (ushort)random.Next(65536),
                Flags = (FlowModFlags)random.Next(32),
                Match = RandomMatch(random),
                Instructions = RandomInstructions(random),
            };

            var read = (FlowMod)MessageCodec.Decode(MessageCodec.Encode(flow));

            read.Match.Should().Be(flow.Match);
            (read with { Match = FlowMatch.Any, Instructions = [] }).Should().Be(flow with { Match = FlowMatch.Any, Instructions = [] });
            FlowTextFormatter.FormatInstructions(read.Instructions).Should().Be(FlowTextFormatter.FormatInstructions(flow.Instructions));
            MessageCodec.Encode(read).Should().Equal(MessageCodec.Encode(flow));
        }
    }

    [Test]
    public void Text_RandomMatches_SurvivePrintingAndReading()
    {
        var random = new Random(5);
        for (var round = 0; round < Rounds; round++)
        {
            var match = RandomMatch(random);

            FlowTextParser.ParseMatch(FlowTextFormatter.FormatMatch(match)).Should().Be(match, FlowTextFormatter.FormatMatch(match));
        }
    }

    [Test]
    public void Text_RandomInstructions_SurvivePrintingAndReading()
    {
        var random = new Random(6);
        for (var round = 0; round < Rounds; round++)
        {
            var text = FlowTextFormatter.FormatInstructions(RandomInstructions(random));

            // The match gives a protocol, since the text names ports by it.
            FlowTextFormatter.FormatInstructions(FlowTextParser.ParseFlow($"tcp,actions={text}", FlowModCommand.Add).Instructions).Should().Be(text);
        }
    }

    /// <summary>Fields in the order of their numbers, each with what it needs.</summary>
    private static FlowMatch RandomMatch(Random random)
    {
        var chosen = Protocols[random.Next(Protocols.Length)];
        var entries = new SortedDictionary<int, OxmEntry>();
        if (random.Next(8) != 0)
        {
            entries[OxmCatalogue.EthType.Number] = new(OxmCatalogue.EthType, chosen.EthType);
            if (chosen.IpProto is { } protocol)
            {
                entries[OxmCatalogue.IpProto.Number] = new(OxmCatalogue.IpProto, protocol);
            }
        }

        for (var count = random.Next(10); count > 0; count--)
        {
            var field = OxmCatalogue.Basics[random.Next(40)];
            if (entries.ContainsKey(field.Number) || field == OxmCatalogue.EthType || field == OxmCatalogue.IpProto)
            {
                continue;
            }

            entries[field.Number] = RandomEntry(random, field);
        }

        if (random.Next(3) == 0)
        {
            entries[100] = new(OxmCatalogue.Filter, (uint)random.Next(1, 1000));
        }

        // Fields that lack what they need fall out, those that need them in the next round.
        for (var before = -1; before != entries.Count;)
        {
            before = entries.Count;
            var match = new FlowMatch([.. entries.Values]);
            foreach (var entry in match.Entries.Where(entry => !MatchCodec.HasPrerequisite(match, entry.Field)))
            {
                entries.Remove(entry.Field.Number);
            }
        }

        return new FlowMatch([.. entries.Values]);
    }

    private static OxmEntry RandomEntry(Random random, OxmField field)
    {
        var value = RandomBits(random) & field.AllBits;
        if (field == OxmCatalogue.VlanVid)
        {
            value |= 0x1000;
        }

        if (field == OxmCatalogue.Icmpv6Type)
        {
            value = 135 + ((uint)value & 1);
        }

        if (!field.Maskable || random.Next(2) == 0)
        {
            return new OxmEntry(field, value);
        }

        var mask = RandomBits(random) & field.AllBits;
        mask = field == OxmCatalogue.VlanVid ? mask | 0x1000 : mask;
        return mask == 0 || mask == field.AllBits ? new OxmEntry(field, value) : new OxmEntry(field, value & mask, mask);
    }

    private static UInt128 RandomBits(Random random) =>
        new((ulong)random.NextInt64(long.MinValue, long.MaxValue), (ulong)random.NextInt64(long.MinValue, long.MaxValue));

    private static ImmutableArray<Instruction> RandomInstructions(Random random)
    {
        Instruction[] all =
        [
            new MeterInstruction(new MeterId((uint)random.Next(1, 100))),
            new ApplyActionsInstruction(RandomActions(random)),
            new ClearActionsInstruction(),
            new WriteActionsInstruction(RandomActions(random)),
            new WriteMetadataInstruction((ulong)random.NextInt64(), (ulong)random.NextInt64()),
            new GotoTableInstruction(new TableId((byte)random.Next(255))),
        ];
        return [.. all.Where(_ => random.Next(2) == 0)];
    }

    private static ImmutableArray<OfAction> RandomActions(Random random) => [.. Enumerable.Range(0, random.Next(1, 8)).Select(_ => RandomAction(random))];

    private static OfAction RandomAction(Random random) => random.Next(17) switch
    {
        0 => new OutputAction(new PortNumber((uint)random.Next(1, 1000)), 0),
        1 => new OutputAction(PortNumber.Controller, (ushort)random.Next(65536)),
        2 => new OutputAction(new PortNumber((uint)random.NextInt64(PortNumber.InPort.Value, PortNumber.Controller.Value)), 0),
        3 => new GroupAction(new GroupId((uint)random.Next())),
        4 => new SetQueueAction(new QueueId((uint)random.Next())),
        5 => new SetMplsTtlAction((byte)random.Next(256)),
        6 => new DecMplsTtlAction(),
        7 => new SetNwTtlAction((byte)random.Next(256)),
        8 => new DecNwTtlAction(),
        9 => new CopyTtlInAction(),
        10 => new PushVlanAction(0x8100),
        11 => new PopVlanAction(),
        12 => new PushMplsAction(0x8847),
        13 => new PopMplsAction(0x0800),
        14 => new PushPbbAction(0x88E7),
        15 => new PopPbbAction(),
        _ => new SetFieldAction(RandomSet(random)),
    };

    private static OxmEntry RandomSet(Random random)
    {
        var field = OxmCatalogue.Basics[random.Next(3, 40)];
        var value = RandomBits(random) & field.AllBits;
        return new OxmEntry(field, field == OxmCatalogue.VlanVid ? value | 0x1000 : value);
    }
}
