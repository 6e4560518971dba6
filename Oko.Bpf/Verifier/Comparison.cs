using System.Numerics;
using Oko.Bpf.Isa;

namespace Oko.Bpf.Verifier;

/// <summary>What the outcome of a comparison says about the two numbers. Stateless.</summary>
internal static class Comparison
{
    /// <summary>No jump tests for "no common bit"; the side of JSET that falls through does.</summary>
    internal const JumpOperation BitsClear = (JumpOperation)0xF0;

    /// <summary>The comparison that holds when the other does not.</summary>
    internal static JumpOperation Opposite(JumpOperation operation) => operation switch
    {
        JumpOperation.Equal => JumpOperation.NotEqual,
        JumpOperation.NotEqual => JumpOperation.Equal,
        JumpOperation.Greater => JumpOperation.LessOrEqual,
        JumpOperation.GreaterOrEqual => JumpOperation.Less,
        JumpOperation.Less => JumpOperation.GreaterOrEqual,
        JumpOperation.LessOrEqual => JumpOperation.Greater,
        JumpOperation.SignedGreater => JumpOperation.SignedLessOrEqual,
        JumpOperation.SignedGreaterOrEqual => JumpOperation.SignedLess,
        JumpOperation.SignedLess => JumpOperation.SignedGreaterOrEqual,
        JumpOperation.SignedLessOrEqual => JumpOperation.SignedGreater,
        _ => BitsClear,
    };

    /// <summary>The same comparison of unsigned numbers.</summary>
    internal static JumpOperation Unsigned(JumpOperation operation) => operation switch
    {
        JumpOperation.SignedGreater => JumpOperation.Greater,
        JumpOperation.SignedGreaterOrEqual => JumpOperation.GreaterOrEqual,
        JumpOperation.SignedLess => JumpOperation.Less,
        JumpOperation.SignedLessOrEqual => JumpOperation.LessOrEqual,
        _ => operation,
    };

    /// <summary>The comparison with its operands exchanged.</summary>
    internal static JumpOperation Mirrored(JumpOperation operation) => operation switch
    {
        JumpOperation.Greater => JumpOperation.Less,
        JumpOperation.GreaterOrEqual => JumpOperation.LessOrEqual,
        JumpOperation.Less => JumpOperation.Greater,
        JumpOperation.LessOrEqual => JumpOperation.GreaterOrEqual,
        JumpOperation.SignedGreater => JumpOperation.SignedLess,
        JumpOperation.SignedGreaterOrEqual => JumpOperation.SignedLessOrEqual,
        JumpOperation.SignedLess => JumpOperation.SignedGreater,
        JumpOperation.SignedLessOrEqual => JumpOperation.SignedGreaterOrEqual,
        _ => operation,
    };

    /// <summary>The numbers for which a comparison holds; null if there are none.</summary>
    /// <param name="operation">A jump's comparison, or <see cref="BitsClear"/>.</param>
    /// <param name="a">The left number; for a comparison of 32 bits, its low half.</param>
    /// <param name="b">The right number, likewise.</param>
    /// <param name="is64">64 bits are compared, not 32.</param>
    internal static (Scalar A, Scalar B)? Refine(JumpOperation operation, Scalar a, Scalar b, bool is64)
    {
        if (is64 || Unsigned(operation) == operation)
        {
            return Refine(operation, a, b);
        }

        // As signed numbers of 64 bits, and back.
        return Refine(operation, a.SignExtend(32), b.SignExtend(32)) is var (x, y) && Scalar.Meet(a, x.Low32()) is { } newA && Scalar.Meet(b, y.Low32()) is { } newB
            ? (newA, newB) : null;
    }

    private static (Scalar A, Scalar B)? Refine(JumpOperation operation, Scalar a, Scalar b)
    {
        switch (operation)
        {
            case JumpOperation.Equal:
                return Both(Scalar.Meet(a, b), Scalar.Meet(a, b));
            case JumpOperation.NotEqual:
                return Both(b.IsConstant ? a.Without(b.Min) : a, a.IsConstant ? b.Without(a.Min) : b);
            case JumpOperation.Less:
                return b.Max == 0 || a.Min == ulong.MaxValue ? null : Both(a.Within(0, b.Max - 1), b.Within(a.Min + 1, ulong.MaxValue));
            case JumpOperation.LessOrEqual:
                return Both(a.Within(0, b.Max), b.Within(a.Min, ulong.MaxValue));
            case JumpOperation.SignedLess:
                return b.SignedMax == long.MinValue || a.SignedMin == long.MaxValue ? null
                    : Both(a.WithinSigned(long.MinValue, b.SignedMax - 1), b.WithinSigned(a.SignedMin + 1, long.MaxValue));
            case JumpOperation.SignedLessOrEqual:
                return Both(a.WithinSigned(long.MinValue, b.SignedMax), b.WithinSigned(a.SignedMin, long.MaxValue));
            case JumpOperation.BitsSet:
                return b.IsConstant ? Both(WithBit(a, b.Min), b) : (a, b);
            case BitsClear:
                return b.IsConstant ? Both((a.Bits & b.Min) != 0 ? null : Scalar.Meet(a, Scalar.OfBits(0, ~b.Min)), b) : (a, b);
            default:
                return Refine(Mirrored(operation), b, a) is var (y, x) ? (x, y) : null;
        }
    }

    private static (Scalar A, Scalar B)? Both(Scalar? a, Scalar? b) => a is { } x && b is { } y ? (x, y) : null;

    /// <summary>Some bit of the mask is set: one that is known if there is only one that may be.</summary>
    private static Scalar? WithBit(Scalar a, ulong mask)
    {
        var possible = a.MayBeSet & mask;
        return possible == 0 ? null : BitOperations.IsPow2(possible) ? Scalar.Meet(a, Scalar.OfBits(possible, ~possible)) : a;
    }
}
