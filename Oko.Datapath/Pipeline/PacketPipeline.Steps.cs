using System.Numerics;
using Oko.Datapath.Packet;
using Oko.Datapath.Tables;
using Oko.Datapath.Workers;

namespace Oko.Datapath.Pipeline;

// Packets go through the tables side by side as long as nothing but they themselves can notice: table by table, those that have come there are
// looked up together, so that the memory of one is fetched while another is looked at. A packet takes part while its entry only changes it
// and sends it on (EntryProgram.IsStep). It stops at the first entry with a filter, a meter or an output, at the end of its way and
// at a failure; whatever others see of it happens in the last pass, one packet after the other in the order of arrival. So ports, filters,
// meters, groups and controllers see what they would see if each packet ran alone. Counters of tables and entries, which a packet
// adds to on its way, do not depend on the order.
//
// PacketPipeline.Filters.cs says how filters are asked.

/// <content>The way of a group of packets through the tables.</content>
internal sealed unsafe partial class PacketPipeline
{
    // Of each packet: the table where it stopped, and why it ends there if a step failed.
    private readonly int[] _stops = new int[LookupGroup.Size];
    private readonly StepFailure[] _failures = new StepFailure[LookupGroup.Size];

    // Packets, as bits, that each table is to be asked about.
    private readonly uint[] _waiting;

    // Always empty between packets.
    private readonly ActionSet[] _actionSets = [.. Enumerable.Range(0, LookupGroup.Size).Select(_ => new ActionSet())];

    private const uint NoPort = uint.MaxValue;

    private bool _isStepping, _isTtlInvalid;

    // The port that the group's packet before was forwarded to, where others most likely go, too: found, and found able to send. None at the begin of a group.
    private uint _forwardPort = NoPort;
    private PortQueue? _forwardQueue;

    private enum StepFailure : byte
    {
        None,
        InvalidTtl,
        NoHeadroom,
    }

    private void RunGroup(int count)
    {
        _tables[0].Lookup(_group, LookupGroup.First(count), _hasDeclined[0]);
        _prepared = 0;
        _forwardPort = NoPort;
        uint left = 0, moving = 0;
        var forwarded = 0;
        for (var index = 0; index < count; index++)
        {
            if (left != 0)
            {
                TryStep(index, 0, ref moving);
                left |= 1U << index;
                continue;
            }

            // With none in front that is still under way, a packet may end at once.
            var entry = _group.Entries[index];
            if (entry is not null)
            {
                if (entry->HasFilter)
                {
                    if ((_prepared & (1U << index)) == 0)
                    {
                        PrepareFilters(LookupGroup.First(count) & ~LookupGroup.First(index));
                    }
                }
                else if (TryForward(entry, _packets[index]))
                {
                    forwarded++;
                    continue;
                }
                else if (TryStep(index, 0, ref moving))
                {
                    left = 1U << index;
                    continue;
                }
            }

            RunFrom(index, 0);
        }

        _tables[0].CountMatches(_worker, forwarded);
        for (var table = 1; moving != 0; table++)
        {
            var here = _waiting[table];
            if (here == 0)
            {
                continue;
            }

            _waiting[table] = 0;
            moving &= ~here;
            _tables[table].Lookup(_group, here, _hasDeclined[table]);
            for (; here != 0; here &= here - 1)
            {
                TryStep(BitOperations.TrailingZeroCount(here), table, ref moving);
            }
        }

        for (; left != 0; left &= left - 1)
        {
            Complete(BitOperations.TrailingZeroCount(left), left);
        }
    }

    /// <summary>Sends a packet on to its next table if all that its entry does is a step. One that fails on it has ended there.</summary>
    private bool TryStep(int index, int table, ref uint moving)
    {
        _stops[index] = table;
        var entry = _group.Entries[index];

        // Read once: what is followed must be what was found to be a step, also if the control thread exchanges it meanwhile.
        if (entry is null || entry->HasFilter || _entries.ProgramOf(entry) is not { IsStep: true } program)
        {
            return false;
        }

        _hasFailed = _isTtlInvalid = false;
        _isStepping = true;
        Count(entry, table, _packets[index].Length);
        var next = Follow(program, ref _packets[index], ref _group.Keys[index], _actionSets[index]);
        _isStepping = false;
        if (_hasFailed)
        {
            _failures[index] = _isTtlInvalid ? StepFailure.InvalidTtl : StepFailure.NoHeadroom;
        }
        else
        {
            _waiting[next] |= 1U << index;
            moving |= 1U << index;
        }

        return true;
    }

    /// <summary>The rest of a packet's way, all that others see of it included.</summary>
    /// <param name="index">The packet.</param>
    /// <param name="left">It and those that come after it.</param>
    private void Complete(int index, uint left)
    {
        ref var packet = ref _packets[index];
        var table = _stops[index];
        var entry = _group.Entries[index];
        var set = _actionSets[index];
        if (_failures[index] is not StepFailure.None and var failure)
        {
            _failures[index] = StepFailure.None;
            set.Clear();
            Begin();
            _entry = entry;
            _table = (byte)table;
            Fail(DropReason.NoHeadroom);
            if (failure == StepFailure.InvalidTtl)
            {
                ToController(ushort.MaxValue, PacketInKind.InvalidTtl, ref packet);
            }

            Finish(ref packet);
        }
        else
        {
            if (entry is not null && entry->HasFilter && (_prepared & (1U << index)) == 0)
            {
                PrepareFilters(StoppedAt(table, left));
            }

            RunFrom(index, table);
        }
    }

    private uint StoppedAt(int table, uint packets)
    {
        var there = packets;
        for (; packets != 0; packets &= packets - 1)
        {
            var index = BitOperations.TrailingZeroCount(packets);
            there &= _stops[index] == table ? uint.MaxValue : ~(1U << index);
        }

        return there;
    }

    /// <summary>Runs a packet of the group from a table on, to its end.</summary>
    private void RunFrom(int index, int table)
    {
        _serial++;
        ref var packet = ref _packets[index];
        var entry = _group.Entries[index];
        if (entry is not null && entry->HasFilter)
        {
            entry = AskFirst(index, entry, table);
        }

        var set = _actionSets[index];
        if (entry is not null && set.IsEmpty && TryForward(entry, packet))
        {
            _tables[table].CountMatches(_worker, 1);
        }
        else
        {
            Run(ref packet, ref _group.Keys[index], entry, table, set);
        }
    }

    /// <summary>The short way of most packets: an entry whose only output can take the packet, which no other output or action set
    /// precedes. Does what <see cref="Run"/> would do, but for the table's count.</summary>
    private bool TryForward(EntryNode* entry, in PacketView packet)
    {
        // SAFETY: what was found is valid until the end of the round.
        var port = Volatile.Read(ref entry->OnlyOutput);
        if (port != _forwardPort)
        {
            if (port == 0 || port == packet.InPort || _ports.Find(port) is not { } queue || !CanSend(queue.Port))
            {
                return false;
            }

            (_forwardPort, _forwardQueue) = (port, queue);
        }

        Counters(entry)->Count(packet.Length, _now);
        Enqueue(_forwardQueue!, packet.Address, packet.Length);
        return true;
    }

    /// <summary>Runs a packet to its end, alone.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="key">Its key.</param>
    /// <param name="entry">The entry that it takes in the table, null = none.</param>
    /// <param name="table">The table.</param>
    /// <param name="set">Its action set, which is empty afterwards.</param>
    private void Run(ref PacketView packet, ref FlowKey key, EntryNode* entry, int table, ActionSet set)
    {
        Begin();
        while (true)
        {
            if (entry is null)
            {
                _tables[table].CountMiss(_worker);
                Fail(DropReason.TableMiss);
                break;
            }

            table = Execute(entry, table, ref packet, ref key, set);
            if (table <= 0 || _hasFailed)
            {
                break;
            }

            entry = Take(_tables[table].Lookup(ref key, ulong.MaxValue), table, packet, ref key);
        }

        // A miss in a later table ends the packet without its action set: OpenFlow 1.3.5, 5.4, a missing table-miss entry drops it.
        if (!set.IsEmpty)
        {
            if (!_hasFailed)
            {
                set.Execute(this, ref packet, ref key);
            }

            set.Clear();
        }

        Finish(ref packet);
    }

    /// <summary>Counts a match and executes the entry's instructions. Returns the next table, 0 or less for none.</summary>
    private int Execute(EntryNode* entry, int table, ref PacketView packet, ref FlowKey key, ActionSet set)
    {
        Count(entry, table, packet.Length);
        _entry = entry;
        _table = (byte)table;
        if (Volatile.Read(ref entry->OnlyOutput) is not 0 and var port)
        {
            OutputToPort(port, ref packet);
            return 0;
        }

        return Follow(_entries.ProgramOf(entry), ref packet, ref key, set);
    }

    private void Count(EntryNode* entry, int table, int bytes)
    {
        _tables[table].CountMatches(_worker, 1);
        Counters(entry)->Count(bytes, _now);
    }

    /// <summary>Executes instructions. Returns the next table, 0 or less for none.</summary>
    private int Follow(EntryProgram program, ref PacketView packet, ref FlowKey key, ActionSet set)
    {
        if (program.Meter is { } meter)
        {
            Measure(meter, ref packet, ref key);
            if (_hasFailed)
            {
                return 0;
            }
        }

        foreach (ref readonly var action in program.Apply.AsSpan())
        {
            Apply(action, ref packet, ref key);
        }

        if (program.ClearActions)
        {
            set.Clear();
        }

        foreach (ref readonly var action in program.Write.AsSpan())
        {
            set.Write(action);
        }

        if (program.MetadataMask != 0)
        {
            packet.Metadata = (packet.Metadata & ~program.MetadataMask) | (program.MetadataValue & program.MetadataMask);
            key[FieldPlace.Of(FlowField.Metadata).Word] = packet.Metadata;
        }

        return program.GotoTable;
    }
}
