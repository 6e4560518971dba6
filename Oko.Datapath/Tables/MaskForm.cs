using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Tables;

// The hash is NH, the inner function of UMAC: of each word under the mask, plus a secret, the halves are multiplied with each other,
// and the products added. Keys come from the network; without the secrets nobody can tell which of them collide, since two different keys
// do with a chance of 2^-32 whatever they are. And four words take a handful of instructions. NH says little about single bits
// of the sum, so a last multiplication spreads them.

/// <summary>What hashing and comparing under a mask needs: mask and secrets of the blocks of four words that name something, side by side, and where they
/// stand in a key.</summary>
/// <remarks>Source: Black, Halevi, Krawczyk, Krovetz, Rogaway, "UMAC: Fast and Secure Message Authentication", CRYPTO 1999.</remarks>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MaskForm
{
    /// <summary>Words that are hashed and compared together.</summary>
    internal const int BlockWords = 4;

    /// <summary>Blocks of a key.</summary>
    internal const int MaxBlocks = FlowKey.WordCount / BlockWords;

    private const int BlockBytes = BlockWords * sizeof(ulong);
    private const int SecretsAt = FlowKey.WordCount * sizeof(ulong);

    private fixed ulong _masks[FlowKey.WordCount];
    private fixed ulong _secrets[FlowKey.WordCount];

    // A byte for each block: where it begins in a key, in bytes.
    private uint _places;
    private int _blockCount;

    /// <summary>Adds a block, before the first use.</summary>
    /// <param name="place">Number of the block in a key, greater than those before.</param>
    /// <param name="words">Its mask.</param>
    /// <param name="secrets">As many words that nobody outside knows.</param>
    internal void Add(int place, ReadOnlySpan<ulong> words, ReadOnlySpan<ulong> secrets)
    {
        for (var word = 0; word < BlockWords; word++)
        {
            _masks[(_blockCount * BlockWords) + word] = words[word];
            _secrets[(_blockCount * BlockWords) + word] = secrets[word];
        }

        _places |= (uint)(place * BlockBytes) << (_blockCount * 8);
        _blockCount++;
    }

    /// <summary>Hash of a key under a mask.</summary>
    /// <param name="form">SAFETY: a mask that does not move.</param>
    /// <param name="key">SAFETY: the words of a key.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Hash(MaskForm* form, ulong* key)
    {
        var sum = Vector256<ulong>.Zero;
        var places = form->_places;

        // By address, which takes fewer instructions than by index. SAFETY: the masks come first, the secrets SecretsAt behind them.
        var block = (byte*)form;
        for (var left = form->_blockCount; left > 0; left--)
        {
            var words = Vector256.Load((uint*)((byte*)key + (byte)places)) & Vector256.Load((uint*)block);
            sum += MultiplyHalves((words + Vector256.Load((uint*)(block + SecretsAt))).AsUInt64());
            places >>= 8;
            block += BlockBytes;
        }

        var hash = Vector256.Sum(sum);
        hash = (hash ^ (hash >> 32)) * 0x9E3779B97F4A7C15;
        return hash ^ (hash >> 32);
    }

    /// <summary>Whether a key has, under a mask, these words.</summary>
    /// <param name="form">SAFETY: a mask that does not move.</param>
    /// <param name="key">SAFETY: the words of a key.</param>
    /// <param name="words">SAFETY: as many blocks of words as the mask has, as <see cref="Take"/> writes them.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Matches(MaskForm* form, ulong* key, ulong* words)
    {
        var difference = Vector256<ulong>.Zero;
        var places = form->_places;

        // SAFETY: the masks come first.
        var masks = (ulong*)form;
        for (var left = form->_blockCount; left > 0; left--)
        {
            difference |= (Vector256.Load((ulong*)((byte*)key + (byte)places)) & Vector256.Load(masks)) ^ Vector256.Load(words);
            places >>= 8;
            masks += BlockWords;
            words += BlockWords;
        }

        return difference == Vector256<ulong>.Zero;
    }

    /// <summary>Writes the words under the mask side by side.</summary>
    internal readonly void Take(ReadOnlySpan<ulong> key, Span<ulong> words)
    {
        for (var index = 0; index < _blockCount * BlockWords; index++)
        {
            var place = (byte)(_places >> (index / BlockWords * 8)) / sizeof(ulong);
            words[index] = key[place + (index % BlockWords)] & _masks[index];
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
}
