using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Tables;

// The hash is NH, the inner function of UMAC: of each word under the mask, plus a secret, the halves are multiplied with each other,
// and the products added. Keys come from the network; without the secrets nobody can tell which of them collide, since two different keys
// do with a chance of 2^-32 whatever they are. And four words take a handful of instructions. NH says little about single bits
// of the sum, so a last multiplication spreads them.

/// <summary>The mask of a tuple, made for hashing and comparing keys. Immutable; any thread.</summary>
/// <remarks>Source: Black, Halevi, Krawczyk, Krovetz, Rogaway, "UMAC: Fast and Secure Message Authentication", CRYPTO 1999.</remarks>
internal sealed unsafe class KeyMask
{
    private const int BlockWords = 4, MaxBlocks = FlowKey.WordCount / BlockWords;

    private static readonly ulong[] Secrets = MakeSecrets();

    // Mask and secrets of the blocks that name something, side by side, and where they stand in a key. Pinned: read by address.
    private readonly ulong[] _memory = GC.AllocateArray<ulong>(MaxBlocks * BlockWords * 2, pinned: true);
    private readonly ulong* _masks, _secrets;
    private readonly int _places;

    /// <summary>Prepares a mask.</summary>
    internal KeyMask(ReadOnlySpan<ulong> mask)
    {
        // SAFETY: the array is pinned and lives as long as this object.
        fixed (ulong* memory = _memory)
        {
            _masks = memory;
            _secrets = memory + MaxBlocks * BlockWords;
        }

        for (var block = 0; block < MaxBlocks; block++)
        {
            var words = mask.Slice(block * BlockWords, BlockWords);
            if (!words.ContainsAnyExcept(0UL))
            {
                continue;
            }

            words.CopyTo(new Span<ulong>(_masks + BlockCount * BlockWords, BlockWords));
            Secrets.AsSpan(block * BlockWords, BlockWords).CopyTo(new Span<ulong>(_secrets + BlockCount * BlockWords, BlockWords));
            _places |= block << (BlockCount * 8);
            BlockCount++;
        }
    }

    /// <summary>Blocks of a key in which the mask names something.</summary>
    internal int BlockCount { get; }

    /// <summary>Hash of a key under the mask.</summary>
    /// <param name="key">SAFETY: the words of a key.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ulong Hash(ulong* key)
    {
        var sum = Vector256<ulong>.Zero;
        var places = _places;
        for (var block = 0; block < BlockCount; block++)
        {
            var words = Vector256.Load(key + (places & 0xFF) * BlockWords) & Vector256.Load(_masks + block * BlockWords);
            var secret = (words.AsUInt32() + Vector256.Load(_secrets + block * BlockWords).AsUInt32()).AsUInt64();
            sum += MultiplyHalves(secret);
            places >>= 8;
        }

        var hash = Vector256.Sum(sum);
        hash = (hash ^ (hash >> 32)) * 0x9E3779B97F4A7C15;
        return hash ^ (hash >> 32);
    }

    /// <summary>Whether a key has, under the mask, these words.</summary>
    /// <param name="key">SAFETY: the words of a key.</param>
    /// <param name="words">SAFETY: as many blocks of words as the mask has, as <see cref="Take"/> writes them.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool Matches(ulong* key, ref ulong words)
    {
        var difference = Vector256<ulong>.Zero;
        var places = _places;
        for (var block = 0; block < BlockCount; block++)
        {
            difference |= (Vector256.Load(key + (places & 0xFF) * BlockWords) & Vector256.Load(_masks + block * BlockWords))
                ^ Vector256.LoadUnsafe(ref words, (nuint)(block * BlockWords));
            places >>= 8;
        }

        return difference == Vector256<ulong>.Zero;
    }

    /// <summary>Writes the words under the mask side by side.</summary>
    internal void Take(ReadOnlySpan<ulong> key, Span<ulong> words)
    {
        for (var index = 0; index < BlockCount * BlockWords; index++)
        {
            var place = (_places >> (index / BlockWords * 8)) & 0xFF;
            words[index] = key[place * BlockWords + index % BlockWords] & _masks[index];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> MultiplyHalves(Vector256<ulong> words)
    {
        var high = Vector256.ShiftRightLogical(words, 32);
        return Avx2.IsSupported
            ? Avx2.Multiply(words.AsUInt32(), high.AsUInt32())
            : (words & Vector256.Create((ulong)uint.MaxValue)) * high;
    }

    private static ulong[] MakeSecrets()
    {
        var secrets = new ulong[FlowKey.WordCount];
        RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(secrets.AsSpan()));
        return secrets;
    }
}
