namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_action_type</c>. Source: OpenFlow 1.3.5, 7.2.5.</summary>
public enum ActionType : ushort
{
    /// <summary>OFPAT_OUTPUT.</summary>
    Output = 0,

    /// <summary>OFPAT_COPY_TTL_OUT.</summary>
    CopyTtlOut = 11,

    /// <summary>OFPAT_COPY_TTL_IN.</summary>
    CopyTtlIn = 12,

    /// <summary>OFPAT_SET_MPLS_TTL.</summary>
    SetMplsTtl = 15,

    /// <summary>OFPAT_DEC_MPLS_TTL.</summary>
    DecMplsTtl = 16,

    /// <summary>OFPAT_PUSH_VLAN.</summary>
    PushVlan = 17,

    /// <summary>OFPAT_POP_VLAN.</summary>
    PopVlan = 18,

    /// <summary>OFPAT_PUSH_MPLS.</summary>
    PushMpls = 19,

    /// <summary>OFPAT_POP_MPLS.</summary>
    PopMpls = 20,

    /// <summary>OFPAT_SET_QUEUE.</summary>
    SetQueue = 21,

    /// <summary>OFPAT_GROUP.</summary>
    Group = 22,

    /// <summary>OFPAT_SET_NW_TTL.</summary>
    SetNwTtl = 23,

    /// <summary>OFPAT_DEC_NW_TTL.</summary>
    DecNwTtl = 24,

    /// <summary>OFPAT_SET_FIELD.</summary>
    SetField = 25,

    /// <summary>OFPAT_PUSH_PBB.</summary>
    PushPbb = 26,

    /// <summary>OFPAT_POP_PBB.</summary>
    PopPbb = 27,

    /// <summary>OFPAT_EXPERIMENTER.</summary>
    Experimenter = 0xffff,
}
