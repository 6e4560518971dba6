namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_group_capabilities</c>. Source: OpenFlow 1.3.5, 7.3.5.11.</summary>
[Flags]
public enum GroupCapabilities : uint
{
    /// <summary>No capability.</summary>
    None = 0,

    /// <summary>OFPGFC_SELECT_WEIGHT.</summary>
    SelectWeight = 1 << 0,

    /// <summary>OFPGFC_SELECT_LIVENESS.</summary>
    SelectLiveness = 1 << 1,

    /// <summary>OFPGFC_CHAINING.</summary>
    Chaining = 1 << 2,

    /// <summary>OFPGFC_CHAINING_CHECKS.</summary>
    ChainingChecks = 1 << 3,
}
