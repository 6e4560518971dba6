namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_config_flags</c>. Source: OpenFlow 1.3.5, 7.3.2.</summary>
[Flags]
public enum ConfigFlags : ushort
{
    /// <summary>OFPC_FRAG_NORMAL.</summary>
    FragNormal = 0,

    /// <summary>OFPC_FRAG_DROP.</summary>
    FragDrop = 1,

    /// <summary>OFPC_FRAG_REASM.</summary>
    FragReasm = 2,

    /// <summary>OFPC_FRAG_MASK.</summary>
    FragMask = 3,
}
