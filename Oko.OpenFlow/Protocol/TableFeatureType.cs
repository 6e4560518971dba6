namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_table_feature_prop_type</c>. Source: OpenFlow 1.3.5, 7.3.5.5.2.</summary>
public enum TableFeatureType : ushort
{
    /// <summary>OFPTFPT_INSTRUCTIONS.</summary>
    Instructions = 0,

    /// <summary>OFPTFPT_INSTRUCTIONS_MISS.</summary>
    InstructionsMiss = 1,

    /// <summary>OFPTFPT_NEXT_TABLES.</summary>
    NextTables = 2,

    /// <summary>OFPTFPT_NEXT_TABLES_MISS.</summary>
    NextTablesMiss = 3,

    /// <summary>OFPTFPT_WRITE_ACTIONS.</summary>
    WriteActions = 4,

    /// <summary>OFPTFPT_WRITE_ACTIONS_MISS.</summary>
    WriteActionsMiss = 5,

    /// <summary>OFPTFPT_APPLY_ACTIONS.</summary>
    ApplyActions = 6,

    /// <summary>OFPTFPT_APPLY_ACTIONS_MISS.</summary>
    ApplyActionsMiss = 7,

    /// <summary>OFPTFPT_MATCH.</summary>
    Match = 8,

    /// <summary>OFPTFPT_WILDCARDS.</summary>
    Wildcards = 10,

    /// <summary>OFPTFPT_WRITE_SETFIELD.</summary>
    WriteSetfield = 12,

    /// <summary>OFPTFPT_WRITE_SETFIELD_MISS.</summary>
    WriteSetfieldMiss = 13,

    /// <summary>OFPTFPT_APPLY_SETFIELD.</summary>
    ApplySetfield = 14,

    /// <summary>OFPTFPT_APPLY_SETFIELD_MISS.</summary>
    ApplySetfieldMiss = 15,

    /// <summary>OFPTFPT_EXPERIMENTER.</summary>
    Experimenter = 0xfffe,

    /// <summary>OFPTFPT_EXPERIMENTER_MISS.</summary>
    ExperimenterMiss = 0xffff,
}
