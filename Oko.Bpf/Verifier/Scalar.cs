namespace Oko.Bpf.Verifier;

/// <summary>
/// What is known of a number: an unsigned range and known bits. A bit of <see cref="Unknown"/> that is 0 says that the value has
/// this bit as in <see cref="Bits"/>. Every operation gives a set that holds all possible results.
/// </summary>
internal readonly record struct Scalar
{
    private Scalar(ulong min, ulong max, ulong bits, ulong unknown)
    {
        Min = min;
        Max = max;
        Bits = bits;
        Unknown = unknown;
    }

    internal ulong Min { get; }

    internal ulong Max { get; }

    internal ulong Bits { get; }

    internal ulong Unknown { get; }

    internal static Scalar Any { get; } = new(0, ulong.MaxValue, 0, ulong.MaxValue);

    internal bool IsConstant => Min == Max;

    internal static Scalar Constant(ulong value) => new(value, value, value, 0);

    /// <summary>Any value of that many bytes.</summary>
    internal static Scalar OfSize(int bytes) => bytes == 8 ? Any : Range(0, (1UL << (8 * bytes)) - 1);

    internal static Scalar Range(ulong min, ulong max) => Make(min, max, 0, ulong.MaxValue) ?? Any;

    /// <summary>The two kinds of knowledge, each sharpened by the other; null if no value has both.</summary>
    internal static Scalar? Make(ulong min, ulong max, ulong bits, ulong unknown)
    {
        min = Math.Max(min, bits);
        max = Math.Min(max, bits | unknown);
        if (min > max)
        {
            return null;
        }

        // Above the highest bit in which min and max differ, all values agree.
        var differ = min ^ max;
        var free = differ == 0 ? 0 : ulong.MaxValue >> System.Numerics.BitOperations.LeadingZeroCount(differ);
        if ((bits & ~unknown & ~free) != (min & ~unknown & ~free))
        {
            return null;
        }

        bits = ((bits & ~unknown) | (min & ~free)) & ~(unknown & free);
        unknown &= free;
        return new Scalar(min, max, bits, unknown);
    }

    internal static Scalar Join(Scalar a, Scalar b)
    {
        var unknown = a.Unknown | b.Unknown | (a.Bits ^ b.Bits);
        return new Scalar(Math.Min(a.Min, b.Min), Math.Max(a.Max, b.Max), a.Bits & ~unknown, unknown);
    }

    /// <summary>The values of both sets; null if there is none.</summary>
    internal static Scalar? Meet(Scalar a, ulong min, ulong max) => Make(Math.Max(a.Min, min), Math.Min(a.Max, max), a.Bits, a.Unknown);

    /// <summary>The low 32 bits.</summary>
    internal Scalar Low32()
    {
        if (Max <= uint.MaxValue)
        {
            return this;
        }

        return Make(0, uint.MaxValue, Bits & uint.MaxValue, Unknown & uint.MaxValue) ?? OfSize(4);
    }

    internal static Scalar Add(Scalar a, Scalar b)
    {
        // Known bits as in the kernel's tnum_add (Vishwanathan et al., CGO 2022).
        var values = a.Bits + b.Bits;
        var unknowns = a.Unknown + b.Unknown;
        var carries = unchecked(values + unknowns) ^ values;
        var unknown = carries | a.Unknown | b.Unknown;
        var wraps = a.Max > ulong.MaxValue - b.Max;
        return Make(wraps ? 0 : a.Min + b.Min, wraps ? ulong.MaxValue : a.Max + b.Max, values & ~unknown, unknown) ?? Any;
    }

    internal static Scalar Sub(Scalar a, Scalar b)
    {
        var values = unchecked(a.Bits - b.Bits);
        var alpha = unchecked(values + a.Unknown);
        var beta = unchecked(values - b.Unknown);
        var unknown = (alpha ^ beta) | a.Unknown | b.Unknown;
        var wraps = a.Min < b.Max;
        return Make(wraps ? 0 : a.Min - b.Max, wraps ? ulong.MaxValue : a.Max - b.Min, values & ~unknown, unknown) ?? Any;
    }

    internal static Scalar Mul(Scalar a, Scalar b)
    {
        if (a.IsConstant && b.IsConstant)
        {
            return Constant(unchecked(a.Min * b.Min));
        }

        // Trailing zeros add up, which keeps the alignment of an index times a size.
        var zeros = Math.Min(63, TrailingZeros(a) + TrailingZeros(b));
        var unknown = ulong.MaxValue << zeros;
        var overflows = Math.BigMul(a.Max, b.Max, out var low) != 0;
        return Make(overflows ? 0 : a.Min * b.Min, overflows ? ulong.MaxValue : low, 0, unknown) ?? Any;
    }

    internal static Scalar And(Scalar a, Scalar b)
    {
        var ones = a.Bits & b.Bits;
        var unknown = (a.Bits | a.Unknown) & (b.Bits | b.Unknown) & ~ones;
        return Make(0, Math.Min(a.Max, b.Max), ones, unknown) ?? Any;
    }

    internal static Scalar Or(Scalar a, Scalar b)
    {
        var ones = a.Bits | b.Bits;
        var unknown = (a.Unknown | b.Unknown) & ~ones;
        return Make(Math.Max(a.Min, b.Min), ulong.MaxValue, ones, unknown) ?? Any;
    }

    internal static Scalar Xor(Scalar a, Scalar b)
    {
        var unknown = a.Unknown | b.Unknown;
        return Make(0, ulong.MaxValue, (a.Bits ^ b.Bits) & ~unknown, unknown) ?? Any;
    }

    internal static Scalar ShiftLeft(Scalar a, int count)
    {
        var overflows = count != 0 && a.Max >> (64 - count) != 0;
        return Make(overflows ? 0 : a.Min << count, overflows ? ulong.MaxValue : a.Max << count, a.Bits << count, a.Unknown << count) ?? Any;
    }

    internal static Scalar ShiftRight(Scalar a, int count) =>
        Make(a.Min >> count, a.Max >> count, a.Bits >> count, a.Unknown >> count) ?? Any;

    /// <summary>x / 0 is 0.</summary>
    internal static Scalar Div(Scalar a, Scalar b) => b.Min == 0 ? Range(0, a.Max) : Range(a.Min / b.Max, a.Max / b.Min);

    /// <summary>x % 0 is x.</summary>
    internal static Scalar Mod(Scalar a, Scalar b) => Range(0, b.Min == 0 ? a.Max : Math.Min(a.Max, b.Max - 1));

    public override string ToString() => IsConstant ? $"{Min}" : Max == ulong.MaxValue && Min == 0 ? "number" : $"number {Min}..{Max}";

    private static int TrailingZeros(Scalar value) => System.Numerics.BitOperations.TrailingZeroCount(value.Bits | value.Unknown);
}
