using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Oko.Bpf.Execution;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Packet;
using Oko.Datapath.Ports;
using Oko.Datapath.Tables;
using Oko.Datapath.Workers;

namespace Oko.Datapath.Pipeline;

// A packet runs once, to completion, through the real tables; there is no cache in front of them. PacketPipeline.Steps.cs says how.
//
// Who has the frame. The pipeline gets each packet with its frame and ends with the frame handed on. The first output does not
// send at once but is remembered (_pending): if nothing follows, the frame itself moves to that port by descriptor, without a
// copy. When another output or a change of the packet's bytes follows, the pending output gets a copy first. So n outputs cost
// n - 1 copies, and a packet that leaves on one port costs none.
//
// Balance. Every packet that comes in (received or injected), and every copy made for a second or later output, ends in exactly
// one of: sent, to the controller, dropped for a reason. _outputs counts the fates of the packet in work; with none it is
// dropped for _dropReason, with n there were n - 1 copies. An output that fails is a fate too: a drop with its own reason.
//
// Changed bytes are a new question to a filter: _serial changes with the packet and with its bytes, and verdicts are remembered
// under it. A set-field patches the key; only what moves headers has it taken anew. A set-field to the value that is there
// already is no change.
//
// A packet that cannot be dealt with as told (_hasFailed: no entry in a table, no room for a tag) gets no further action: it
// must not leave as something it was not meant to be.

/// <summary>Runs packets through the flow tables, which all workers share. Owned by one worker, used on its thread only.</summary>
internal sealed unsafe partial class PacketPipeline
{
    private const int EthernetBytes = 14;
    private const ushort EtherTypeIpv4 = 0x0800, EtherTypeIpv6 = 0x86DD;
    private const uint VlanPresent = 0x1000;
    private const int MaxTableCopies = 8;

    private const ulong NoCookie = ulong.MaxValue;

    private readonly FlowTable[] _tables;
    private readonly Umem _umem;
    private readonly PacketInRing _packetIns;
    private readonly LearningTable _learned;
    private readonly int _worker;
    private readonly EntryMemory _entries;
    private readonly nint _countersOffset;
    private readonly long[] _drops = new long[DropReasons.Count];
    private readonly PacketView[] _tableCopies = new PacketView[MaxTableCopies];
    private readonly LookupGroup _group = new();
    private readonly PacketView[] _packetsInGroup = GC.AllocateArray<PacketView>(LookupGroup.Size, pinned: true);
    private readonly PacketView* _packets;
    private PortSet _ports;
    private long _received, _injected, _cloned, _sent, _toController;
    private long _serial, _batch;
    private long _now;
    private int _outputs;
    private PortQueue? _pending;
    private uint _queue;
    private bool _dropsFragments;
    private DropReason _dropReason;
    private EntryNode* _entry;
    private byte _table;
    private bool _injecting;
    private bool _hasFailed;
    private int _tableCopyCount;

    /// <param name="tables">The flow tables.</param>
    /// <param name="umem">Memory of the worker.</param>
    /// <param name="packetIns">What the worker sends to the controllers.</param>
    /// <param name="learned">Where addresses were seen, by all workers.</param>
    /// <param name="worker">Number of the worker, from 0.</param>
    internal PacketPipeline(FlowTable[] tables, Umem umem, PacketInRing packetIns, LearningTable learned, int worker)
    {
        _tables = tables;
        _umem = umem;
        _packetIns = packetIns;
        _learned = learned;
        _worker = worker;
        _entries = tables[0].Memory;
        _countersOffset = _entries.CountersOffset(worker);
        _ports = new PortSet([], umem);
        _waiting = new uint[tables.Length];
        _hasDeclined = new bool[tables.Length];
        // SAFETY: the arrays are pinned and live as long as the pipeline.
        fixed (PacketView* packets = _packetsInGroup)
        fixed (FilterContext* context = _contextMemory)
        {
            _packets = packets;
            _context = context;
        }

        _context->Worker = (uint)worker;
    }

    internal PortSet Ports
    {
        get => _ports;
        set
        {
            foreach (var gone in _ports.All.Except(value.All))
            {
                _learned.Forget(gone.Port.Number);
            }

            Volatile.Write(ref _ports, value);
        }
    }

    internal long CompletedChecksums { get; private set; }

    /// <summary>Whether IP fragments end where they come in. Any thread.</summary>
    internal bool DropsFragments
    {
        get => Volatile.Read(ref _dropsFragments);
        set => Volatile.Write(ref _dropsFragments, value);
    }

    /// <summary>Any thread, at a quiet moment for an exact answer.</summary>
    internal DatapathBalance Balance => new(_received, _injected, _cloned, _sent, _toController, 0, [.. _drops]);

    /// <summary>Starts a batch: one clock reading for all its packets.</summary>
    internal void BeginBatch(long now)
    {
        _now = now;
        _context->TimeNanoseconds = (ulong)now;
        _batch++;
        _filtered = null;
    }

    /// <summary>Runs the packets that a port received; their frames are the pipeline's from here on.</summary>
    internal void ProcessReceived(PortLane lane, FrameDescriptor* batch, int count)
    {
        // Packets that a device or another core wrote are not in this core's cache.
        long bytes = 0;
        for (var index = 0; index < count; index++)
        {
            bytes += batch[index].Length;
            if (Sse.IsSupported)
            {
                Sse.Prefetch0(_umem.Memory + batch[index].Address);
            }
        }

        _received += count;
        _context->RxQueue = lane.ReceiveQueue;
        lane.Counters.AddReceived(count, bytes);
        for (var start = 0; start < count; start += LookupGroup.Size)
        {
            RunGroup(Extract(lane.Port, batch + start, Math.Min(LookupGroup.Size, count - start)));
        }
    }

    /// <summary>Fills the group with packets; those that end here are left out. Returns how many there are.</summary>
    private int Extract(Port port, FrameDescriptor* batch, int count)
    {
        var refused = (port.ConfigBits & (Port.ConfigDown | Port.ConfigNoReceive)) != 0;
        var completes = port.MayCarryPartialChecksums;
        var dropsFragments = DropsFragments;
        var number = port.Number;
        var taken = 0;
        for (var index = 0; index < count; index++)
        {
            // SAFETY: the kernel, or the memory port, wrote a packet of Length bytes at Address within one frame; taken <= index < Size.
            ref var packet = ref _packets[taken];
            packet.Data = _umem.Memory + batch[index].Address;
            packet.Address = batch[index].Address;
            packet.Length = (int)batch[index].Length;
            packet.InPort = number;
            packet.Metadata = packet.TunnelId = 0;
            if (refused || packet.Length < EthernetBytes)
            {
                Drop(ref packet, refused ? DropReason.ReceiveDisabled : DropReason.Malformed);
                continue;
            }

            FlowKeyExtractor.Extract(ref packet, out _group.Keys[taken]);
            if (dropsFragments && packet.IsFragment)
            {
                Drop(ref packet, DropReason.Fragment);
                continue;
            }

            if (completes && Checksums.CompletePartial(ref packet))
            {
                CompletedChecksums++;
            }

            taken++;
        }

        return taken;
    }

    /// <summary>Sends a packet that another worker forwarded to a port of this one. Its frame, in this worker's memory, is the pipeline's from
    /// here on.</summary>
    internal void ProcessHandedOver(uint port, int queue, ulong address, int length)
    {
        if (_ports.Find(port) is { } found)
        {
            Enqueue(found.Of((uint)queue), address, length);
        }
        else
        {
            _drops[(int)DropReason.NoSuchPort]++;
            _umem.Frames.Free(address);
        }
    }

    /// <summary>Counts a packet of another worker that found no frame.</summary>
    internal void CountHandedOverWithoutFrame() => _drops[(int)DropReason.NoFrame]++;

    // SAFETY: there are counters for each worker, at this distance from the node.
    private EntryCounters* Counters(EntryNode* entry) => (EntryCounters*)((byte*)entry + _countersOffset);

    /// <summary>Executes the actions of a packet-out. The packet's frame is the pipeline's from here on.</summary>
    internal void ProcessInjected(ref PacketView packet, ImmutableArray<DatapathAction> actions)
    {
        _injected++;
        _context->RxQueue = 0;
        Begin();
        if (packet.Length < EthernetBytes)
        {
            Drop(ref packet, DropReason.Malformed);
            return;
        }

        _injecting = true;
        FlowKeyExtractor.Extract(ref packet, out var key);
        ApplyAll(actions, ref packet, ref key);
        _injecting = false;
        Finish(ref packet);
        var copies = _tableCopyCount;
        _tableCopyCount = 0;
        for (var index = 0; index < copies; index++)
        {
            ref var copy = ref _tableCopies[index];
            FlowKeyExtractor.Extract(ref copy, out var copyKey);
            _serial++;
            Run(ref copy, ref copyKey, Take(_tables[0].Lookup(ref copyKey, ulong.MaxValue), 0, copy, ref copyKey), 0, _actionSets[0]);
        }
    }

    /// <summary>Counts an injected packet that found no frame.</summary>
    internal void CountInjectedWithoutFrame()
    {
        _injected++;
        _drops[(int)DropReason.NoFrame]++;
    }

    /// <summary>Ends a batch: what is queued goes to the ports.</summary>
    internal void Flush()
    {
        foreach (var queue in _ports.Queues)
        {
            if (!queue.IsEmpty)
            {
                Flush(queue);
            }
        }

        _packetIns.Announce();
    }

    /// <summary>Executes one action; called by the action set, too.</summary>
    internal void Apply(in DatapathAction action, ref PacketView packet, ref FlowKey key)
    {
        if (_hasFailed)
        {
            return;
        }

        if (action.Kind == ActionKind.Output)
        {
            Output(action, ref packet, ref key);
            return;
        }

        if (action.Kind == ActionKind.Group)
        {
            ExecuteGroup(action.Group!, ref packet, ref key);
            return;
        }

        if (action.Kind == ActionKind.SetQueue)
        {
            _queue = action.Port;
            return;
        }

        if (action is { Kind: ActionKind.SetField, Field: FlowField.TunnelId })
        {
            packet.TunnelId = (ulong)action.Value;
            key.Set(FlowField.TunnelId, action.Value);
            return;
        }

        // Fields that share bits in the key never share a packet: an equal value is the field's, or the packet lacks the field.
        if (action.Kind == ActionKind.SetField && key.Get(action.Field) == action.Value)
        {
            return;
        }

        // The bytes change: an output that was promised the old ones gets its copy now.
        SettlePending(ref packet);
        switch (action.Kind)
        {
            case ActionKind.SetField:
                SetField(action, ref packet, ref key);
                break;
            case ActionKind.PushVlan or ActionKind.PushMpls or ActionKind.PushPbb or ActionKind.PopVlan or ActionKind.PopMpls or ActionKind.PopPbb:
                ChangeTags(action, ref packet, ref key);
                break;
            default:
                ChangeTtl(action, ref packet);
                break;
        }
    }

    private void ChangeTags(in DatapathAction action, ref PacketView packet, ref FlowKey key)
    {
        var front = _umem.OffsetInFrame(packet.Address);
        var room = new FrameRoom(front, _umem.FrameSizeAt(packet.Address) - front - packet.Length);
        var before = packet.Length;
        var result = action.Kind switch
        {
            ActionKind.PushVlan => TagEditor.PushVlan(ref packet, room, action.EtherType),
            ActionKind.PushMpls => TagEditor.PushMpls(ref packet, room, action.EtherType),
            ActionKind.PushPbb => TagEditor.PushPbb(ref packet, room, action.EtherType),
            ActionKind.PopVlan => TagEditor.PopVlan(ref packet, room),
            ActionKind.PopMpls => TagEditor.PopMpls(ref packet, room, action.EtherType),
            _ => TagEditor.PopPbb(ref packet, room),
        };
        if (result == EditResult.Changed && action.Kind is ActionKind.PushVlan or ActionKind.PopVlan)
        {
            _serial++;
            FlowKeyExtractor.FollowTag(ref packet, ref key, packet.Length - before);
        }
        else if (result == EditResult.Changed)
        {
            NoteMovedHeaders(ref packet, out key);
        }
        else if (result == EditResult.Failed)
        {
            Fail(DropReason.NoHeadroom);
        }
    }

    /// <summary>TTLs are no match fields: the key stays.</summary>
    private void ChangeTtl(in DatapathAction action, ref PacketView packet)
    {
        var result = action.Kind switch
        {
            ActionKind.SetMplsTtl => TtlEditor.SetMpls(ref packet, (byte)action.Value),
            ActionKind.DecMplsTtl => TtlEditor.DecMpls(ref packet),
            ActionKind.SetNwTtl => TtlEditor.SetNw(ref packet, (byte)action.Value),
            ActionKind.DecNwTtl => TtlEditor.DecNw(ref packet),
            ActionKind.CopyTtlIn => TtlEditor.CopyIn(ref packet),
            _ => TtlEditor.CopyOut(ref packet),
        };
        if (result == EditResult.Changed)
        {
            _serial++;
        }
        else if (result == EditResult.Failed)
        {
            // Its fate is the controllers' (OFPR_INVALID_TTL), in its turn; nothing else happens to it.
            _hasFailed = _isTtlInvalid = true;
            if (!_isStepping)
            {
                ToController(ushort.MaxValue, PacketInKind.InvalidTtl, ref packet);
            }
        }
    }

    private void SetField(in DatapathAction action, ref PacketView packet, ref FlowKey key)
    {
        if (!HeaderEditor.Set(ref packet, action.Field, action.Value))
        {
            return;
        }

        if (HeaderEditor.MovesHeaders(action.Field))
        {
            NoteMovedHeaders(ref packet, out key);
        }
        else
        {
            _serial++;
            key.Set(action.Field, action.Field == FlowField.VlanVid ? action.Value | VlanPresent : action.Value);
        }
    }

    private void NoteMovedHeaders(ref PacketView packet, out FlowKey key)
    {
        _serial++;
        FlowKeyExtractor.Extract(ref packet, out key);
    }

    private void Fail(DropReason reason)
    {
        _hasFailed = true;
        _dropReason = reason;
    }

    private void Begin()
    {
        _outputs = 0;
        _pending = null;
        _queue = 0;
        _dropReason = DropReason.NoOutput;
        _entry = null;
        _table = 0;
        _hasFailed = false;
    }
}
