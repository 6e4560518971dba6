namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_table_mod_failed_code</c>. Source: OpenFlow 1.3.5, 7.4.4.</summary>
public enum TableModFailedCode : ushort
{
    /// <summary>OFPTMFC_BAD_TABLE.</summary>
    BadTable = 0,

    /// <summary>OFPTMFC_BAD_CONFIG.</summary>
    BadConfig = 1,

    /// <summary>OFPTMFC_EPERM.</summary>
    Eperm = 2,
}
