using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Tables;

/// <summary>An entry in the list of its bucket, with all that a lookup compares. Complete before it is published; only
/// <see cref="Next"/> changes, by the control thread.</summary>
internal sealed unsafe class EntryLink
{
    private const int LineBytes = 64;

    internal EntryLink? Next;
    internal readonly FlowEntry Entry;
    internal readonly ulong Hash;
    internal readonly ulong Rank;

    // The entry's key in those words in which its tuple's mask has bits, from the front.
    private FlowKey _words;

    internal EntryLink(FlowEntry entry, ulong hash, ReadOnlySpan<byte> words, ReadOnlySpan<ulong> masks)
    {
        Entry = entry;
        Hash = hash;
        Rank = entry.Rank;
        for (var index = 0; index < words.Length; index++)
        {
            _words[index] = entry.Pattern.Key[words[index]] & masks[index];
        }
    }

    /// <summary>Whether the masked words are the entry's.</summary>
    /// <param name="key">The words of a packet's key. SAFETY: as many as a key has.</param>
    /// <param name="words">Which of them the mask names. SAFETY: below <see cref="FlowKey.WordCount"/>.</param>
    /// <param name="masks">The mask in these words. SAFETY: as many.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool Matches(ulong* key, ReadOnlySpan<byte> words, ReadOnlySpan<ulong> masks)
    {
        ref var mine = ref Unsafe.As<FlowKey, ulong>(ref _words);
        ref var mask = ref MemoryMarshal.GetReference(masks);
        ulong difference = 0;
        for (var index = 0; index < words.Length; index++)
        {
            difference |= (key[words[index]] & Unsafe.Add(ref mask, index)) ^ Unsafe.Add(ref mine, index);
        }

        return difference == 0;
    }

    /// <summary>Asks the cache for a link that will be needed soon.</summary>
    // SAFETY: a hint about an address, which is never read here; an object that the collector has moved makes it a useless one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Prefetch(EntryLink? link)
    {
        if (Sse.IsSupported)
        {
            var address = (byte*)Unsafe.As<EntryLink?, nint>(ref link);
            Sse.Prefetch0(address);
            Sse.Prefetch0(address + LineBytes);
        }
    }
}
