using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Oko.Datapath.Packet;
using Oko.Datapath.Pipeline;

namespace Oko.Datapath.Tables;

/// <summary>An entry in the list of its bucket, with all that a lookup compares and what is to be done. Complete before it is published; only
/// <see cref="Next"/> and <see cref="Program"/> change, by the control thread.</summary>
internal sealed unsafe class EntryLink
{
    private const int LineBytes = 64;

    internal EntryLink? Next;
    internal readonly FlowEntry Entry;
    internal readonly EntryState* State;
    internal readonly ulong Hash;
    internal readonly ulong Rank;
    internal readonly KeyMask Mask;

    private EntryProgram _program;

    // The entry's key under its mask, from the front.
    private FlowKey _words;

    internal EntryLink(FlowEntry entry, ulong hash, KeyMask mask)
    {
        Entry = entry;
        State = entry.State;
        Hash = hash;
        Rank = entry.Rank;
        Mask = mask;
        _program = entry.Program;
        entry.Link = this;
        mask.Take(entry.Pattern.Key, _words);
    }

    /// <summary>What happens to matching packets.</summary>
    internal EntryProgram Program
    {
        get => Volatile.Read(ref _program);
        set => Volatile.Write(ref _program, value);
    }

    /// <summary>Whether a packet's key is the entry's under the entry's mask.</summary>
    /// <param name="key">SAFETY: the words of a key.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool Matches(ulong* key) => Mask.Matches(key, ref Unsafe.As<FlowKey, ulong>(ref _words));

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
