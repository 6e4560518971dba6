using Oko.Agent.Controllers;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;
using static Oko.Agent.Tests.Rules.RuleBench;

namespace Oko.Agent.Tests.Rules;

/// <summary>Random flow-mods on few tables, priorities, fields and filters, so that they meet often; a list of entries searched
/// field by field must always hold the same.</summary>
public class RandomFlowModTests
{
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public void FlowMods_Random_LeaveTheSameAsANaiveModel(int seed)
    {
        using var bench = new RuleBench(maxRulesPerTable: 40);
        var model = new Model(40);
        var random = new Random(seed);
        for (var step = 0; step < 3000; step++)
        {
            var mod = RandomMod(random);
            var view = random.Next(3) switch { 0 => ConnectionView.Hidden, 1 => ConnectionView.Stripped, _ => ConnectionView.Everything };
            var expected = model.Apply(mod, view);
            FlowModFailedCode? actual = null;
            try
            {
                bench.Do(mod, view);
            }
            catch (OpenFlowErrorException error)
            {
                actual = (FlowModFailedCode)error.Code;
            }

            actual.Should().Be(expected, "seed {0}, step {1}: {2}", seed, step, mod);
            bench.Stats().Select(entry => Model.Entry.Of(entry).ToString()).Order()
                .Should().Equal(model.Entries.Select(entry => entry.ToString()).Order(), "seed {0}, step {1}: {2}", seed, step, mod);
        }

        bench.Removed.Select(message => message.Cookie.Value).Order().Should().Equal(model.Removed.Select(cookie => cookie.Value).Order());
        foreach (var filter in new uint[] { 1, 2 })
        {
            bench.Rules.RunAsync(() => bench.Rules.CountFilterReferences(filter)).Result
                .Should().Be(model.Entries.Count(entry => entry.Filter == filter));
        }
    }

    private static FlowMod RandomMod(Random random)
    {
        // Deletes are rarer than adds, and mostly narrow, so that tables fill up.
        var command = random.Next(12) switch
        {
            < 7 => FlowModCommand.Add,
            7 => FlowModCommand.Modify,
            8 => FlowModCommand.ModifyStrict,
            9 => FlowModCommand.Delete,
            _ => FlowModCommand.DeleteStrict,
        };
        var isDelete = command >= FlowModCommand.Delete;
        var flags = (FlowModFlags)(random.Next(2) | (random.Next(8) == 0 ? 2 : 0));
        return Mod(command, (ushort)random.Next(1, 4), RandomMatch(random), Apply(Output((uint)random.Next(1, 4)))) with
        {
            Table = isDelete && random.Next(3) == 0 ? TableId.All : new TableId((byte)random.Next(2)),
            Cookie = new Cookie((ulong)random.Next(4)),
            CookieMask = random.Next(3) == 0 ? 1UL : 0,
            OutPort = random.Next(3) == 0 ? new PortNumber((uint)random.Next(1, 4)) : PortNumber.Any,
            Flags = flags,
        };
    }

    private static FlowMatch RandomMatch(Random random)
    {
        var entries = new List<OxmEntry>();
        if (random.Next(2) == 0)
        {
            entries.Add(new OxmEntry(OxmCatalogue.InPort, (uint)random.Next(1, 3)));
        }

        switch (random.Next(4))
        {
            case 0:
                entries.Add(new OxmEntry(OxmCatalogue.EthType, 0x0806));
                break;
            case 1:
                entries.Add(new OxmEntry(OxmCatalogue.EthType, 0x0800));
                break;
            case 2:
                entries.Add(new OxmEntry(OxmCatalogue.EthType, 0x0800));
                UInt128? mask = random.Next(3) switch { 0 => null, 1 => 0xFFFFFF00, _ => 0xFFFF0000 };
                entries.Add(new OxmEntry(OxmCatalogue.Ipv4Dst, 0x0A000000u & (mask ?? uint.MaxValue), mask));
                break;
        }

        if (random.Next(3) == 0)
        {
            entries.Add(new OxmEntry(OxmCatalogue.Filter, (uint)random.Next(1, 3)));
        }

        return new FlowMatch([.. entries.OrderBy(_ => random.Next())]);
    }

    private sealed class Model(int bound)
    {
        public List<Entry> Entries { get; } = [];

        public List<Cookie> Removed { get; } = [];

        public FlowModFailedCode? Apply(FlowMod mod, ConnectionView view)
        {
            if (mod.Command == FlowModCommand.Add)
            {
                return Add(mod, view);
            }

            var isStrict = mod.Command is FlowModCommand.ModifyStrict or FlowModCommand.DeleteStrict;
            var isDelete = mod.Command >= FlowModCommand.Delete;
            var request = Entry.Of(mod);
            var selected = Entries.Where(entry =>
                (mod.Table == TableId.All || mod.Table.Value == entry.Table)
                && (isStrict ? entry.IsSameAs(request with { Table = entry.Table }) : request.Contains(entry))
                && ((entry.Cookie.Value ^ mod.Cookie.Value) & mod.CookieMask) == 0
                && (!isDelete || mod.OutPort == PortNumber.Any || entry.OutPort == mod.OutPort.Value)
                && (entry.Filter is null || !view.HidesFilterEntries)).ToList();
            foreach (var entry in selected)
            {
                Entries.Remove(entry);
                if (!isDelete)
                {
                    Entries.Add(entry with { OutPort = request.OutPort });
                }
                else if (entry.Flags.HasFlag(FlowModFlags.SendFlowRem))
                {
                    Removed.Add(entry.Cookie);
                }
            }

            return null;
        }

        private FlowModFailedCode? Add(FlowMod mod, ConnectionView view)
        {
            var entry = Entry.Of(mod);
            var seen = Entries.Where(other => other.Table == entry.Table && (other.Filter is null || !view.HidesFilterEntries));
            if (mod.Flags.HasFlag(FlowModFlags.CheckOverlap) && seen.Any(entry.Overlaps))
            {
                return FlowModFailedCode.Overlap;
            }

            if (Entries.RemoveAll(entry.IsSameAs) == 0 && Entries.Count(other => other.Table == entry.Table) == bound)
            {
                return FlowModFailedCode.TableFull;
            }

            Entries.Add(entry);
            return null;
        }

        public sealed record Entry(
            byte Table, ushort Priority, uint? InPort, uint? EthType, uint? Address, uint AddressMask, uint? Filter, Cookie Cookie,
            uint OutPort, FlowModFlags Flags)
        {
            public static Entry Of(FlowMod mod) => Of(mod.Table, mod.Priority, mod.Match, mod.Cookie, mod.Instructions[0], mod.Flags);

            public static Entry Of(FlowStatsEntry entry) =>
                Of(entry.Table, entry.Priority, entry.Match, entry.Cookie, entry.Instructions[0], entry.Flags);

            public bool IsSameAs(Entry other) =>
                (Table, Priority, InPort, EthType, Address, AddressMask, Filter)
                == (other.Table, other.Priority, other.InPort, other.EthType, other.Address, other.AddressMask, other.Filter);

            public bool Contains(Entry other) =>
                (InPort is null || InPort == other.InPort)
                && (EthType is null || EthType == other.EthType)
                && (Address is null || ((AddressMask & ~other.AddressMask) == 0 && Address == (other.Address & AddressMask)))
                && (Filter is null || Filter == other.Filter);

            public bool Overlaps(Entry other) =>
                Priority == other.Priority
                && (InPort is null || other.InPort is null || InPort == other.InPort)
                && (EthType is null || other.EthType is null || EthType == other.EthType)
                && (((Address ?? 0) ^ (other.Address ?? 0)) & AddressMask & other.AddressMask) == 0;

            private static Entry Of(TableId table, ushort priority, FlowMatch match, Cookie cookie, Instruction instruction, FlowModFlags flags)
            {
                var output = (OutputAction)((ApplyActionsInstruction)instruction).Actions[0];
                var address = match.Find(OxmCatalogue.Ipv4Dst);
                return new Entry(
                    table.Value,
                    priority,
                    (uint?)match.Find(OxmCatalogue.InPort)?.Value,
                    (uint?)match.Find(OxmCatalogue.EthType)?.Value,
                    (uint?)address?.Value,
                    address is { } entry ? (uint)(entry.Mask ?? uint.MaxValue) : 0,
                    match.FilterId,
                    cookie,
                    output.Port.Value,
                    flags);
            }
        }
    }
}
