using System.Runtime.CompilerServices;

namespace Oko.Bpf.Execution;

// SAFETY: the verifier has proven that the address is writable and aligned to the size.

/// <summary>The same as calls that are never inlined.</summary>
internal static unsafe class AtomicCalls
{
    /// <inheritdoc cref="Atomics.Add64"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Add64(byte* address, ulong operand) => Atomics.Add64(address, operand);

    /// <inheritdoc cref="Atomics.Add32"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint Add32(byte* address, uint operand) => Atomics.Add32(address, operand);

    /// <inheritdoc cref="Atomics.Or64"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Or64(byte* address, ulong operand) => Atomics.Or64(address, operand);

    /// <inheritdoc cref="Atomics.Or32"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint Or32(byte* address, uint operand) => Atomics.Or32(address, operand);

    /// <inheritdoc cref="Atomics.And64"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong And64(byte* address, ulong operand) => Atomics.And64(address, operand);

    /// <inheritdoc cref="Atomics.And32"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint And32(byte* address, uint operand) => Atomics.And32(address, operand);

    /// <inheritdoc cref="Atomics.Xor64"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Xor64(byte* address, ulong operand) => Atomics.Xor64(address, operand);

    /// <inheritdoc cref="Atomics.Xor32"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint Xor32(byte* address, uint operand) => Atomics.Xor32(address, operand);

    /// <inheritdoc cref="Atomics.Exchange64"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Exchange64(byte* address, ulong operand) => Atomics.Exchange64(address, operand);

    /// <inheritdoc cref="Atomics.Exchange32"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint Exchange32(byte* address, uint operand) => Atomics.Exchange32(address, operand);

    /// <inheritdoc cref="Atomics.CompareExchange64"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong CompareExchange64(byte* address, ulong operand, ulong expected) => Atomics.CompareExchange64(address, operand, expected);

    /// <inheritdoc cref="Atomics.CompareExchange32"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint CompareExchange32(byte* address, uint operand, uint expected) => Atomics.CompareExchange32(address, operand, expected);
}
