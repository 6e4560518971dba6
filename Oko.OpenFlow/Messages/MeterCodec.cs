using System.Collections.Immutable;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Messages;

/// <summary>Meter messages, bytes to objects and back. Source: OpenFlow 1.3.5, 7.3.4.4 and 7.3.5.12 to 7.3.5.14.</summary>
internal static class MeterCodec
{
    private const int BandBytes = 16, BandHeaderBytes = 4, StatsBytes = 40, CounterBytes = 16;

    internal static MeterMod ReadMod(ref WireReader reader) =>
        new((MeterModCommand)reader.U16(), (MeterFlags)reader.U16(), new MeterId(reader.U32()), ReadBands(ref reader));

    internal static void WriteMod(WireWriter writer, MeterMod mod)
    {
        writer.U16((ushort)mod.Command);
        writer.U16((ushort)mod.Flags);
        writer.U32(mod.Meter.Value);
        WriteBands(writer, mod.Bands);
    }

    internal static MeterConfiguration ReadConfiguration(ref WireReader reader)
    {
        int length = reader.U16();
        var body = reader.Part(length - 2);
        return new MeterConfiguration((MeterFlags)body.U16(), new MeterId(body.U32()), ReadBands(ref body));
    }

    internal static void WriteConfiguration(WireWriter writer, MeterConfiguration meter)
    {
        var start = writer.Length;
        writer.U16(0);
        writer.U16((ushort)meter.Flags);
        writer.U32(meter.Meter.Value);
        WriteBands(writer, meter.Bands);
        writer.PatchU16(start, writer.Length - start);
    }

    internal static MeterStatsEntry ReadStats(ref WireReader reader)
    {
        var meter = new MeterId(reader.U32());
        int length = reader.U16();
        var body = reader.Part(length - 6);
        body.Skip(6);
        return new MeterStatsEntry
        {
            Meter = meter, FlowCount = body.U32(), Input = TrafficCounts.Read(ref body), Duration = Durations.Read(ref body),
            Bands = TrafficCounts.ReadAll(ref body),
        };
    }

    internal static void WriteStats(WireWriter writer, MeterStatsEntry meter)
    {
        writer.U32(meter.Meter.Value);
        writer.U16((ushort)(StatsBytes + (CounterBytes * meter.Bands.Length)));
        writer.Zeros(6);
        writer.U32(meter.FlowCount);
        TrafficCounts.Write(writer, meter.Input);
        Durations.Write(writer, meter.Duration);
        foreach (var band in meter.Bands)
        {
            TrafficCounts.Write(writer, band);
        }
    }

    private static ImmutableArray<MeterBand> ReadBands(ref WireReader reader)
    {
        var bands = ImmutableArray.CreateBuilder<MeterBand>();
        while (reader.Remaining > 0)
        {
            bands.Add(ReadBand(ref reader));
        }

        return bands.ToImmutable();
    }

    private static MeterBand ReadBand(ref WireReader reader)
    {
        var type = (MeterBandType)reader.U16();
        int length = reader.U16();
        if (type is not (MeterBandType.Drop or MeterBandType.DscpRemark or MeterBandType.Experimenter))
        {
            throw BadBand($"meter band type {(ushort)type} is unknown: allowed are 1 (drop) and 2 (dscp_remark)");
        }

        if (length < BandBytes || (type != MeterBandType.Experimenter && length != BandBytes))
        {
            throw BadBand($"a {type} band of {length} bytes: it has {BandBytes}");
        }

        var body = reader.Part(length - BandHeaderBytes);
        var rate = body.U32();
        var burst = body.U32();
        return type switch
        {
            MeterBandType.Drop => new DropBand(rate, burst),
            MeterBandType.DscpRemark => new DscpRemarkBand(rate, burst, body.U8()),
            _ => new ExperimenterBand(rate, burst, body.U32(), body.Rest().ToArray()),
        };
    }

    private static void WriteBands(WireWriter writer, ImmutableArray<MeterBand> bands)
    {
        foreach (var band in bands)
        {
            var start = writer.Length;
            writer.U16((ushort)(band switch
            {
                DropBand => MeterBandType.Drop,
                DscpRemarkBand => MeterBandType.DscpRemark,
                _ => MeterBandType.Experimenter,
            }));
            writer.U16(0);
            writer.U32(band.Rate);
            writer.U32(band.BurstSize);
            switch (band)
            {
                case DscpRemarkBand remark:
                    writer.U8(remark.PrecedenceLevel);
                    writer.Zeros(3);
                    break;
                case ExperimenterBand experimenter:
                    writer.U32(experimenter.Experimenter);
                    writer.Bytes(experimenter.Data);
                    break;
                default:
                    writer.Zeros(4);
                    break;
            }

            writer.PatchU16(start + 2, writer.Length - start);
        }
    }

    private static OpenFlowErrorException BadBand(string detail) => new(ErrorType.MeterModFailed, (ushort)MeterModFailedCode.BadBand, detail);
}
