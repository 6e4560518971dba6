using Oko.Datapath.AfXdp;
using Oko.Datapath.Workers;

namespace Oko.Datapath.Meters;

/// <summary>What a band does to packets above its rate. Source: OpenFlow 1.3.5, 5.7.1 "Meter Bands".</summary>
public enum MeterBandKind : byte
{
    /// <summary>Drops them.</summary>
    Drop,

    /// <summary>Raises the drop precedence of their DSCP.</summary>
    DscpRemark,
}

/// <summary>A band of a meter. Immutable but for its counters and its token bucket, which all workers share.</summary>
/// <remarks>
/// The bucket is the moment at which it would have been empty, were it filled ever since: one word, which a worker moves on by the time
/// that the packet's tokens take to flow in, with one compare-and-exchange and no lock. Time is counted in 1/256 ns, so a packet is
/// measured too long or too short by 2 ps at most. The bucket starts full. (The same as the "theoretical arrival time" of ITU-T I.371,
/// Annex A.)
/// </remarks>
public sealed class MeterBand
{
    private const long StepsPerNanosecond = 256, Second = 1_000_000_000 * StepsPerNanosecond, LongestTime = 1L << 61;
    private const long UnitsPerKilobit = 1_000_000_000, UnitsPerPacket = 1_000_000_000, UnitsPerByte = 8_000_000;

    // Frames of usual links fit whatever the burst, or a band with a tiny one would let nothing pass.
    private const long LargestFrameUnits = 4096 * UnitsPerByte;

    private readonly bool _countsPackets;
    private readonly long _fillTime;
    private readonly long _packetTime;
    private readonly long _longestDebt;
    private long _emptyAt = long.MinValue;
    private readonly WorkerCounters _counters = new();

    /// <summary>Makes a band.</summary>
    /// <param name="kind">What it does.</param>
    /// <param name="rate">Kilobits (1,000 bits) or packets per second, not 0.</param>
    /// <param name="burst">Kilobits or packets that may pass at once; 0 = what the rate allows in a second.</param>
    /// <param name="countsPackets">Whether rate and burst are packets.</param>
    /// <param name="precedenceLevel">DscpRemark: levels by which the drop precedence rises.</param>
    public MeterBand(MeterBandKind kind, uint rate, uint burst, bool countsPackets, byte precedenceLevel = 0)
    {
        ArgumentOutOfRangeException.ThrowIfZero(rate);
        Kind = kind;
        Rate = rate;
        PrecedenceLevel = precedenceLevel;
        _countsPackets = countsPackets;
        var unit = countsPackets ? UnitsPerPacket : UnitsPerKilobit;
        var capacity = Math.Max((burst == 0 ? rate : burst) * unit, countsPackets ? UnitsPerPacket : LargestFrameUnits);
        _fillTime = (long)UInt128.Min((UInt128)(ulong)capacity * StepsPerNanosecond / rate, LongestTime);
        _packetTime = TimeOf(UnitsPerPacket);
        _longestDebt = (countsPackets ? _packetTime : TimeOf(Umem.MaxJumboPacketSize * UnitsPerByte)) + Second;
    }

    /// <summary>What it does.</summary>
    public MeterBandKind Kind { get; }

    /// <summary>Kilobits or packets per second.</summary>
    public uint Rate { get; }

    /// <summary>DscpRemark: levels by which the drop precedence rises.</summary>
    public byte PrecedenceLevel { get; }

    /// <summary>Packets it was applied to.</summary>
    public ulong PacketCount => _counters.Packets;

    /// <summary>Bytes it was applied to.</summary>
    public ulong ByteCount => _counters.Bytes;

    /// <summary>Worker: takes a packet's tokens; false when there are too few, which leaves them untouched. A full bucket lets every packet pass.</summary>
    internal bool TryTake(int bytes, long now)
    {
        var time = now * StepsPerNanosecond;
        var cost = _countsPackets ? _packetTime : TimeOf(bytes * UnitsPerByte);
        while (true)
        {
            // Time wraps around, so only differences count. A little below zero: a packet larger than the bucket took what is still to flow
            // in, or the clock reading of another worker was ahead. Far below: the bucket was not used for a year, or never.
            var emptyAt = Volatile.Read(ref _emptyAt);
            var elapsed = time - emptyAt;
            var filled = elapsed < -_longestDebt ? _fillTime : Math.Min(_fillTime, elapsed);
            if (cost > filled && filled < _fillTime)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _emptyAt, time - filled + cost, emptyAt) == emptyAt)
            {
                return true;
            }
        }
    }

    /// <summary>How long a packet's tokens take to flow in, rounded to the nearest step.</summary>
    private long TimeOf(long units) => (long)((((ulong)units * StepsPerNanosecond) + (Rate / 2)) / Rate);

    internal void Count(int worker, int bytes) => _counters.Count(worker, bytes);
}
