namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_table_features_failed_code</c>. Source: OpenFlow 1.3.5, 7.4.4.</summary>
public enum TableFeaturesFailedCode : ushort
{
    /// <summary>OFPTFFC_BAD_TABLE.</summary>
    BadTable = 0,

    /// <summary>OFPTFFC_BAD_METADATA.</summary>
    BadMetadata = 1,

    /// <summary>OFPTFFC_BAD_TYPE.</summary>
    BadType = 2,

    /// <summary>OFPTFFC_BAD_LEN.</summary>
    BadLen = 3,

    /// <summary>OFPTFFC_BAD_ARGUMENT.</summary>
    BadArgument = 4,

    /// <summary>OFPTFFC_EPERM.</summary>
    Eperm = 5,
}
