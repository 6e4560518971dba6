using System.Runtime.CompilerServices;

namespace Oko.Bpf.Execution;

// SAFETY: the verifier has proven that the address is writable and aligned to the size.

/// <summary>The atomic operations on 4 and 8 bytes; each returns the old value. Used by both engines.</summary>
/// <remarks>Source: RFC 9669, 5.3. The address must be aligned to the size: the verifier demands it, and arm64 traps
/// otherwise.</remarks>
internal static unsafe class Atomics
{
    /// <summary>Fetch and add.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Add64(byte* address, ulong operand) => Interlocked.Add(ref *(ulong*)address, operand) - operand;

    /// <summary>Fetch and add.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Add32(byte* address, uint operand) => Interlocked.Add(ref *(uint*)address, operand) - operand;

    /// <summary>Fetch and or.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Or64(byte* address, ulong operand) => Interlocked.Or(ref *(ulong*)address, operand);

    /// <summary>Fetch and or.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Or32(byte* address, uint operand) => Interlocked.Or(ref *(uint*)address, operand);

    /// <summary>Fetch and and.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong And64(byte* address, ulong operand) => Interlocked.And(ref *(ulong*)address, operand);

    /// <summary>Fetch and and.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint And32(byte* address, uint operand) => Interlocked.And(ref *(uint*)address, operand);

    /// <summary>Fetch and xor; there is no such primitive, so compare and exchange until it holds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static ulong Xor64(byte* address, ulong operand)
    {
        ulong seen = Volatile.Read(ref *(ulong*)address);
        while (true)
        {
            ulong found = Interlocked.CompareExchange(ref *(ulong*)address, seen ^ operand, seen);
            if (found == seen)
            {
                return seen;
            }

            seen = found;
        }
    }

    /// <summary>Fetch and xor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static uint Xor32(byte* address, uint operand)
    {
        uint seen = Volatile.Read(ref *(uint*)address);
        while (true)
        {
            uint found = Interlocked.CompareExchange(ref *(uint*)address, seen ^ operand, seen);
            if (found == seen)
            {
                return seen;
            }

            seen = found;
        }
    }

    /// <summary>Exchange.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Exchange64(byte* address, ulong operand) => Interlocked.Exchange(ref *(ulong*)address, operand);

    /// <summary>Exchange.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Exchange32(byte* address, uint operand) => Interlocked.Exchange(ref *(uint*)address, operand);

    /// <summary>Compare with <paramref name="expected"/> and exchange if equal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong CompareExchange64(byte* address, ulong operand, ulong expected) =>
        Interlocked.CompareExchange(ref *(ulong*)address, operand, expected);

    /// <summary>Compare with <paramref name="expected"/> and exchange if equal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint CompareExchange32(byte* address, uint operand, uint expected) =>
        Interlocked.CompareExchange(ref *(uint*)address, operand, expected);
}
