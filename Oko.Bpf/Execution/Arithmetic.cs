using System.Runtime.CompilerServices;

namespace Oko.Bpf.Execution;

/// <summary>The corner cases of division, where the processor would trap and the instruction set defines a result. Used by
/// both engines; compiled programs have it inlined. Stateless.</summary>
/// <remarks>Source: RFC 9669, 4.1: division by zero gives 0, modulo zero leaves the dividend, MIN / -1 = MIN, MIN % -1 = 0.
/// The 32-bit forms return the number zero-extended by their type.</remarks>
internal static class Arithmetic
{
    /// <summary>Unsigned division.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Divide64(ulong left, ulong right) => right == 0 ? 0 : left / right;

    /// <summary>Unsigned division of 32 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Divide32(uint left, uint right) => right == 0 ? 0 : left / right;

    /// <summary>Unsigned remainder.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Modulo64(ulong left, ulong right) => right == 0 ? left : left % right;

    /// <summary>Unsigned remainder of 32 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Modulo32(uint left, uint right) => right == 0 ? left : left % right;

    /// <summary>Signed division, truncating.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ulong DivideSigned64(ulong left, ulong right) => right switch
    {
        0 => 0,
        ulong.MaxValue => 0 - left,
        _ => (ulong)((long)left / (long)right),
    };

    /// <summary>Signed division of 32 bits, truncating.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static uint DivideSigned32(uint left, uint right) => right switch
    {
        0 => 0,
        uint.MaxValue => 0 - left,
        _ => (uint)((int)left / (int)right),
    };

    /// <summary>Signed remainder; it has the sign of the dividend.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ulong ModuloSigned64(ulong left, ulong right) => right switch
    {
        0 => left,
        ulong.MaxValue => 0,
        _ => (ulong)((long)left % (long)right),
    };

    /// <summary>Signed remainder of 32 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static uint ModuloSigned32(uint left, uint right) => right switch
    {
        0 => left,
        uint.MaxValue => 0,
        _ => (uint)((int)left % (int)right),
    };
}
