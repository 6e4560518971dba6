namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_group_mod_command</c>. Source: OpenFlow 1.3.5, 7.3.4.2.</summary>
public enum GroupModCommand : ushort
{
    /// <summary>OFPGC_ADD.</summary>
    Add = 0,

    /// <summary>OFPGC_MODIFY.</summary>
    Modify = 1,

    /// <summary>OFPGC_DELETE.</summary>
    Delete = 2,
}
