using System.Runtime.CompilerServices;

namespace Oko.Bpf.Maps;

// SAFETY: callers pass pointers to at least as many bytes as the size they pass; these methods touch no byte beyond it.

/// <summary>Copying and comparing of keys and values, and the writer lock. Any thread.</summary>
internal static unsafe class MapMemory
{
    /// <summary>Rounds up to a multiple of 8.</summary>
    public static uint Align8(uint size) => (size + 7) & ~7u;

    /// <summary>Copies in the largest stores that alignment of an entry allows, so that each aligned word of a value is
    /// written at once and a reader sees the old word or the new.</summary>
    public static void Copy(byte* target, byte* source, uint size)
    {
        for (; size >= 8; size -= 8, target += 8, source += 8)
        {
            *(ulong*)target = *(ulong*)source;
        }

        if ((size & 4) != 0)
        {
            *(uint*)target = *(uint*)source;
            target += 4;
            source += 4;
        }

        if ((size & 2) != 0)
        {
            *(ushort*)target = *(ushort*)source;
            target += 2;
            source += 2;
        }

        if ((size & 1) != 0)
        {
            *target = *source;
        }
    }

    /// <summary>Whether two keys are equal.</summary>
    public static bool Equal(byte* left, byte* right, uint size)
    {
        for (; size >= 8; size -= 8, left += 8, right += 8)
        {
            if (*(ulong*)left != *(ulong*)right)
            {
                return false;
            }
        }

        return size == 0 || Tail(left, size) == Tail(right, size);
    }

    /// <summary>The last 1 to 7 bytes of a key as a number, without reading past them.</summary>
    public static ulong Tail(byte* bytes, uint size)
    {
        ulong word = 0;
        uint shift = 0;
        if ((size & 4) != 0)
        {
            word = *(uint*)bytes;
            bytes += 4;
            shift = 32;
        }

        if ((size & 2) != 0)
        {
            word |= (ulong)*(ushort*)bytes << (int)shift;
            bytes += 2;
            shift += 16;
        }

        if ((size & 1) != 0)
        {
            word |= (ulong)*bytes << (int)shift;
        }

        return word;
    }

    /// <summary>Takes the writer lock. Waits by spinning and yielding: the holder may have lost its processor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Enter(MapHeader* map)
    {
        if (Interlocked.CompareExchange(ref map->Lock, 1, 0) != 0)
        {
            Wait(map);
        }
    }

    /// <summary>Gives the writer lock back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Exit(MapHeader* map) => Volatile.Write(ref map->Lock, 0);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Wait(MapHeader* map)
    {
        var wait = default(SpinWait);
        do
        {
            // Yield, but never sleep: a worker must be back within a scheduler's turn.
            wait.SpinOnce(sleep1Threshold: -1);
        }
        while (Volatile.Read(ref map->Lock) != 0 || Interlocked.CompareExchange(ref map->Lock, 1, 0) != 0);
    }
}
