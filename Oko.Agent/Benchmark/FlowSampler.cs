using Oko.Agent.Rules;
using Oko.Datapath.Benchmark;
using Oko.Datapath.Packet;
using Oko.Datapath.Tables;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Messages;

namespace Oko.Agent.Benchmark;

/// <summary>Makes flows that hit given entries: each takes the fields of an entry of table 0, then of one of each table that this leads
/// to, as far as they go together; what no entry names is random. One thread.</summary>
/// <remarks>
/// <para>Flows take the entries of table 0 in turn, in a random order, so that as many flows as entries meet them all, but for those
/// that stand behind others.</para>
/// <para>What entries write by set-field in apply-actions is followed, what they push, pop or write otherwise (metadata, tunnel id) is not. Packets whose type no entry names are TCP or UDP over
/// IPv4 without a VLAN tag.</para>
/// </remarks>
public sealed class FlowSampler
{
    private const int Attempts = 64;
    private const ushort Ipv4 = 0x0800, Ipv6 = 0x86DD, Arp = 0x0806;
    private const int TypeWord = 0, ProtocolWord = 3, EthDstWord = 4, EthSrcWord = 5, MetadataWord = 6, TunnelWord = 7, FieldWords = 14;

    // The bit of an Ethernet address that makes it a group's, in the words of the key.
    private const ulong GroupBit = 1UL << 56;

    private readonly Dictionary<byte, List<Candidate>> _tables = [];
    private readonly uint _inPort;
    private RandomSequence _random;
    private int _turn;

    /// <summary>Reads the entries.</summary>
    /// <param name="entries">Flow-mods that add them; those of table 0 that name another ingress port are left out.</param>
    /// <param name="inPort">Port that all packets come from.</param>
    /// <param name="seed">The same seed gives the same flows.</param>
    /// <exception cref="ArgumentException">No entry of table 0 takes packets from that port.</exception>
    public FlowSampler(IEnumerable<FlowMod> entries, uint inPort, ulong seed)
    {
        _inPort = inPort;
        _random = new RandomSequence(seed);
        var start = Start();
        foreach (var entry in entries)
        {
            var pattern = MatchTranslator.Translate(entry.Match);
            if (!start.Agrees(pattern))
            {
                continue;
            }

            if (!_tables.TryGetValue(entry.Table.Value, out var table))
            {
                _tables[entry.Table.Value] = table = [];
            }

            var next = entry.Instructions.OfType<GotoTableInstruction>().FirstOrDefault()?.Table.Value;
            table.Add(new Candidate(pattern, WrittenBy(entry), next));
        }

        if (!_tables.TryGetValue(0, out var first))
        {
            throw new ArgumentException($"no entry of table 0 takes packets from port {inPort}");
        }

        Shuffle(first);
    }

    /// <summary>The fields of the next flow.</summary>
    public FlowKey Next()
    {
        var flow = Start();
        var first = _tables[0];
        var candidate = first[_turn++ % first.Count];
        flow.Take(candidate.Pattern);
        flow.Write(candidate.Written);
        while (candidate.Next is { } next && _tables.TryGetValue(next, out var table) && Choose(table, flow) is { } chosen)
        {
            candidate = chosen;
            flow.Take(candidate.Pattern);
            flow.Write(candidate.Written);
        }

        return Fill(flow);
    }

    private PartialFlow Start()
    {
        var flow = default(PartialFlow);
        flow.Key.Set(FlowField.InPort, _inPort);
        flow.Mask.Set(FlowField.InPort, uint.MaxValue);
        return flow;
    }

    /// <summary>The fields that an entry sets, and their values.</summary>
    private static FlowPattern WrittenBy(FlowMod entry) => FlowPattern.Create(entry.Instructions
        .OfType<ApplyActionsInstruction>().SelectMany(apply => apply.Actions).OfType<SetFieldAction>()
        .Select(set => new FieldMatch((FlowField)set.Field.Field.Number, set.Field.Value, UInt128.MaxValue)));

    private Candidate? Choose(List<Candidate> table, in PartialFlow flow)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var candidate = table[_random.Below(table.Count)];
            if (flow.Agrees(candidate.Pattern))
            {
                return candidate;
            }
        }

        return null;
    }

    private FlowKey Fill(PartialFlow flow)
    {
        ref var key = ref flow.Key;
        if (flow.Mask.Get(FlowField.EthType) == 0)
        {
            key.Set(FlowField.EthType, Ipv4);
        }

        var type = (ushort)key.Get(FlowField.EthType);
        if (flow.Mask.Get(FlowField.IpProto) == 0 && type is Ipv4 or Ipv6)
        {
            key.Set(FlowField.IpProto, _random.Below(2) == 0 ? 6u : 17u);
        }

        if (flow.Mask.Get(FlowField.ArpOp) == 0 && type == Arp)
        {
            key.Set(FlowField.ArpOp, 1);
        }

        for (var word = 0; word < FieldWords; word++)
        {
            if (word is not (TypeWord or ProtocolWord or MetadataWord or TunnelWord))
            {
                key[word] |= _random.Next() & ~flow.Mask[word] & (word is EthDstWord or EthSrcWord ? ~GroupBit : ulong.MaxValue);
            }
        }

        return key;
    }

    private void Shuffle(List<Candidate> candidates)
    {
        for (var index = candidates.Count - 1; index > 0; index--)
        {
            var other = _random.Below(index + 1);
            (candidates[index], candidates[other]) = (candidates[other], candidates[index]);
        }
    }

    /// <summary>An entry: its header part, what it sets and the table it leads to.</summary>
    private sealed record Candidate(FlowPattern Pattern, FlowPattern Written, byte? Next);

    /// <summary>The bits of a flow that are decided, and those of its packets that entries have set since.</summary>
    private struct PartialFlow
    {
        public FlowKey Key;
        public FlowKey Mask;
        private FlowKey _written;
        private FlowKey _writtenMask;

        public readonly bool Agrees(in FlowPattern pattern)
        {
            for (var word = 0; word < FlowKey.WordCount; word++)
            {
                var now = (Key[word] & ~_writtenMask[word]) | _written[word];
                if (IsHeader(word) && ((now ^ pattern.Key[word]) & (Mask[word] | _writtenMask[word]) & pattern.Mask.Words[word]) != 0)
                {
                    return false;
                }
            }

            return true;
        }

        public void Take(in FlowPattern pattern)
        {
            for (var word = 0; word < FlowKey.WordCount; word++)
            {
                if (IsHeader(word))
                {
                    var open = ~(Mask[word] | _writtenMask[word]);
                    Key[word] |= pattern.Key[word] & open;
                    Mask[word] |= pattern.Mask.Words[word] & open;
                }
            }
        }

        public void Write(in FlowPattern written)
        {
            for (var word = 0; word < FlowKey.WordCount; word++)
            {
                _written[word] = (_written[word] & ~written.Mask.Words[word]) | written.Key[word];
                _writtenMask[word] |= written.Mask.Words[word];
            }
        }

        private static bool IsHeader(int word) => word is not (MetadataWord or TunnelWord);
    }
}
