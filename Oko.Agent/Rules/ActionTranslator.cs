using System.Collections.Immutable;
using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Rules;

/// <summary>Turns action lists into what the worker executes, with the errors of the standard. Stateless; control
/// thread, since actions name groups.</summary>
/// <remarks>Source: OpenFlow 1.3.5, 7.2.5 "Action Structures" and 7.4.4 (error codes of OFPET_BAD_ACTION).</remarks>
internal static class ActionTranslator
{
    /// <summary>Actions of one list at most. Two full lists of the longest action (24 bytes) and a full match still fit into one
    /// flow statistics entry: what could be installed but not shown would break every dump of the table.</summary>
    public const int MaxActions = 1024;

    private const ushort CustomerTag = 0x8100, ServiceTag = 0x88A8, MplsUnicast = 0x8847, MplsMulticast = 0x8848, ServiceInstance = 0x88E7;
    private const uint VlanPresent = 0x1000;

    /// <summary>Translates a list.</summary>
    /// <param name="actions">The list, in order.</param>
    /// <param name="isPacketOut">Output to OFPP_TABLE is allowed there, and there only.</param>
    /// <param name="targets">What actions name.</param>
    /// <exception cref="OpenFlowErrorException">BadAction with the code that fits.</exception>
    public static ImmutableArray<DatapathAction> Translate(ImmutableArray<OfAction> actions, bool isPacketOut, ActionTargets targets)
    {
        if (actions.IsEmpty)
        {
            return [];
        }

        if (actions.Length > MaxActions)
        {
            throw OpenFlowErrorException.BadAction(
                BadActionCode.TooMany, $"a list of {actions.Length} actions: at most {MaxActions} are allowed");
        }

        var translated = ImmutableArray.CreateBuilder<DatapathAction>(actions.Length);
        foreach (var action in actions)
        {
            translated.Add(Translate(action, isPacketOut, targets));
        }

        return translated.MoveToImmutable();
    }

    private static DatapathAction Translate(OfAction action, bool isPacketOut, ActionTargets targets)
    {
        switch (action)
        {
            case OutputAction output:
                CheckPort(output.Port, isPacketOut);
                return DatapathAction.Output(output.Port.Value, output.MaxLength);
            case SetFieldAction setField:
                return TranslateSetField(setField.Field);
            case PushVlanAction push:
                CheckEtherType("push_vlan", push.EtherType, CustomerTag, ServiceTag);
                return DatapathAction.PushVlan(push.EtherType);
            case PushMplsAction push:
                CheckEtherType("push_mpls", push.EtherType, MplsUnicast, MplsMulticast);
                return DatapathAction.PushMpls(push.EtherType);
            case PushPbbAction push:
                CheckEtherType("push_pbb", push.EtherType, ServiceInstance);
                return DatapathAction.PushPbb(push.EtherType);
            case PopVlanAction:
                return DatapathAction.PopVlan();
            case PopMplsAction pop:
                return DatapathAction.PopMpls(pop.EtherType);
            case PopPbbAction:
                return DatapathAction.PopPbb();
            case SetMplsTtlAction ttl:
                return DatapathAction.SetMplsTtl(ttl.Ttl);
            case DecMplsTtlAction:
                return DatapathAction.DecMplsTtl();
            case SetNwTtlAction ttl:
                return DatapathAction.SetNwTtl(ttl.Ttl);
            case DecNwTtlAction:
                return DatapathAction.DecNwTtl();
            case CopyTtlInAction:
                return DatapathAction.CopyTtlIn();
            case CopyTtlOutAction:
                return DatapathAction.CopyTtlOut();
            case GroupAction group:
                return DatapathAction.ToGroup(targets.FindGroup(group.Group.Value)
                    ?? throw OpenFlowErrorException.BadAction(BadActionCode.BadOutGroup, $"group {group.Group.Value} does not exist; add it first"));
            case SetQueueAction queue:
                return targets.HasQueue(queue.Queue.Value)
                    ? DatapathAction.SetQueue(queue.Queue.Value)
                    : throw OpenFlowErrorException.BadAction(
                        BadActionCode.BadQueue, $"set_queue: no port has a queue {queue.Queue.Value}; QUEUE_GET_CONFIG lists those there are");
            case ExperimenterAction experimenter:
                throw OpenFlowErrorException.BadAction(
                    BadActionCode.BadExperimenter, $"experimenter 0x{experimenter.Experimenter:x8} has no actions here");
            default:
                throw OpenFlowErrorException.BadAction(
                    BadActionCode.BadType, $"action {action.GetType().Name} is not supported; see table features for those that are");
        }
    }

    /// <summary>An output needs a port that could exist: a plain number, whether or not such a port is there now, or a
    /// reserved one that outputs can name.</summary>
    private static void CheckPort(PortNumber port, bool isPacketOut)
    {
        var isPlain = port.Value >= 1 && port.Value <= PortNumber.Max.Value;
        var isReserved = port.Value >= ReservedPort.InPort && port.Value <= ReservedPort.Local;
        if (!isPlain && !isReserved)
        {
            throw OpenFlowErrorException.BadAction(BadActionCode.BadOutPort, $"output: 0x{port.Value:x} is no port a packet can leave by");
        }

        // "This port is only valid in an output action in the list of actions of a packet-out message" (4.5 "Reserved Ports").
        if (port.Value == ReservedPort.Table && !isPacketOut)
        {
            throw OpenFlowErrorException.BadAction(BadActionCode.BadOutPort, "output: TABLE is allowed in packet-out messages only");
        }
    }

    private static void CheckEtherType(string action, ushort etherType, params ReadOnlySpan<ushort> allowed)
    {
        if (!allowed.Contains(etherType))
        {
            throw OpenFlowErrorException.BadAction(
                BadActionCode.BadArgument, $"{action}: EtherType 0x{etherType:x4}; allowed are {string.Join(" and ", allowed.ToArray().Select(type => $"0x{type:x4}"))}");
        }
    }

    private static DatapathAction TranslateSetField(OxmEntry entry)
    {
        var field = (FlowField)entry.Field.Number;

        // Any field but in_port, in_phy_port and metadata can be set (7.2.5); nor can a program, or which extension headers there are.
        if (entry.Field == OxmCatalogue.Filter || field is FlowField.InPort or FlowField.InPhyPort or FlowField.Metadata or FlowField.Ipv6ExtHdr)
        {
            throw OpenFlowErrorException.BadAction(BadActionCode.BadSetType, $"set_field: {entry.Field.Name} cannot be set");
        }

        if (entry.Mask is not null)
        {
            throw OpenFlowErrorException.BadAction(BadActionCode.BadSetType, $"set_field {entry.Field.Name}: a mask is not allowed in OpenFlow 1.3");
        }

        // "No tag" is a property to match, not a value to write: pop_vlan removes tags.
        if (field == FlowField.VlanVid && ((uint)entry.Value & VlanPresent) == 0)
        {
            throw OpenFlowErrorException.BadAction(BadActionCode.BadSetArgument, "set_field vlan_vid: bit 0x1000 (OFPVID_PRESENT) must be set");
        }

        var width = entry.Field.BitWidth;
        if (width < 128 && entry.Value >> width != UInt128.Zero)
        {
            throw OpenFlowErrorException.BadAction(
                BadActionCode.BadSetArgument, $"set_field {entry.Field.Name}: the value has more than {width} bits");
        }

        return DatapathAction.SetField(field, entry.Value);
    }
}
