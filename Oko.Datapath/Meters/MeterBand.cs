namespace Oko.Datapath.Meters;

/// <summary>What a band does to packets above its rate. Source: OpenFlow 1.3.5, 5.7.1 "Meter Bands".</summary>
public enum MeterBandKind : byte
{
    /// <summary>Drops them.</summary>
    Drop,

    /// <summary>Raises the drop precedence of their DSCP.</summary>
    DscpRemark,
}

/// <summary>A band of a meter. Immutable but for its counters and its token bucket, which the worker owns.</summary>
/// <remarks>
/// The bucket counts in units in which a nanosecond adds exactly the rate: 10^-6 bit for kilobits per second, 10^-9 packet for packets per
/// second. So metering has no rounding. It starts full.
/// </remarks>
public sealed class MeterBand
{
    private const long UnitsPerKilobit = 1_000_000_000, UnitsPerPacket = 1_000_000_000, UnitsPerByte = 8_000_000;

    // One frame must always fit, or a band with a tiny burst would let nothing pass.
    private const long LargestFrameUnits = 4096 * UnitsPerByte;

    private readonly bool _countsPackets;
    private readonly long _capacity;
    private readonly long _fillNanoseconds;
    private long _tokens;
    private long _filledAt;
    private long _packets, _bytes;

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
        _capacity = Math.Max((burst == 0 ? rate : burst) * unit, countsPackets ? UnitsPerPacket : LargestFrameUnits);
        _fillNanoseconds = _capacity / rate + 1;
        _tokens = _capacity;
        _filledAt = long.MinValue / 2;
    }

    /// <summary>What it does.</summary>
    public MeterBandKind Kind { get; }

    /// <summary>Kilobits or packets per second.</summary>
    public uint Rate { get; }

    /// <summary>DscpRemark: levels by which the drop precedence rises.</summary>
    public byte PrecedenceLevel { get; }

    /// <summary>Packets it was applied to.</summary>
    public ulong PacketCount => (ulong)Volatile.Read(ref _packets);

    /// <summary>Bytes it was applied to.</summary>
    public ulong ByteCount => (ulong)Volatile.Read(ref _bytes);

    /// <summary>Worker: takes a packet's tokens; false when there are too few, which leaves them untouched.</summary>
    internal bool TryTake(int bytes, long now)
    {
        var elapsed = now - _filledAt;
        _filledAt = now;
        _tokens = elapsed >= _fillNanoseconds ? _capacity : Math.Min(_capacity, _tokens + (elapsed * Rate));
        var cost = _countsPackets ? UnitsPerPacket : bytes * UnitsPerByte;
        if (cost > _tokens)
        {
            return false;
        }

        _tokens -= cost;
        return true;
    }

    internal void Count(int bytes)
    {
        _packets++;
        _bytes += bytes;
    }
}
