namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_flow_mod_command</c>. Source: OpenFlow 1.3.5, 7.3.4.1.</summary>
public enum FlowModCommand : byte
{
    /// <summary>OFPFC_ADD.</summary>
    Add = 0,

    /// <summary>OFPFC_MODIFY.</summary>
    Modify = 1,

    /// <summary>OFPFC_MODIFY_STRICT.</summary>
    ModifyStrict = 2,

    /// <summary>OFPFC_DELETE.</summary>
    Delete = 3,

    /// <summary>OFPFC_DELETE_STRICT.</summary>
    DeleteStrict = 4,
}
