using Oko.Agent.Benchmark;
using Oko.Datapath.Packet;
using Oko.Datapath.Tables;

namespace Oko.Benchmarks.Tables;

/// <summary>Rule sets as the entries of a table.</summary>
internal static class Rules
{
    /// <summary>Makes a rule set.</summary>
    public static List<FlowEntry> Make(RuleClass kind, int count) => [.. RuleGenerator.Generate(kind, count, seed: 1).Select(mod => new FlowEntry
    {
        Priority = mod.Priority,
        Pattern = FlowPattern.Create(mod.Match.Entries.Select(entry => new FieldMatch((FlowField)entry.Field.Number, entry.Value, entry.EffectiveMask))),
    })];
}
