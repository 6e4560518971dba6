using System.Collections.Immutable;
using System.Numerics;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Tables;

/// <summary>Masks that name fewer and fewer bits of one mask, so that entries with different masks can share a tuple. Stateless.</summary>
/// <remarks>Source of the idea: Daly, Bruschi, Linguaglossa, Pontarelli, Rossi, Tollet, Torng, Yourtchenko, "TupleMerge: Fast Software Packet
/// Processing for Online Packet Classification", IEEE/ACM Transactions on Networking 27(4), 2019.</remarks>
internal static class MaskLadder
{
    private const int Source = 1, Destination = 2, Protocol = 3, SourcePort = 4, DestinationPort = 5, SourceHigh = 8, DestinationHigh = 9;
    private const ulong Ports = 0xFFFF;

    /// <summary>The coarsest step.</summary>
    internal const int CoarsestStep = 8;

    /// <summary>The masks under which an entry may be hashed, the one with the fewest bits first, its own last.</summary>
    /// <param name="mask">The entry's own.</param>
    /// <param name="step">Prefixes of IPv4 addresses are cut to a multiple of so many bits, a power of two; those of IPv6 of twice as many.</param>
    internal static ImmutableArray<FlowMask> Of(FlowMask mask, int step)
    {
        Span<ulong> words = stackalloc ulong[FlowKey.WordCount];
        var rungs = ImmutableArray.CreateBuilder<FlowMask>(4);

        // Prefixes in steps alone; with ports and protocol; in half the steps; everything.
        mask.Words.CopyTo(words);
        ShortenAddresses(words, step);
        Span<ulong> alone = stackalloc ulong[FlowKey.WordCount];
        words.CopyTo(alone);
        alone[Protocol] = 0;
        alone[SourcePort] &= ~Ports;
        alone[DestinationPort] &= ~Ports;
        Add(alone);
        Add(words);
        mask.Words.CopyTo(words);
        ShortenAddresses(words, Math.Max(1, step / 2));
        Add(words);
        Add(mask.Words);
        return rungs.ToImmutable();

        void Add(ReadOnlySpan<ulong> next)
        {
            if (rungs.Count == 0 || !rungs[^1].Words.SequenceEqual(next))
            {
                rungs.Add(FlowMask.Of(next));
            }
        }
    }

    private static void ShortenAddresses(Span<ulong> words, int step)
    {
        Shorten(ref words[SourceHigh], ref words[Source], step);
        Shorten(ref words[DestinationHigh], ref words[Destination], step);
    }

    // An IPv6 address has a high word; an IPv4 address stands in the low half of the low one.
    private static void Shorten(ref ulong high, ref ulong low, int step)
    {
        if (high != 0)
        {
            high = Leading(BitOperations.LeadingZeroCount(~high) / (2 * step) * 2 * step, 64);
            low = high == ulong.MaxValue ? Leading(BitOperations.LeadingZeroCount(~low) / (2 * step) * 2 * step, 64) : 0;
            return;
        }

        low = low >> 32 != 0 ? 0 : Leading(BitOperations.LeadingZeroCount(~(uint)low) / step * step, 32);
    }

    private static ulong Leading(int bits, int width) => bits == 0 ? 0 : (ulong.MaxValue >> (64 - width)) & (ulong.MaxValue << (width - bits));
}
