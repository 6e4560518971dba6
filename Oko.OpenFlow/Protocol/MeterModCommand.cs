namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_meter_mod_command</c>. Source: OpenFlow 1.3.5, 7.3.4.4.</summary>
public enum MeterModCommand : ushort
{
    /// <summary>OFPMC_ADD.</summary>
    Add = 0,

    /// <summary>OFPMC_MODIFY.</summary>
    Modify = 1,

    /// <summary>OFPMC_DELETE.</summary>
    Delete = 2,
}
