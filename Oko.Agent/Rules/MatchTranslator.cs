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
        if (match.IsEmpty)
        {
            return FlowPattern.CatchAll;
        }

        FlowKey key = default, mask = default;
        foreach (var entry in match)
        {
            if (entry.Field == OxmCatalogue.Filter)
            {
                continue;
            }

            var field = (FlowField)entry.Field.Number;
            key.Set(field, entry.Value);
            mask.Set(field, entry.EffectiveMask);
        }

        return FlowPattern.Create(key, mask);
    }
}
