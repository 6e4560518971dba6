using System.Numerics;

namespace Oko.Bpf.Verifier;

/// <summary>
/// What is known of a 64-bit number: an unsigned range, a signed range, and known bits. A bit of <see cref="Unknown"/> that is 0 says that
/// the value has this bit as in <see cref="Bits"/>. Every operation gives a set that holds all possible results. Immutable.
/// </summary>
/// <remarks>Known bits as in the kernel's tnum (Vishwanathan et al., "Sound, Precise, and Fast Abstract Interpretation with Tristate
/// Numbers", CGO 2022).</remarks>
internal readonly record struct Scalar
{
    private Scalar(ulong min, ulong max, long signedMin, long signedMax, ulong bits, ulong unknown)
    {
        Min = min;
        Max = max;
        SignedMin = signedMin;
        SignedMax = signedMax;
        Bits = bits;
        Unknown = unknown;
    }

    internal ulong Min { get; }

    internal ulong Max { get; }

    internal long SignedMin { get; }

    internal long SignedMax { get; }

    internal ulong Bits { get; }

    internal ulong Unknown { get; }

    internal static Scalar Any { get; } = new(0, ulong.MaxValue, long.MinValue, long.MaxValue, 0, ulong.MaxValue);

    internal bool IsConstant => Min == Max;

    /// <summary>The bits that may be set.</summary>
    internal ulong MayBeSet => Bits | Unknown;

    internal static Scalar Constant(ulong value) => new(value, value, (long)value, (long)value, value, 0);

    /// <summary>Any value of that many bytes.</summary>
    internal static Scalar OfSize(int bytes) => bytes == 8 ? Any : Range(0, (1UL << (8 * bytes)) - 1);

    internal static Scalar Range(ulong min, ulong max) => Make(min, max, long.MinValue, long.MaxValue, 0, ulong.MaxValue) ?? Any;

    internal static Scalar SignedRange(long min, long max) => Make(0, ulong.MaxValue, min, max, 0, ulong.MaxValue) ?? Any;

    /// <summary>The numbers with these known bits.</summary>
    internal static Scalar OfBits(ulong bits, ulong unknown) => Make(0, ulong.MaxValue, long.MinValue, long.MaxValue, bits & ~unknown, unknown) ?? Any;

    /// <summary>The three kinds of knowledge, each sharpened by the others; null if no value has all of it.</summary>
    internal static Scalar? Make(ulong min, ulong max, long signedMin, long signedMax, ulong bits, ulong unknown)
    {
        // A second round uses what the first one found in the last step.
        for (var round = 0; round < 2; round++)
        {
            const ulong Sign = 1UL << 63;
            min = Math.Max(min, bits);
            max = Math.Min(max, bits | unknown);
            signedMin = Math.Max(signedMin, (long)(bits | (unknown & Sign)));
            signedMax = Math.Min(signedMax, (long)(bits | (unknown & ~Sign)));
            if (min > max || signedMin > signedMax)
            {
                return null;
            }

            if ((long)min <= (long)max)             // the range does not cross the sign bit: it is a signed range, too
            {
                signedMin = Math.Max(signedMin, (long)min);
                signedMax = Math.Min(signedMax, (long)max);
            }

            if (signedMin > signedMax)
            {
                return null;
            }

            if (signedMin >= 0 || signedMax < 0)    // and the other way round
            {
                min = Math.Max(min, (ulong)signedMin);
                max = Math.Min(max, (ulong)signedMax);
            }

            if (min > max)
            {
                return null;
            }

            // Above the highest bit in which min and max differ, all values agree.
            var differ = min ^ max;
            var free = differ == 0 ? 0 : ulong.MaxValue >> BitOperations.LeadingZeroCount(differ);
            if ((bits & ~unknown & ~free) != (min & ~unknown & ~free))
            {
                return null;
            }

            bits = ((bits & ~unknown) | (min & ~free)) & ~(unknown & free);
            unknown &= free;
        }

        return new Scalar(min, max, signedMin, signedMax, bits, unknown);
    }

    internal static Scalar Join(Scalar a, Scalar b)
    {
        var unknown = a.Unknown | b.Unknown | (a.Bits ^ b.Bits);
        return new Scalar(
            Math.Min(a.Min, b.Min), Math.Max(a.Max, b.Max), Math.Min(a.SignedMin, b.SignedMin), Math.Max(a.SignedMax, b.SignedMax), a.Bits & ~unknown, unknown);
    }

    /// <summary>The values of the set in an unsigned range; null if there is none.</summary>
    internal Scalar? Within(ulong min, ulong max) => Make(Math.Max(Min, min), Math.Min(Max, max), SignedMin, SignedMax, Bits, Unknown);

    /// <summary>The values of the set in a signed range; null if there is none.</summary>
    internal Scalar? WithinSigned(long min, long max) => Make(Min, Max, Math.Max(SignedMin, min), Math.Min(SignedMax, max), Bits, Unknown);

    /// <summary>The values in both sets; null if there is none.</summary>
    internal static Scalar? Meet(Scalar a, Scalar b) => ((a.Bits ^ b.Bits) & ~a.Unknown & ~b.Unknown) != 0 ? null
        : Make(
            Math.Max(a.Min, b.Min), Math.Min(a.Max, b.Max), Math.Max(a.SignedMin, b.SignedMin), Math.Min(a.SignedMax, b.SignedMax),
            a.Bits | b.Bits, a.Unknown & b.Unknown);

    /// <summary>The set without one value, where that makes a range shorter; null if nothing is left.</summary>
    internal Scalar? Without(ulong value) =>
        IsConstant ? (Min == value ? null : this)
        : value == Min ? Within(Min + 1, Max)
        : value == Max ? Within(Min, Max - 1)
        : (long)value == SignedMin ? WithinSigned(SignedMin + 1, SignedMax)
        : (long)value == SignedMax ? WithinSigned(SignedMin, SignedMax - 1) : this;

    /// <summary>The low 32 bits, zero-extended.</summary>
    internal Scalar Low32() => Max <= uint.MaxValue ? this : Cut(32);

    /// <summary>The low bits as a signed number, sign-extended to 64 bits.</summary>
    internal Scalar SignExtend(int bits)
    {
        if (SignedMin >= -(1L << (bits - 1)) && SignedMax < 1L << (bits - 1))
        {
            return this;
        }

        var low = Cut(bits);
        var half = 1UL << (bits - 1);
        return low.Max < half ? low
            : low.Min >= half ? SignedRange((long)low.Min - (1L << bits), (long)low.Max - (1L << bits))
            : SignedRange(-(1L << (bits - 1)), (1L << (bits - 1)) - 1);
    }

    /// <summary>The low bits, zero-extended.</summary>
    internal Scalar Cut(int bits)
    {
        if (bits == 64)
        {
            return this;
        }

        var mask = (1UL << bits) - 1;
        // If the bits above agree on the whole range, the low bits keep their order.
        return (Min & ~mask) == (Max & ~mask)
            ? Make(Min & mask, Max & mask, long.MinValue, long.MaxValue, Bits & mask, Unknown & mask) ?? OfBits(Bits & mask, Unknown & mask)
            : OfBits(Bits & mask, Unknown & mask);
    }

    internal static Scalar Add(Scalar a, Scalar b)
    {
        var values = unchecked(a.Bits + b.Bits);
        var unknowns = unchecked(a.Unknown + b.Unknown);
        var carries = unchecked(values + unknowns) ^ values;
        var unknown = carries | a.Unknown | b.Unknown;
        var wraps = a.Max > ulong.MaxValue - b.Max;
        var (low, high) = ((Int128)a.SignedMin + b.SignedMin, (Int128)a.SignedMax + b.SignedMax);
        return Make(wraps ? 0 : a.Min + b.Min, wraps ? ulong.MaxValue : a.Max + b.Max, low, high, values & ~unknown, unknown);
    }

    internal static Scalar Sub(Scalar a, Scalar b)
    {
        var values = unchecked(a.Bits - b.Bits);
        var alpha = unchecked(values + a.Unknown);
        var beta = unchecked(values - b.Unknown);
        var unknown = (alpha ^ beta) | a.Unknown | b.Unknown;
        var wraps = a.Min < b.Max;
        var (low, high) = ((Int128)a.SignedMin - b.SignedMax, (Int128)a.SignedMax - b.SignedMin);
        return Make(wraps ? 0 : a.Min - b.Max, wraps ? ulong.MaxValue : a.Max - b.Min, low, high, values & ~unknown, unknown);
    }

    internal static Scalar Mul(Scalar a, Scalar b)
    {
        if (a.IsConstant && b.IsConstant)
        {
            return Constant(unchecked(a.Min * b.Min));
        }

        // Trailing zeros add up, which keeps the alignment of an index times a size.
        var zeros = Math.Min(63, TrailingZeros(a) + TrailingZeros(b));
        var overflows = Math.BigMul(a.Max, b.Max, out var low) != 0;
        Span<Int128> corners =
        [
            (Int128)a.SignedMin * b.SignedMin, (Int128)a.SignedMin * b.SignedMax, (Int128)a.SignedMax * b.SignedMin, (Int128)a.SignedMax * b.SignedMax,
        ];
        var (least, most) = (corners[0], corners[0]);
        foreach (var corner in corners)
        {
            (least, most) = (Int128.Min(least, corner), Int128.Max(most, corner));
        }

        return Make(overflows ? 0 : a.Min * b.Min, overflows ? ulong.MaxValue : low, least, most, 0, ulong.MaxValue << zeros);
    }

    internal static Scalar And(Scalar a, Scalar b)
    {
        var ones = a.Bits & b.Bits;
        var unknown = a.MayBeSet & b.MayBeSet & ~ones;
        return Make(0, Math.Min(a.Max, b.Max), Int128.MinValue, Int128.MaxValue, ones, unknown);
    }

    internal static Scalar Or(Scalar a, Scalar b)
    {
        var ones = a.Bits | b.Bits;
        return Make(Math.Max(a.Min, b.Min), ulong.MaxValue, Int128.MinValue, Int128.MaxValue, ones, (a.Unknown | b.Unknown) & ~ones);
    }

    internal static Scalar Xor(Scalar a, Scalar b)
    {
        var unknown = a.Unknown | b.Unknown;
        return OfBits((a.Bits ^ b.Bits) & ~unknown, unknown);
    }

    internal static Scalar ShiftLeft(Scalar a, int count)
    {
        if (count == 0)
        {
            return a;
        }

        var overflows = a.Max >> (64 - count) != 0;
        var (low, high) = ((Int128)a.SignedMin << count, (Int128)a.SignedMax << count);
        return Make(overflows ? 0 : a.Min << count, overflows ? ulong.MaxValue : a.Max << count, low, high, a.Bits << count, a.Unknown << count);
    }

    internal static Scalar ShiftRight(Scalar a, int count) => Make(
        a.Min >> count, a.Max >> count, Int128.MinValue, Int128.MaxValue, a.Bits >> count, a.Unknown >> count);

    /// <summary>Shifts copies of the sign bit in.</summary>
    internal static Scalar ShiftRightSigned(Scalar a, int count)
    {
        var unknown = (ulong)((long)a.Unknown >> count);
        return Make(0, ulong.MaxValue, a.SignedMin >> count, a.SignedMax >> count, (ulong)((long)a.Bits >> count) & ~unknown, unknown) ?? Any;
    }

    /// <summary>x / 0 is 0.</summary>
    internal static Scalar Div(Scalar a, Scalar b) => b.Min == 0 ? Range(0, a.Max) : Range(a.Min / b.Max, a.Max / b.Min);

    /// <summary>x % 0 is x.</summary>
    internal static Scalar Mod(Scalar a, Scalar b) => b.Min != 0 && a.Max < b.Min ? a : Range(0, b.Min == 0 ? a.Max : Math.Min(a.Max, b.Max - 1));

    public override string ToString() =>
        IsConstant ? (SignedMin < 0 && SignedMin > -(1L << 32) ? $"{SignedMin}" : $"{Min}")
        : Max != ulong.MaxValue || Min != 0 ? $"number {Min}..{Max}"
        : SignedMin != long.MinValue || SignedMax != long.MaxValue ? $"number {SignedMin}..{SignedMax}" : "number";

    // Signed bounds that leave the 64 bits say nothing, since the result wraps.
    private static Scalar Make(ulong min, ulong max, Int128 low, Int128 high, ulong bits, ulong unknown)
    {
        var wraps = low < long.MinValue || high > long.MaxValue;
        return Make(min, max, wraps ? long.MinValue : (long)low, wraps ? long.MaxValue : (long)high, bits, unknown) ?? Any;
    }

    private static int TrailingZeros(Scalar value) => BitOperations.TrailingZeroCount(value.MayBeSet);
}
