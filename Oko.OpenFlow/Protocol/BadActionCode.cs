namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_bad_action_code</c>. Source: OpenFlow 1.3.5, 7.4.4.</summary>
public enum BadActionCode : ushort
{
    /// <summary>OFPBAC_BAD_TYPE.</summary>
    BadType = 0,

    /// <summary>OFPBAC_BAD_LEN.</summary>
    BadLen = 1,

    /// <summary>OFPBAC_BAD_EXPERIMENTER.</summary>
    BadExperimenter = 2,

    /// <summary>OFPBAC_BAD_EXP_TYPE.</summary>
    BadExpType = 3,

    /// <summary>OFPBAC_BAD_OUT_PORT.</summary>
    BadOutPort = 4,

    /// <summary>OFPBAC_BAD_ARGUMENT.</summary>
    BadArgument = 5,

    /// <summary>OFPBAC_EPERM.</summary>
    Eperm = 6,

    /// <summary>OFPBAC_TOO_MANY.</summary>
    TooMany = 7,

    /// <summary>OFPBAC_BAD_QUEUE.</summary>
    BadQueue = 8,

    /// <summary>OFPBAC_BAD_OUT_GROUP.</summary>
    BadOutGroup = 9,

    /// <summary>OFPBAC_MATCH_INCONSISTENT.</summary>
    MatchInconsistent = 10,

    /// <summary>OFPBAC_UNSUPPORTED_ORDER.</summary>
    UnsupportedOrder = 11,

    /// <summary>OFPBAC_BAD_TAG.</summary>
    BadTag = 12,

    /// <summary>OFPBAC_BAD_SET_TYPE.</summary>
    BadSetType = 13,

    /// <summary>OFPBAC_BAD_SET_LEN.</summary>
    BadSetLen = 14,

    /// <summary>OFPBAC_BAD_SET_ARGUMENT.</summary>
    BadSetArgument = 15,
}
