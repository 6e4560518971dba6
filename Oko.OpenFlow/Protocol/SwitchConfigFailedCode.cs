namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_switch_config_failed_code</c>. Source: OpenFlow 1.3.5, 7.4.4.</summary>
public enum SwitchConfigFailedCode : ushort
{
    /// <summary>OFPSCFC_BAD_FLAGS.</summary>
    BadFlags = 0,

    /// <summary>OFPSCFC_BAD_LEN.</summary>
    BadLen = 1,

    /// <summary>OFPSCFC_EPERM.</summary>
    Eperm = 2,
}
