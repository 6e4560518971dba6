using System.Collections.Immutable;
using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Rules;

/// <summary>Checks that the actions of an entry fit its match. Stateless; any thread.</summary>
/// <remarks>Source: OpenFlow 1.3.5, 7.2.5: a set-field whose prerequisites the match (with the actions before it) does not hold
/// is refused with OFPBAC_MATCH_INCONSISTENT. For write-actions the VLAN prerequisites are not checked: the tag may come from
/// a push that an earlier table wrote into the action set.</remarks>
internal static class ActionConsistency
{
    /// <summary>Checks a translated set of instructions against what the match says.</summary>
    /// <exception cref="OpenFlowErrorException">BadAction/MatchInconsistent.</exception>
    public static void Check(InstructionSet instructions, MatchFacts facts)
    {
        var applied = CheckList(instructions.Apply, facts);
        foreach (var action in instructions.Write)
        {
            if (action.Kind == ActionKind.SetField && action.Field is not (FlowField.VlanVid or FlowField.VlanPcp))
            {
                Require(action.Field, applied);
                applied = applied.After(action.Field, action.Value);
            }
        }
    }

    private static MatchFacts CheckList(ImmutableArray<DatapathAction> actions, MatchFacts facts)
    {
        foreach (var action in actions)
        {
            switch (action.Kind)
            {
                case ActionKind.PushVlan:
                    facts = facts with { VlanTags = facts.VlanTags + 1 };
                    break;
                case ActionKind.PopVlan when facts.VlanTags == 0:
                    throw OpenFlowErrorException.BadAction(
                        BadActionCode.MatchInconsistent,
                        "pop_vlan: neither the match (vlan_vid with 0x1000) nor an earlier push_vlan says that there is a tag");
                case ActionKind.PopVlan:
                    facts = facts with { VlanTags = facts.VlanTags - 1 };
                    break;
                case ActionKind.SetField:
                    Require(action.Field, facts);
                    facts = facts.After(action.Field, action.Value);
                    break;
            }
        }

        return facts;
    }

    private static void Require(FlowField field, MatchFacts facts)
    {
        if (!facts.Allows(field))
        {
            throw OpenFlowErrorException.BadAction(
                BadActionCode.MatchInconsistent,
                $"set_field {field}: the match of the entry does not hold the prerequisites of this field");
        }
    }
}
