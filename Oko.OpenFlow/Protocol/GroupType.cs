namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_group_type</c>. Source: OpenFlow 1.3.5, 7.3.4.2.</summary>
public enum GroupType : byte
{
    /// <summary>OFPGT_ALL.</summary>
    All = 0,

    /// <summary>OFPGT_SELECT.</summary>
    Select = 1,

    /// <summary>OFPGT_INDIRECT.</summary>
    Indirect = 2,

    /// <summary>OFPGT_FF.</summary>
    Ff = 3,
}
