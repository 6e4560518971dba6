using Oko.Datapath.Packet;
using Oko.Datapath.Tables;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Rules;

/// <summary>Turns the match of a message into the pattern that the datapath looks up. Stateless; any thread.</summary>
/// <remarks>The codec has checked lengths, masks, ranges, duplicates and prerequisites. The filter field is no header
/// field and is left to the caller.</remarks>
internal static class MatchTranslator
{
    /// <summary>Translates a match.</summary>
    public static FlowPattern Translate(FlowMatch match)
    {
        if (match.Entries.IsEmpty)
        {
            return FlowPattern.CatchAll;
        }

        var fields = new List<FieldMatch>(match.Entries.Length);
        foreach (var entry in match.Entries)
        {
            if (entry.Field == OxmCatalogue.Filter)
            {
                continue;
            }

            fields.Add(new FieldMatch((FlowField)entry.Field.Number, entry.Value, entry.EffectiveMask));
        }

        return FlowPattern.Create(fields);
    }
}
