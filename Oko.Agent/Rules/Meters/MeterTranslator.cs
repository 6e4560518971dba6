using System.Collections.Immutable;
using Oko.Datapath.Meters;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;
using MeterBand = Oko.Datapath.Meters.MeterBand;

namespace Oko.Agent.Rules.Meters;

/// <summary>Turns the bands of a meter-mod into what the worker executes, with the errors of the standard. Stateless; any
/// thread.</summary>
/// <remarks>Source: OpenFlow 1.3.5, 7.3.4.4 and 7.4.4 (error codes of OFPET_METER_MOD_FAILED). Without OFPMF_BURST a band may let pass at
/// once what its rate allows in a second, as Open vSwitch does; without OFPMF_KBPS and OFPMF_PKTPS rates are kilobits.</remarks>
internal static class MeterTranslator
{
    /// <summary>Bands of one meter at most.</summary>
    public const int MaxBands = 16;

    private const MeterFlags Known = MeterFlags.Kbps | MeterFlags.Pktps | MeterFlags.Burst | MeterFlags.Stats;

    /// <summary>Translates flags and bands.</summary>
    /// <exception cref="OpenFlowErrorException">MeterModFailed with the code that fits.</exception>
    public static ImmutableArray<MeterBand> Translate(MeterMod mod)
    {
        if ((mod.Flags & ~Known) != 0)
        {
            throw Failed(MeterModFailedCode.BadFlags, $"meter flags 0x{(ushort)mod.Flags:x4}: bits above 0x000f are unknown");
        }

        if (mod.Flags.HasFlag(MeterFlags.Kbps | MeterFlags.Pktps))
        {
            throw Failed(MeterModFailedCode.BadFlags, "meter flags: KBPS and PKTPS exclude one another");
        }

        if (mod.Bands.Length > MaxBands)
        {
            throw Failed(MeterModFailedCode.OutOfBands, $"{mod.Bands.Length} bands: at most {MaxBands} are allowed");
        }

        return [.. mod.Bands.Select(band => Translate(band, mod.Flags))];
    }

    private static MeterBand Translate(OpenFlow.Messages.MeterBand band, MeterFlags flags)
    {
        if (band.Rate == 0)
        {
            throw Failed(MeterModFailedCode.BadRate, "band rate 0: allowed are 1..4294967295; to drop everything, use an entry without actions");
        }

        var burst = flags.HasFlag(MeterFlags.Burst) ? band.BurstSize : 0;
        var countsPackets = flags.HasFlag(MeterFlags.Pktps);
        switch (band)
        {
            case DropBand:
                return new MeterBand(MeterBandKind.Drop, band.Rate, burst, countsPackets);
            case DscpRemarkBand { PrecedenceLevel: 0 }:
                throw Failed(MeterModFailedCode.BadBandValue, "dscp_remark prec_level 0: a band that changes nothing; allowed are 1..255");
            case DscpRemarkBand remark:
                return new MeterBand(MeterBandKind.DscpRemark, band.Rate, burst, countsPackets, remark.PrecedenceLevel);
            default:
                throw Failed(MeterModFailedCode.BadBand, "experimenter bands are not supported: allowed are drop and dscp_remark");
        }
    }

    private static OpenFlowErrorException Failed(MeterModFailedCode code, string detail) => new(ErrorType.MeterModFailed, (ushort)code, detail);
}
