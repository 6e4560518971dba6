using System.Collections.Immutable;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Actions;

/// <summary>Action lists, bytes to objects and back. Source: OpenFlow 1.3.5, 7.2.5 "Action Structures".</summary>
public static class ActionCodec
{
    private const int HeaderBytes = 4;

    /// <summary>Reads a list of that many bytes.</summary>
    /// <exception cref="OpenFlowErrorException">BAD_ACTION with the code that the specification names.</exception>
    public static ImmutableArray<OfAction> ReadList(ref WireReader reader, int bytes)
    {
        var list = reader.Part(bytes, ErrorType.BadAction, (ushort)BadActionCode.BadLen);
        if (list.Remaining == 0)
        {
            return [];
        }

        var actions = ImmutableArray.CreateBuilder<OfAction>();
        while (list.Remaining > 0)
        {
            actions.Add(Read(ref list));
        }

        return actions.ToImmutable();
    }

    /// <summary>Writes a list.</summary>
    public static void WriteList(WireWriter writer, ImmutableArray<OfAction> actions)
    {
        foreach (var action in actions)
        {
            Write(writer, action);
        }
    }

    private static OfAction Read(ref WireReader list)
    {
        var type = (ActionType)list.U16();
        int length = list.U16();
        if (length < 8 || (length & 7) != 0)
        {
            throw BadLength(type, length);
        }

        var body = list.Part(length - HeaderBytes);
        var expected = type switch
        {
            ActionType.Output => 16,
            ActionType.SetField or ActionType.Experimenter => length,
            _ => 8,
        };
        if (!Enum.IsDefined(type))
        {
            throw OpenFlowErrorException.BadAction(BadActionCode.BadType, $"action type {(ushort)type} is unknown");
        }

        if (length != expected)
        {
            throw BadLength(type, length);
        }

        switch (type)
        {
            case ActionType.Output:
                return new OutputAction(new PortNumber(body.U32()), body.U16());
            case ActionType.Group:
                return new GroupAction(new GroupId(body.U32()));
            case ActionType.SetQueue:
                return new SetQueueAction(new QueueId(body.U32()));
            case ActionType.SetMplsTtl:
                return new SetMplsTtlAction(body.U8());
            case ActionType.SetNwTtl:
                return new SetNwTtlAction(body.U8());
            case ActionType.DecMplsTtl:
                return new DecMplsTtlAction();
            case ActionType.DecNwTtl:
                return new DecNwTtlAction();
            case ActionType.CopyTtlOut:
                return new CopyTtlOutAction();
            case ActionType.CopyTtlIn:
                return new CopyTtlInAction();
            case ActionType.PushVlan:
                return new PushVlanAction(body.U16());
            case ActionType.PopVlan:
                return new PopVlanAction();
            case ActionType.PushMpls:
                return new PushMplsAction(body.U16());
            case ActionType.PopMpls:
                return new PopMplsAction(body.U16());
            case ActionType.PushPbb:
                return new PushPbbAction(body.U16());
            case ActionType.PopPbb:
                return new PopPbbAction();
            case ActionType.SetField:
                return ReadSetField(ref body);
            default:
                throw OpenFlowErrorException.BadAction(BadActionCode.BadExperimenter, $"no action of experimenter 0x{body.U32():x8} is known");
        }
    }

    private static SetFieldAction ReadSetField(ref WireReader body)
    {
        OxmEntry entry;
        try
        {
            entry = MatchCodec.ReadEntry(ref body);
        }
        catch (OpenFlowErrorException problem) when (problem.Type == ErrorType.BadMatch)
        {
            // The same faults have codes of their own in an action.
            var code = (BadMatchCode)problem.Code switch
            {
                BadMatchCode.BadField => BadActionCode.BadSetType,
                BadMatchCode.BadLen => BadActionCode.BadSetLen,
                _ => BadActionCode.BadSetArgument,
            };
            throw OpenFlowErrorException.BadAction(code, "set-field: " + problem.Message);
        }

        if (entry.Mask is not null)
        {
            throw OpenFlowErrorException.BadAction(BadActionCode.BadSetType, $"set-field of {entry.Field} has a mask; OpenFlow 1.3 has none there");
        }

        if (body.Remaining > 7)
        {
            throw OpenFlowErrorException.BadAction(BadActionCode.BadLen, $"set-field of {entry.Field} is followed by {body.Remaining} bytes, at most 7 pad it");
        }

        return new SetFieldAction(entry);
    }

    private static void Write(WireWriter writer, OfAction action)
    {
        var start = writer.Length;
        switch (action)
        {
            case OutputAction output:
                Header(writer, ActionType.Output, 16);
                writer.U32(output.Port.Value);
                writer.U16(output.MaxLength);
                break;
            case GroupAction group:
                Header(writer, ActionType.Group);
                writer.U32(group.Group.Value);
                break;
            case SetQueueAction queue:
                Header(writer, ActionType.SetQueue);
                writer.U32(queue.Queue.Value);
                break;
            case SetMplsTtlAction ttl:
                Header(writer, ActionType.SetMplsTtl);
                writer.U8(ttl.Ttl);
                break;
            case SetNwTtlAction ttl:
                Header(writer, ActionType.SetNwTtl);
                writer.U8(ttl.Ttl);
                break;
            case DecMplsTtlAction:
                Header(writer, ActionType.DecMplsTtl);
                break;
            case DecNwTtlAction:
                Header(writer, ActionType.DecNwTtl);
                break;
            case CopyTtlOutAction:
                Header(writer, ActionType.CopyTtlOut);
                break;
            case CopyTtlInAction:
                Header(writer, ActionType.CopyTtlIn);
                break;
            case PushVlanAction push:
                Header(writer, ActionType.PushVlan);
                writer.U16(push.EtherType);
                break;
            case PopVlanAction:
                Header(writer, ActionType.PopVlan);
                break;
            case PushMplsAction push:
                Header(writer, ActionType.PushMpls);
                writer.U16(push.EtherType);
                break;
            case PopMplsAction pop:
                Header(writer, ActionType.PopMpls);
                writer.U16(pop.EtherType);
                break;
            case PushPbbAction push:
                Header(writer, ActionType.PushPbb);
                writer.U16(push.EtherType);
                break;
            case PopPbbAction:
                Header(writer, ActionType.PopPbb);
                break;
            case SetFieldAction set:
                Header(writer, ActionType.SetField);
                MatchCodec.WriteEntry(writer, set.Field);
                break;
            case ExperimenterAction experimenter:
                Header(writer, ActionType.Experimenter);
                writer.U32(experimenter.Experimenter);
                writer.Bytes(experimenter.Data);
                break;
            default:
                throw new ArgumentException($"{action.GetType().Name} is no action of OpenFlow 1.3", nameof(action));
        }

        writer.PadTo8(start);
        writer.PatchU16(start + 2, writer.Length - start);
    }

    private static void Header(WireWriter writer, ActionType type, ushort length = 8)
    {
        writer.U16((ushort)type);
        writer.U16(length);
    }

    private static OpenFlowErrorException BadLength(ActionType type, int length) =>
        OpenFlowErrorException.BadAction(BadActionCode.BadLen, $"action type {(ushort)type} of {length} bytes");
}
