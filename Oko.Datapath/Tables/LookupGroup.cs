using System.Numerics;
using System.Runtime.CompilerServices;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Tables;

/// <summary>Packets that are looked up together, so that the memory of one is fetched while another is looked at. Owned by the worker, used
/// again and again.</summary>
/// <remarks>A lookup finds the entry of the greatest rank and, if that has a filter and the caller wants it, the one that follows if the filter
/// declines: in the same pass, for a second one would ask all hashes again.</remarks>
internal sealed unsafe class LookupGroup
{
    /// <summary>Most packets.</summary>
    internal const int Size = 32;

    // Pinned, so that addresses stay; freed by the collector with the group.
    private readonly FlowKey[] _keys = GC.AllocateArray<FlowKey>(Size, pinned: true);
    private readonly ulong[] _hashes = GC.AllocateArray<ulong>(Size, pinned: true);
    private readonly ulong[] _ranks = GC.AllocateArray<ulong>(Size, pinned: true);
    private readonly uint[] _open = GC.AllocateArray<uint>(Size, pinned: true);
    private readonly nint[] _found = GC.AllocateArray<nint>(Size, pinned: true), _following = GC.AllocateArray<nint>(Size, pinned: true);
    private bool _seeksFollowing;
    private uint _hasFollowing;

    internal LookupGroup()
    {
        // SAFETY: the arrays are pinned and live as long as this object, whose pointers are used by its owner only.
        fixed (FlowKey* keys = _keys)
        fixed (ulong* hashes = _hashes, ranks = _ranks)
        fixed (uint* open = _open)
        fixed (nint* found = _found, following = _following)
        {
            Keys = keys;
            Hashes = hashes;
            Ranks = ranks;
            Open = open;
            Entries = (EntryNode**)found;
            Following = (EntryNode**)following;
        }
    }

    /// <summary>The keys of the packets.</summary>
    internal FlowKey* Keys { get; }

    /// <summary>Scratch of the tuple that is searched.</summary>
    internal ulong* Hashes { get; }

    /// <summary>For each packet, the rank up to which entries are of no use to it, 0 = none.</summary>
    internal ulong* Ranks { get; }

    /// <summary>The packets for which another entry may still be found, from the front.</summary>
    internal uint* Open { get; }

    /// <summary>Number of packets in <see cref="Open"/>.</summary>
    internal int OpenCount { get; private set; }

    /// <summary>The entry found for each packet, null = none.</summary>
    internal EntryNode** Entries { get; }

    /// <summary>For packets of <see cref="HasFollowing"/> whose entry has a filter: the next lower entry, null = none.</summary>
    internal EntryNode** Following { get; }

    /// <summary>The first packets, as bits.</summary>
    internal static uint First(int count) => (uint)((1UL << count) - 1);

    /// <summary>Whether <see cref="Following"/> was looked for when the packet's entry was.</summary>
    internal bool HasFollowing(int packet) => (_hasFollowing & (1U << packet)) != 0;

    /// <summary>Starts a lookup.</summary>
    /// <param name="packets">A bit for each packet that takes part; the others keep what was found for them.</param>
    /// <param name="seeksFollowing">Whether entries that follow others with filters are looked for.</param>
    internal void Begin(uint packets, bool seeksFollowing)
    {
        _seeksFollowing = seeksFollowing;
        _hasFollowing = (_hasFollowing & ~packets) | (seeksFollowing ? packets : 0);
        var count = 0;
        for (; packets != 0; packets &= packets - 1)
        {
            var packet = (uint)BitOperations.TrailingZeroCount(packets);
            Ranks[packet] = 0;
            Open[count++] = packet;
            Entries[packet] = null;
        }

        OpenCount = count;
    }

    /// <summary>Ends the search for the packets that need nothing up to a rank.</summary>
    internal void CloseAbove(ulong rank)
    {
        var (count, kept) = (OpenCount, 0);
        for (var index = 0; index < count; index++)
        {
            var packet = Open[index];
            Open[kept] = packet;
            kept += Ranks[packet] > rank ? 0 : 1;
        }

        OpenCount = kept;
    }

    /// <summary>Notes an entry, of a rank above that in <see cref="Ranks"/>, for a packet. Returns the rank that is there now.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ulong Found(uint packet, EntryNode* node)
    {
        var rank = node->Rank;
        if (_seeksFollowing)
        {
            var best = Entries[packet];
            if (best is not null && best->Rank > rank)
            {
                Following[packet] = node;
                return Ranks[packet] = rank;
            }

            Following[packet] = best;
            rank = !node->HasFilter ? rank : best is null ? 0 : best->Rank;
        }

        Entries[packet] = node;
        return Ranks[packet] = rank;
    }
}
