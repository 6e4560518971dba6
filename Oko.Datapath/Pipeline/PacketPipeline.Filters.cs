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

    // Of packets whose entry has a filter: the next lower entry.
    private readonly LookupGroup _next;

    // Packets, as bits, that were prepared for their filters, and those of them whose next lower entry was looked up.
    private uint _prepared, _below;

    /// <summary>Fetches what is needed for the filters of packets, as bits, that stand at a table.</summary>
    private void PrepareFilters(int table, uint packets)
    {
        uint below = 0;
        for (; packets != 0; packets &= packets - 1)
        {
            var index = BitOperations.TrailingZeroCount(packets);
            var entry = _group[index];
            if (entry is null || !entry->HasFilter)
            {
                continue;
            }

            var filter = _entries.EntryOf(entry).Filter!;
            _prepared |= 1U << index;
            if (filter.ActiveIn(_batch, _worker) is { CanPrefetch: true } program)
            {
                Describe(_packets[index]);
                program.Prefetch(_context);
            }

            // Most filters mostly say the same.
            below |= filter.LastVerdict(_worker) ? 0 : 1U << index;
        }

        if (below != 0)
        {
            _tables[table].Lookup(_next, below);
            _below |= below;
        }
    }

    /// <summary>The entry that a packet of the group takes, null = none: the first one found for it, which has a filter, or one below.</summary>
    private EntryNode* AskFirst(int index, EntryNode* first, int table)
    {
        ref var packet = ref _packets[index];
        if (Ask(first, packet))
        {
            return first;
        }

        ref var key = ref _group.Keys[index];
        return Take((_below & (1U << index)) != 0 ? _next[index] : _tables[table].Lookup(ref key, first->Rank), table, packet, ref key);
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
        return _entries.EntryOf(entry).Filter!.Ask(_context, _serial, _batch);
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
