namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_port_features</c>. Source: OpenFlow 1.3.5, 7.2.1.</summary>
[Flags]
public enum PortFeatures : uint
{
    /// <summary>No bit set.</summary>
    None = 0,

    /// <summary>OFPPF_10MB_HD.</summary>
    Speed10MbHd = 1,

    /// <summary>OFPPF_10MB_FD.</summary>
    Speed10MbFd = 2,

    /// <summary>OFPPF_100MB_HD.</summary>
    Speed100MbHd = 4,

    /// <summary>OFPPF_100MB_FD.</summary>
    Speed100MbFd = 8,

    /// <summary>OFPPF_1GB_HD.</summary>
    Speed1GbHd = 16,

    /// <summary>OFPPF_1GB_FD.</summary>
    Speed1GbFd = 32,

    /// <summary>OFPPF_10GB_FD.</summary>
    Speed10GbFd = 64,

    /// <summary>OFPPF_40GB_FD.</summary>
    Speed40GbFd = 128,

    /// <summary>OFPPF_100GB_FD.</summary>
    Speed100GbFd = 256,

    /// <summary>OFPPF_1TB_FD.</summary>
    Speed1TbFd = 512,

    /// <summary>OFPPF_OTHER.</summary>
    Other = 1024,

    /// <summary>OFPPF_COPPER.</summary>
    Copper = 2048,

    /// <summary>OFPPF_FIBER.</summary>
    Fiber = 4096,

    /// <summary>OFPPF_AUTONEG.</summary>
    Autoneg = 8192,

    /// <summary>OFPPF_PAUSE.</summary>
    Pause = 16384,

    /// <summary>OFPPF_PAUSE_ASYM.</summary>
    PauseAsym = 32768,
}
