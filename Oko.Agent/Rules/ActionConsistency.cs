using System.Collections.Immutable;
using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Rules;

/// <summary>Checks that the actions of an entry fit its match. Stateless; any thread.</summary>
/// <remarks>Source: OpenFlow 1.3.5, 7.2.5: a set-field whose prerequisites the match (with the actions before it) does not hold
/// is refused with OFPBAC_MATCH_INCONSISTENT; likewise pops and TTL actions. For write-actions the tags are not checked: they may
/// come from a push that an earlier table wrote into the action set.</remarks>
internal static class ActionConsistency
{
    /// <summary>Checks a translated set of instructions against what the match says.</summary>
    /// <exception cref="OpenFlowErrorException">BadAction/MatchInconsistent.</exception>
    public static void Check(InstructionSet instructions, MatchFacts facts)
    {
        var applied = CheckList(instructions.Apply, facts);
        foreach (var action in instructions.Write)
        {
            if (action.Kind == ActionKind.SetField && !MayComeFromAnEarlierTable(action.Field))
            {
                Require(action.Field, applied);
                applied = applied.After(action.Field, action.Value);
            }
        }
    }

    private static bool MayComeFromAnEarlierTable(FlowField field) =>
        field is FlowField.VlanVid or FlowField.VlanPcp or FlowField.MplsLabel or FlowField.MplsTc or FlowField.MplsBos or FlowField.PbbIsid;

    private static MatchFacts CheckList(ImmutableArray<DatapathAction> actions, MatchFacts facts)
    {
        foreach (var action in actions)
        {
            facts = Check(action, facts);
        }

        return facts;
    }

    /// <summary>Checks one action of a list; returns what is known behind it.</summary>
    private static MatchFacts Check(in DatapathAction action, MatchFacts facts)
    {
        switch (action.Kind)
        {
            case ActionKind.PushVlan:
                return facts with { VlanTags = facts.VlanTags + 1 };
            case ActionKind.PopVlan:
                Require("pop_vlan", facts.VlanTags > 0, "says that there is a tag (vlan_vid with 0x1000)");
                return facts with { VlanTags = facts.VlanTags - 1 };
            case ActionKind.PushMpls:
                // In front of the tags, if there are any: they are no longer the outermost header.
                return facts.Behind(action.EtherType) with { VlanTags = 0 };
            case ActionKind.PopMpls:
                Require("pop_mpls", facts.IsMpls, "says that there is a label (eth_type 0x8847 or 0x8848)");
                return facts.Behind(action.EtherType);
            case ActionKind.PushPbb:
                return MatchFacts.None.Behind(action.EtherType);
            case ActionKind.PopPbb:
                Require("pop_pbb", facts.IsPbb, "says that there is a service instance header (eth_type 0x88e7)");
                return MatchFacts.None;
            case ActionKind.SetMplsTtl or ActionKind.DecMplsTtl or ActionKind.CopyTtlIn or ActionKind.CopyTtlOut:
                Require(action.Kind.ToString(), facts.IsMpls, "says that there is a label (eth_type 0x8847 or 0x8848)");
                return facts;
            case ActionKind.SetNwTtl or ActionKind.DecNwTtl:
                Require(action.Kind.ToString(), facts.IsIp, "says that there is an IP header (eth_type 0x0800 or 0x86dd)");
                return facts;
            case ActionKind.SetField:
                Require(action.Field, facts);
                return facts.After(action.Field, action.Value);
            default:
                return facts;
        }
    }

    private static void Require(string action, bool holds, string what)
    {
        if (!holds)
        {
            throw OpenFlowErrorException.BadAction(BadActionCode.MatchInconsistent, $"{action}: neither the match nor an earlier action {what}");
        }
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
