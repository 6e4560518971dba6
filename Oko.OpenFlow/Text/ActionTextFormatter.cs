using System.Collections.Immutable;
using System.Text;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Text;

/// <summary>Actions and instructions as <c>ovs-ofctl dump-flows</c> prints them. Stateless.</summary>
internal static class ActionTextFormatter
{
    /// <summary>Appends instructions in the order of their execution; <c>drop</c> when there is nothing to do.</summary>
    public static void AppendInstructions(StringBuilder text, ImmutableArray<Instruction> instructions)
    {
        var parts = instructions.OrderBy(Step).Select(Format).Where(part => part.Length != 0).ToArray();
        text.AppendJoin(',', parts.Length == 0 ? ["drop"] : parts);
    }

    /// <summary>A list of actions; <c>drop</c> when it is empty.</summary>
    public static string FormatList(ImmutableArray<OfAction> actions) => actions.IsEmpty ? "drop" : string.Join(',', actions.Select(Format));

    private static int Step(Instruction instruction) => instruction switch
    {
        MeterInstruction => 1,
        ApplyActionsInstruction => 2,
        ClearActionsInstruction => 3,
        WriteActionsInstruction => 4,
        WriteMetadataInstruction => 5,
        GotoTableInstruction => 6,
        _ => 7,
    };

    private static string Format(Instruction instruction) => instruction switch
    {
        MeterInstruction meter => $"meter:{meter.Meter.Value}",
        ApplyActionsInstruction apply => apply.Actions.IsEmpty ? string.Empty : FormatList(apply.Actions),
        ClearActionsInstruction => "clear_actions",
        WriteActionsInstruction write => $"write_actions({FormatList(write.Actions)})",
        WriteMetadataInstruction { Mask: ulong.MaxValue } metadata => $"write_metadata:0x{metadata.Metadata:x}",
        WriteMetadataInstruction metadata => $"write_metadata:0x{metadata.Metadata:x}/0x{metadata.Mask:x}",
        GotoTableInstruction next => $"goto_table:{next.Table.Value}",
        ExperimenterInstruction other => $"experimenter(0x{other.Experimenter:x8},{Convert.ToHexStringLower(other.Data)})",
        _ => instruction.GetType().Name,
    };

    private static string Format(OfAction action) => action switch
    {
        OutputAction { Port: var port } output when port == PortNumber.Controller => $"CONTROLLER:{output.MaxLength}",
        OutputAction { Port: var port } when port.Value > PortNumber.Max.Value => port.ToString(),
        OutputAction output => $"output:{output.Port}",
        GroupAction group => $"group:{group.Group.Value}",
        SetQueueAction queue => $"set_queue:{queue.Queue.Value}",
        SetMplsTtlAction ttl => $"set_mpls_ttl({ttl.Ttl})",
        DecMplsTtlAction => "dec_mpls_ttl",
        SetNwTtlAction ttl => $"mod_nw_ttl:{ttl.Ttl}",
        DecNwTtlAction => "dec_ttl",
        CopyTtlOutAction => "copy_ttl_out",
        CopyTtlInAction => "copy_ttl_in",
        PushVlanAction push => $"push_vlan:0x{push.EtherType:x4}",
        PopVlanAction => "pop_vlan",
        PushMplsAction push => $"push_mpls:0x{push.EtherType:x4}",
        PopMplsAction pop => $"pop_mpls:0x{pop.EtherType:x4}",
        PushPbbAction push => $"push_pbb:0x{push.EtherType:x4}",
        PopPbbAction => "pop_pbb",
        SetFieldAction { Field: var entry } => $"set_field:{FormatSetValue(entry)}->{FieldNames.InSetField(entry.Field)}",
        ExperimenterAction other => $"experimenter(0x{other.Experimenter:x8},{Convert.ToHexStringLower(other.Data)})",
        _ => action.GetType().Name,
    };

    private static string FormatSetValue(OxmEntry entry) =>
        entry.Field == OxmCatalogue.Ipv6Flabel ? $"0x{entry.Value:x}" : FieldText.Format(entry.Field, entry.Value);
}
