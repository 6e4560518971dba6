using System.Numerics;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Tables;

/// <summary>Packets that are looked up together, so that the memory of one is fetched while another is looked at. Owned by the worker, used
/// again and again.</summary>
internal sealed unsafe class LookupGroup
{
    /// <summary>Most packets.</summary>
    internal const int Size = 32;

    // Pinned, so that addresses stay; freed by the collector with the group.
    private readonly FlowKey[] _keys = [];
    private readonly ulong[] _bounds = [];
    private readonly ulong[] _hashes = GC.AllocateArray<ulong>(Size, pinned: true);
    private readonly ulong[] _ranks = GC.AllocateArray<ulong>(Size, pinned: true);
    private readonly int[] _open = GC.AllocateArray<int>(Size, pinned: true);
    private readonly nint[] _found = new nint[Size];

    internal LookupGroup(LookupGroup? above = null)
    {
        if (above is null)
        {
            _keys = GC.AllocateArray<FlowKey>(Size, pinned: true);
            _bounds = GC.AllocateArray<ulong>(Size, pinned: true);
            Array.Fill(_bounds, ulong.MaxValue);
        }

        // SAFETY: the arrays are pinned and live as long as this object, whose pointers are used by its owner only.
        fixed (FlowKey* keys = _keys)
        fixed (ulong* hashes = _hashes, ranks = _ranks, bounds = _bounds)
        fixed (int* open = _open)
        {
            Keys = above is null ? keys : above.Keys;
            Bounds = above is null ? bounds : above.Ranks;
            Hashes = hashes;
            Ranks = ranks;
            Open = open;
        }
    }

    /// <summary>The keys of the packets.</summary>
    internal FlowKey* Keys { get; }

    /// <summary>For each packet, the rank from which on entries do not count.</summary>
    internal ulong* Bounds { get; }

    /// <summary>Scratch of the tuple that is searched.</summary>
    internal ulong* Hashes { get; }

    /// <summary>The rank of the best entry found for each packet so far, 0 = none.</summary>
    internal ulong* Ranks { get; }

    /// <summary>The packets for which a better entry may still be found, from the front.</summary>
    internal int* Open { get; }

    /// <summary>Number of packets in <see cref="Open"/>.</summary>
    internal int OpenCount { get; private set; }

    /// <summary>The entry found for a packet, null = none.</summary>
    internal EntryNode* this[int packet] => (EntryNode*)_found[packet];

    /// <summary>The first packets, as bits.</summary>
    internal static uint First(int count) => (uint)((1UL << count) - 1);

    /// <summary>Starts a lookup.</summary>
    /// <param name="packets">A bit for each packet that takes part; the others keep what was found for them.</param>
    internal void Begin(uint packets)
    {
        OpenCount = 0;
        for (; packets != 0; packets &= packets - 1)
        {
            var packet = BitOperations.TrailingZeroCount(packets);
            Ranks[packet] = 0;
            Open[OpenCount++] = packet;
            _found[packet] = 0;
        }
    }

    /// <summary>Ends the search for the packets that have an entry above a rank.</summary>
    internal void CloseAbove(ulong rank)
    {
        var kept = 0;
        for (var index = 0; index < OpenCount; index++)
        {
            var packet = Open[index];
            Open[kept] = packet;
            kept += Ranks[packet] > rank ? 0 : 1;
        }

        OpenCount = kept;
    }

    /// <summary>Notes an entry for a packet.</summary>
    internal void Found(int packet, EntryNode* node)
    {
        Ranks[packet] = node->Rank;
        _found[packet] = (nint)node;
    }
}
