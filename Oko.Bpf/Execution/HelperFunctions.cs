using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Execution;

// SAFETY: the verifier has proven that each pointer leads to as many readable bytes as its helper's prototype says.

/// <summary>The helpers that need more than a load or a map operation, as both engines call them. Any thread that runs programs.</summary>
internal static unsafe class HelperFunctions
{
    /// <summary>Most rounds of <c>bpf_loop</c> (the kernel's <c>BPF_MAX_LOOPS</c>).</summary>
    public const uint MaxLoops = 8 * 1024 * 1024;

    // bpf_jiffies64 counts ticks of 250 Hz, Debian's.
    private const ulong NanosecondsPerJiffy = 4_000_000;

    [ThreadStatic]
    private static ulong _random;

    /// <summary><c>bpf_get_prandom_u32</c>: xorshift64*, one state per thread; not for secrets.</summary>
    /// <remarks>Source: S. Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled" (2016).</remarks>
    public static ulong Random()
    {
        var state = _random != 0 ? _random : Seed();
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        _random = state;
        return (state * 2685821657736338717UL) >> 32;
    }

    /// <summary><c>bpf_jiffies64</c>.</summary>
    public static ulong Jiffies(FilterContext* context) => context->TimeNanoseconds / NanosecondsPerJiffy;

    /// <summary><c>bpf_csum_diff</c>: the sum of the second buffer's words, less those of the first, plus the seed: 32 bits whose two
    /// halves, added, are the Internet checksum's sum.</summary>
    public static ulong CsumDiff(byte* from, ulong fromSize, byte* to, ulong toSize, ulong seed)
    {
        const ulong LargestSum = 512;
        if (((fromSize | toSize) & 3) != 0 || fromSize > LargestSum || toSize > LargestSum || fromSize + toSize > LargestSum)
        {
            return unchecked((ulong)MapErrno.Invalid);
        }

        ulong sum = (uint)seed;
        for (ulong at = 0; at < fromSize; at += 4)
        {
            sum += ~*(uint*)(from + at);
        }

        for (ulong at = 0; at < toSize; at += 4)
        {
            sum += *(uint*)(to + at);
        }

        // Carries come back in at the bottom.
        sum = (uint)sum + (sum >> 32);
        return (uint)sum + (sum >> 32);
    }

    /// <summary><c>bpf_strncmp</c>.</summary>
    public static ulong StringCompare(byte* first, ulong size, byte* second)
    {
        for (ulong at = 0; at < (uint)size; at++)
        {
            var difference = first[at] - second[at];
            if (difference != 0)
            {
                return (ulong)(long)Math.Sign(difference);
            }

            if (first[at] == 0)
            {
                break;
            }
        }

        return 0;
    }

    /// <summary>Oko's <c>ubpf_hash</c>: 32 bits, Bob Jenkins' lookup3 (2006), <c>hashlittle</c> with initial value 0.</summary>
    public static ulong Hash(byte* bytes, ulong size)
    {
        var length = (uint)size;
        uint a, b, c;
        a = b = c = 0xdeadbeef + length;
        for (; length > 12; length -= 12, bytes += 12)
        {
            a += *(uint*)bytes;
            b += *(uint*)(bytes + 4);
            c += *(uint*)(bytes + 8);
            a = (a - c) ^ BitOperations.RotateLeft(c, 4);
            c += b;
            b = (b - a) ^ BitOperations.RotateLeft(a, 6);
            a += c;
            c = (c - b) ^ BitOperations.RotateLeft(b, 8);
            b += a;
            a = (a - c) ^ BitOperations.RotateLeft(c, 16);
            c += b;
            b = (b - a) ^ BitOperations.RotateLeft(a, 19);
            a += c;
            c = (c - b) ^ BitOperations.RotateLeft(b, 4);
            b += a;
        }

        if (length == 0)
        {
            return c;
        }

        a += Word(bytes, 0, length);
        b += Word(bytes, 4, length);
        c += Word(bytes, 8, length);
        c = (c ^ b) - BitOperations.RotateLeft(b, 14);
        a = (a ^ c) - BitOperations.RotateLeft(c, 11);
        b = (b ^ a) - BitOperations.RotateLeft(a, 25);
        c = (c ^ b) - BitOperations.RotateLeft(b, 16);
        a = (a ^ c) - BitOperations.RotateLeft(c, 4);
        b = (b ^ a) - BitOperations.RotateLeft(a, 14);
        return (c ^ b) - BitOperations.RotateLeft(b, 24);
    }

    // Up to four bytes of the last block, little-endian, none behind its end.
    private static uint Word(byte* bytes, uint first, uint length)
    {
        var word = 0u;
        for (var at = first; at < Math.Min(first + 4, length); at++)
        {
            word |= (uint)bytes[at] << (int)(8 * (at - first));
        }

        return word;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong Seed() =>
        ((ulong)Stopwatch.GetTimestamp() * 0x9E3779B97F4A7C15) ^ (uint)Environment.CurrentManagedThreadId | 1;
}
