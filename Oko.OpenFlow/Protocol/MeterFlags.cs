namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_meter_flags</c>. Source: OpenFlow 1.3.5, 7.3.4.4.</summary>
[Flags]
public enum MeterFlags : ushort
{
    /// <summary>No flag.</summary>
    None = 0,

    /// <summary>OFPMF_KBPS: rates in kilobits (1,000 bits) per second.</summary>
    Kbps = 1 << 0,

    /// <summary>OFPMF_PKTPS: rates in packets per second.</summary>
    Pktps = 1 << 1,

    /// <summary>OFPMF_BURST: the bands' burst sizes count.</summary>
    Burst = 1 << 2,

    /// <summary>OFPMF_STATS: statistics are wanted.</summary>
    Stats = 1 << 3,
}
