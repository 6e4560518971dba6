namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_port_mod_failed_code</c>. Source: OpenFlow 1.3.5, 7.4.4.</summary>
public enum PortModFailedCode : ushort
{
    /// <summary>OFPPMFC_BAD_PORT.</summary>
    BadPort = 0,

    /// <summary>OFPPMFC_BAD_HW_ADDR.</summary>
    BadHwAddr = 1,

    /// <summary>OFPPMFC_BAD_CONFIG.</summary>
    BadConfig = 2,

    /// <summary>OFPPMFC_BAD_ADVERTISE.</summary>
    BadAdvertise = 3,

    /// <summary>OFPPMFC_EPERM.</summary>
    Eperm = 4,
}
