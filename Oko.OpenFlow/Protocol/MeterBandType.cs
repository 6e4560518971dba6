namespace Oko.OpenFlow.Protocol;

/// <summary><c>enum ofp_meter_band_type</c>. Source: OpenFlow 1.3.5, 7.3.4.4.</summary>
public enum MeterBandType : ushort
{
    /// <summary>OFPMBT_DROP.</summary>
    Drop = 1,

    /// <summary>OFPMBT_DSCP_REMARK.</summary>
    DscpRemark = 2,

    /// <summary>OFPMBT_EXPERIMENTER.</summary>
    Experimenter = 0xFFFF,
}
