using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Tables;
using static Oko.Datapath.Pipeline.DatapathAction;

namespace Oko.Datapath.Tests.Pipeline;

/// <summary>Random tables, packets and filters with state, against a model that searches lists.</summary>
public sealed class PipelineModelTests
{
    private const int Tables = 4, Filters = 3, Ports = 4;
    private static readonly FlowField[] Fields = [FlowField.InPort, FlowField.Ipv4Src, FlowField.Ipv4Dst, FlowField.UdpSrc, FlowField.UdpDst, FlowField.Metadata];
    private static readonly FlowField[] Settable = [FlowField.Ipv4Src, FlowField.Ipv4Dst, FlowField.UdpSrc, FlowField.UdpDst];

    [Test]
    public void Pipeline_RandomEntriesAndPackets_EqualsLinearSearch([Range(1, 25)] int seed)
    {
        var random = new Random(seed);
        using var harness = new PipelineHarness(Ports, Tables);
        var slots = Enumerable.Range(0, Filters).Select(n => Tests.Filters.Slot(Tests.Filters.Periodic(n + 2), (uint)n)).ToArray();
        var model = new Model(slots);
        for (var step = 0; step < 400; step++)
        {
            if (model.Entries.Count > 20 && random.Next(3) == 0)
            {
                var gone = model.Entries[random.Next(model.Entries.Count)];
                model.Entries.Remove(gone);
                harness.Tables[gone.TableId].Remove(gone);
            }
            else
            {
                var table = (byte)random.Next(Tables);
                model.Entries.Add(harness.Add((ushort)random.Next(4), RandomMatch(random), RandomInstructions(random, table), table,
                    random.Next(3) == 0 ? slots[random.Next(Filters)] : null));
            }

            var values = Fields.ToDictionary(field => field, field => (UInt128)random.Next(field == FlowField.Metadata ? 1 : 3));
            values[FlowField.InPort] = (UInt128)random.Next(1, Ports + 1);
            var expected = model.Run(values);
            var sent = harness.Run((uint)values[FlowField.InPort], model.Frame);
            sent.Select(one => (one.Port, Convert.ToHexString(one.Frame))).Should()
                .BeEquivalentTo(expected.Select(one => (one.Port, Convert.ToHexString(one.Frame))), "step {0}", step);
            slots.Select(slot => slot.Runs).Should().Equal(model.Runs.Select(runs => (long)runs), "step {0}", step);
        }

        model.Entries.Should().OnlyContain(entry => entry.PacketCount == model.Hits.GetValueOrDefault(entry));
    }

    private static List<FieldMatch> RandomMatch(Random random) => [.. Fields.Where(_ => random.Next(3) == 0)
        .Select(field => new FieldMatch(field, (UInt128)random.Next(3), random.Next(4) == 0 ? 1 : UInt128.MaxValue))];

    private static InstructionSet RandomInstructions(Random random, int table) => new()
    {
        Apply = [.. Enumerable.Range(0, random.Next(4)).Select(_ => RandomAction(random))],
        ClearActions = random.Next(5) == 0,
        Write = [.. Enumerable.Range(0, random.Next(3)).Select(_ => RandomAction(random))],
        MetadataValue = (ulong)random.Next(3),
        MetadataMask = random.Next(2) == 0 ? 0 : 3UL,
        GotoTable = table + 1 < Tables && random.Next(3) != 0 ? random.Next(table + 1, Tables) : -1,
    };

    private static DatapathAction RandomAction(Random random) => random.Next(2) == 0
        ? Output(random.Next(5) == 0 ? ReservedPort.Flood : (uint)random.Next(1, Ports + 1))
        : SetField(Settable[random.Next(Settable.Length)], (UInt128)random.Next(3));

    /// <summary>The specification in the plainest words.</summary>
    private sealed class Model(FilterSlot[] slots)
    {
        private Dictionary<FlowField, UInt128> _values = [];
        private Dictionary<FilterSlot, bool> _verdicts = [];
        private List<(uint Port, byte[] Frame)> _sent = [];

        public List<FlowEntry> Entries { get; } = [];

        public int[] Runs { get; } = new int[slots.Length];

        public Dictionary<FlowEntry, ulong> Hits { get; } = [];

        public byte[] Frame => Frames.Udp4((uint)_values[FlowField.Ipv4Src], (uint)_values[FlowField.Ipv4Dst],
            (ushort)_values[FlowField.UdpSrc], (ushort)_values[FlowField.UdpDst]);

        public List<(uint Port, byte[] Frame)> Run(Dictionary<FlowField, UInt128> values)
        {
            _values = values;
            _verdicts = [];
            _sent = [];
            var set = new List<DatapathAction>();
            var arrived = new Dictionary<FlowField, UInt128>(values);
            var table = 0;
            while (table >= 0)
            {
                var entry = Entries.Where(entry => entry.TableId == table).OrderByDescending(entry => entry.Priority)
                    .ThenBy(entry => entry.Filter is null).ThenBy(Entries.IndexOf).FirstOrDefault(Matches);
                if (entry is null)
                {
                    set.Clear();
                    break;
                }

                Hits[entry] = Hits.GetValueOrDefault(entry) + 1;
                var instructions = entry.Instructions;
                instructions.Apply.ToList().ForEach(Execute);
                if (instructions.ClearActions)
                {
                    set.Clear();
                }

                foreach (var action in instructions.Write)
                {
                    set.RemoveAll(old => old.Kind == action.Kind && old.Field == action.Field);
                    set.Add(action);
                }

                _values[FlowField.Metadata] = (_values[FlowField.Metadata] & ~(UInt128)instructions.MetadataMask)
                    | (instructions.MetadataValue & instructions.MetadataMask);
                table = instructions.GotoTable;
            }

            set.OrderBy(action => action.Kind == ActionKind.Output).ToList().ForEach(Execute);
            _values = arrived;
            return _sent;
        }

        private bool Matches(FlowEntry entry)
        {
            FlowKey key = default;
            foreach (var (field, value) in _values)
            {
                key.Set(field, value);
            }

            if (!entry.Pattern.Matches(key) || entry.Filter is not { } filter)
            {
                return entry.Pattern.Matches(key);
            }

            if (!_verdicts.TryGetValue(filter, out var verdict))
            {
                var index = (int)filter.FilterId;
                _verdicts[filter] = verdict = Runs[index]++ % (index + 2) == 0;
            }

            return verdict;
        }

        private void Execute(DatapathAction action)
        {
            if (action.Kind == ActionKind.SetField)
            {
                if (_values[action.Field] != action.Value)
                {
                    _verdicts.Clear();
                }

                _values[action.Field] = action.Value;
                return;
            }

            var ports = action.Port == ReservedPort.Flood ? Enumerable.Range(1, Ports).Select(port => (uint)port) : [action.Port];
            _sent.AddRange(ports.Where(port => port != _values[FlowField.InPort]).Select(port => (port, Frame)));
        }
    }
}
