using System.Buffers.Binary;
using System.Numerics;
using Oko.Bpf.Execution;
using Oko.Datapath.Packet;
using Oko.Datapath.Tables;

namespace Oko.Datapath.Pipeline;

// A packet that comes to an entry with a filter waits for it: first for what the filter keeps in its maps, then, if it declines, for the next lower
// entry. Both can be had for all packets of a group that stand at such an entry, before the first of them is asked about: neither changes anything that
// a filter or anybody else notices. Asked they are one after the other, in the order of arrival.

/// <content>Asking filters.</content>
internal sealed unsafe partial class PacketPipeline
{
    // What filters are given; worker, time and queue stay for a while.
    private readonly FilterContext[] _contextMemory = GC.AllocateArray<FilterContext>(1, pinned: true);
    private readonly FilterContext* _context;

    // Of each table: whether a filter declined there last. Most filters mostly say the same, so the next lower entries are looked for then.
    private readonly bool[] _hasDeclined;

    // Packets, as bits, that were prepared for their filters.
    private uint _prepared;

    // The entry with a filter that was met last in this round, where others most likely stand, too, and what this worker knows of the filter.
    private EntryNode* _filtered;
    private FilterPart? _filter;

    /// <summary>Fetches what is needed for the filters of packets, as bits.</summary>
    private void PrepareFilters(uint packets)
    {
        for (; packets != 0; packets &= packets - 1)
        {
            var index = BitOperations.TrailingZeroCount(packets);
            var entry = _group.Entries[index];
            if (entry is null || !entry->HasFilter)
            {
                continue;
            }

            _prepared |= 1U << index;
            if (FilterOf(entry).ActiveIn(_batch) is { CanPrefetch: true } program)
            {
                Describe(_packets[index]);
                program.Prefetch(_context);
            }
        }
    }

    /// <summary>The entry that a packet of the group takes, null = none: the first one found for it, which has a filter, or one below.</summary>
    private EntryNode* AskFirst(int index, EntryNode* first, int table)
    {
        ref var packet = ref _packets[index];
        var declines = !Ask(first, packet);
        _hasDeclined[table] = declines;
        if (!declines)
        {
            return first;
        }

        ref var key = ref _group.Keys[index];
        return Take(_group.HasFollowing(index) ? _group.Following[index] : _tables[table].Lookup(ref key, first->Rank), table, packet, ref key);
    }

    /// <summary>The first of an entry and those below it that has no filter or one that says match.</summary>
    private EntryNode* Take(EntryNode* entry, int table, in PacketView packet, ref FlowKey key)
    {
        while (entry is not null && entry->HasFilter && !Ask(entry, packet))
        {
            entry = _tables[table].Lookup(ref key, entry->Rank);
        }

        return entry;
    }

    // SAFETY: the context is pinned and the packet in its frame; neither moves while the filter runs.
    private bool Ask(EntryNode* entry, in PacketView packet)
    {
        Describe(packet);
        return FilterOf(entry).Ask(_context, _serial, _batch);
    }

    private FilterPart FilterOf(EntryNode* entry)
    {
        if (entry != _filtered)
        {
            _filter = _entries.EntryOf(entry).Filter!.PartOf(_worker);
            _filtered = entry;
        }

        return _filter!;
    }

    /// <summary>Puts a packet into what filters are given.</summary>
    private void Describe(in PacketView packet)
    {
        var context = _context;
        context->Packet = packet.Data;
        context->PacketEnd = packet.Data + packet.Length;
        context->Length = (ulong)packet.Length;
        context->InPort = packet.InPort;
        context->Protocol = BinaryPrimitives.ReverseEndianness(packet.EthType);
    }
}
