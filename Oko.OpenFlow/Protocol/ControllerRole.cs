namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_controller_role</c>. Source: OpenFlow 1.3.5, 7.3.9.</summary>
public enum ControllerRole : uint
{
    /// <summary>OFPCR_ROLE_NOCHANGE.</summary>
    Nochange = 0,

    /// <summary>OFPCR_ROLE_EQUAL.</summary>
    Equal = 1,

    /// <summary>OFPCR_ROLE_MASTER.</summary>
    Master = 2,

    /// <summary>OFPCR_ROLE_SLAVE.</summary>
    Slave = 3,
}
