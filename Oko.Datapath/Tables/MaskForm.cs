using System.Runtime.CompilerServices;
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
internal unsafe struct MaskForm
{
    /// <summary>Words that are hashed and compared together.</summary>
    internal const int BlockWords = 4;

    /// <summary>Blocks of a key.</summary>
    internal const int MaxBlocks = FlowKey.WordCount / BlockWords;

    private fixed ulong _masks[FlowKey.WordCount];
    private fixed ulong _secrets[FlowKey.WordCount];

    // A byte for each block.
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

        _places |= (uint)place << (_blockCount * 8);
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
        for (var block = 0; block < form->_blockCount; block++)
        {
            var words = Vector256.Load(key + ((places & 0xFF) * BlockWords)) & Vector256.Load(form->_masks + (block * BlockWords));
            var secret = (words.AsUInt32() + Vector256.Load(form->_secrets + (block * BlockWords)).AsUInt32()).AsUInt64();
            sum += MultiplyHalves(secret);
            places >>= 8;
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
        for (var block = 0; block < form->_blockCount; block++)
        {
            difference |= (Vector256.Load(key + ((places & 0xFF) * BlockWords)) & Vector256.Load(form->_masks + (block * BlockWords)))
                ^ Vector256.Load(words + (block * BlockWords));
            places >>= 8;
        }

        return difference == Vector256<ulong>.Zero;
    }

    /// <summary>Writes the words under the mask side by side.</summary>
    internal readonly void Take(ReadOnlySpan<ulong> key, Span<ulong> words)
    {
        for (var index = 0; index < _blockCount * BlockWords; index++)
        {
            var place = (int)(_places >> (index / BlockWords * 8)) & 0xFF;
            words[index] = key[(place * BlockWords) + (index % BlockWords)] & _masks[index];
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
