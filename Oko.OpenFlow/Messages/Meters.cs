using System.Collections.Immutable;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Messages;

/// <summary>A band of a meter. Source: OpenFlow 1.3.5, 7.3.4.4.</summary>
/// <param name="Rate">Kilobits or packets per second, as the meter's flags say.</param>
/// <param name="BurstSize">Kilobits or packets.</param>
public abstract record MeterBand(uint Rate, uint BurstSize);

/// <summary>OFPMBT_DROP.</summary>
public sealed record DropBand(uint Rate, uint BurstSize) : MeterBand(Rate, BurstSize);

/// <summary>OFPMBT_DSCP_REMARK.</summary>
/// <param name="Rate">Kilobits or packets per second.</param>
/// <param name="BurstSize">Kilobits or packets.</param>
/// <param name="PrecedenceLevel">Levels by which the drop precedence of the DSCP rises.</param>
public sealed record DscpRemarkBand(uint Rate, uint BurstSize, byte PrecedenceLevel) : MeterBand(Rate, BurstSize);

/// <summary>OFPMBT_EXPERIMENTER.</summary>
public sealed record ExperimenterBand(uint Rate, uint BurstSize, uint Experimenter, byte[] Data) : MeterBand(Rate, BurstSize);

/// <summary>OFPT_METER_MOD. Source: OpenFlow 1.3.5, 7.3.4.4.</summary>
public sealed record MeterMod(MeterModCommand Command, MeterFlags Flags, MeterId Meter, ImmutableArray<MeterBand> Bands) : OpenFlowMessage
{
    /// <inheritdoc/>
    public override MessageType Type => MessageType.MeterMod;
}

/// <summary>OFPMP_METER or OFPMP_METER_CONFIG request. Source: 7.3.5.12 and 7.3.5.13.</summary>
public sealed record MeterRequest(MultipartType Kind, MeterId Meter) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => Kind;
}

/// <summary>One meter of an OFPMP_METER reply. Source: 7.3.5.12.</summary>
public sealed record MeterStatsEntry
{
    /// <summary>Its id.</summary>
    public MeterId Meter { get; init; }

    /// <summary>Flow entries that send packets to it.</summary>
    public uint FlowCount { get; init; }

    /// <summary>Packets and bytes that came to it.</summary>
    public TrafficCount Input { get; init; }

    /// <summary>How long it exists.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>What each band was applied to, in the order of the meter's bands.</summary>
    public ImmutableArray<TrafficCount> Bands { get; init; } = [];
}

/// <summary>OFPMP_METER reply.</summary>
public sealed record MeterStatsReply(ImmutableArray<MeterStatsEntry> Entries) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.Meter;
}

/// <summary>One meter of an OFPMP_METER_CONFIG reply. Source: 7.3.5.13.</summary>
public sealed record MeterConfiguration(MeterFlags Flags, MeterId Meter, ImmutableArray<MeterBand> Bands);

/// <summary>OFPMP_METER_CONFIG reply.</summary>
public sealed record MeterConfigurationReply(ImmutableArray<MeterConfiguration> Meters) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.MeterConfig;
}

/// <summary>OFPMP_METER_FEATURES reply. Source: 7.3.5.14.</summary>
/// <param name="MaxMeter">Meters there can be.</param>
/// <param name="BandTypes">Bit n for band type n.</param>
/// <param name="Capabilities">Flags a meter can have.</param>
/// <param name="MaxBands">Bands of one meter at most.</param>
/// <param name="MaxColor">Colours of a packet.</param>
public sealed record MeterFeaturesReply(uint MaxMeter, uint BandTypes, MeterFlags Capabilities, byte MaxBands, byte MaxColor) : MultipartBody
{
    /// <inheritdoc/>
    public override MultipartType MultipartType => MultipartType.MeterFeatures;
}
