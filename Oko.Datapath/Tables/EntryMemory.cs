using System.Runtime.CompilerServices;
using Oko.Datapath.Interop;
using Oko.Datapath.Pipeline;
using Oko.Datapath.Workers;

namespace Oko.Datapath.Tables;

// What a lookup touches of an entry lies in memory of our own: in huge pages, on whole cache lines, counters beside the rank. As objects
// the same would be spread over several lines more, each access would pay for a small page, and the collector would copy them while the
// workers stand still.
//
// The price is that a node must not be used again while a worker may look at it. A worker holds nodes within a round only. So a node that was
// removed from its table waits here until all workers have ended the rounds that they were in after the removal (WorkerRounds). Nodes wait
// together, one mark for all, so nobody ever waits for a worker: until then new nodes are taken from fresh memory.
//
// An entry's counters are read from its node, also after its removal, until the node is used again; then they move into the entry.

/// <summary>Keeps the nodes of all entries of a datapath. Changed by the control thread, read by the workers.</summary>
internal sealed unsafe class EntryMemory
{
    private const int SlabBytes = 2 << 20;
    private const int SlabNodes = SlabBytes / EntryNode.Size;
    private const int RetiredTogether = 64;

    private readonly int _workers, _planes;
    private readonly WorkerRounds _rounds;
    private readonly List<nint> _slabs = [];
    private readonly Stack<nint> _free = new();
    private readonly Queue<nint> _retired = new();
    private FlowEntry?[] _entries = [];
    private EntryProgram?[] _programs = [];
    private int _used;

    // The first nodes of _retired, which wait for the workers to pass the mark.
    private int _waiting;
    private long[] _mark = [];

    /// <param name="workers">How many workers.</param>
    /// <param name="rounds">Their rounds.</param>
    internal EntryMemory(int workers, WorkerRounds rounds)
    {
        _workers = workers;
        _rounds = rounds;
        _planes = workers == 1 ? 1 : workers + 1;
    }

    /// <summary>Frees the memory, when neither a datapath nor an entry refers to it.</summary>
    ~EntryMemory() => _slabs.ForEach(slab => Mman.Free((void*)slab, (nuint)(SlabBytes * _planes)));

    /// <summary>Nodes that there is memory for.</summary>
    internal int Capacity => _slabs.Count * SlabNodes;

    /// <summary>Control thread: a node for an entry, which no table names yet.</summary>
    internal EntryNode* Take(FlowEntry entry)
    {
        if (_free.Count == 0)
        {
            Reclaim();
        }

        var node = _free.Count > 0 ? (EntryNode*)_free.Pop() : TakeFresh();
        _entries[node->Number] = entry;
        for (var worker = 0; worker < _workers; worker++)
        {
            *Counters(node, worker) = default;
        }

        return node;
    }

    /// <summary>Control thread: gives a node back that no table names any more.</summary>
    internal void Retire(EntryNode* node)
    {
        _retired.Enqueue((nint)node);
        if (_retired.Count % RetiredTogether == 0)
        {
            Reclaim();
        }
    }

    /// <summary>Bytes from a node to what a worker counts of it. Several workers have a slab each behind that of the nodes, for lines that one
    /// writes and others read would go from core to core with each packet.</summary>
    internal nint CountersOffset(int worker) => _workers == 1 ? 0 : (nint)(worker + 1) * SlabBytes;

    /// <summary>What all workers have counted.</summary>
    internal EntryCounters Sum(EntryNode* node)
    {
        EntryCounters sum = default;
        for (var worker = 0; worker < _workers; worker++)
        {
            var counters = Counters(node, worker);
            sum.Packets += Volatile.Read(ref counters->Packets);
            sum.Bytes += Volatile.Read(ref counters->Bytes);
            sum.LastUsed = Math.Max(sum.LastUsed, Volatile.Read(ref counters->LastUsed));
        }

        return sum;
    }

    /// <summary>The entry of a node.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal FlowEntry EntryOf(EntryNode* node) => Volatile.Read(ref _entries)[node->Number]!;

    /// <summary>What happens to packets that match a node.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal EntryProgram ProgramOf(EntryNode* node) => Volatile.Read(ref Volatile.Read(ref _programs)[node->Number])!;

    /// <summary>Control thread: sets it.</summary>
    internal void SetInstructions(EntryNode* node, InstructionSet instructions)
    {
        // A packet meanwhile is treated by the old program or the new, or goes to the old port or the new: each alone is right.
        Volatile.Write(ref _programs[node->Number], EntryProgram.Of(instructions));
        Volatile.Write(ref node->OnlyOutput, instructions.OnlyOutput);
    }

    // SAFETY: a slab has a plane for the nodes and, with several workers, one for each of them, at this distance.
    private EntryCounters* Counters(EntryNode* node, int worker) => (EntryCounters*)((byte*)node + CountersOffset(worker));

    private EntryNode* TakeFresh()
    {
        if (_used == Capacity)
        {
            _slabs.Add((nint)Mman.Allocate((nuint)(SlabBytes * _planes)));
            if (Capacity > _entries.Length)
            {
                // Replaced as a whole; whoever sees a node with a new number sees these.
                var (entries, programs) = (_entries, _programs);
                Array.Resize(ref entries, Math.Max(Capacity, entries.Length * 2));
                Array.Resize(ref programs, entries.Length);
                Volatile.Write(ref _entries, entries);
                Volatile.Write(ref _programs, programs);
            }
        }

        // SAFETY: a slab has SlabNodes nodes.
        var node = (EntryNode*)_slabs[_used / SlabNodes] + (_used % SlabNodes);
        node->Number = _used++;
        return node;
    }

    /// <summary>Makes nodes free that no worker can look at any more.</summary>
    private void Reclaim()
    {
        if (_retired.Count == 0)
        {
            return;
        }

        if (_waiting == 0)
        {
            _waiting = _retired.Count;
            _mark = _rounds.Mark();
        }

        if (!_rounds.HavePassed(_mark))
        {
            return;
        }

        for (; _waiting > 0; _waiting--)
        {
            var node = (EntryNode*)_retired.Dequeue();
            _entries[node->Number]!.Leave(node);
            _entries[node->Number] = null;
            _programs[node->Number] = null;
            _free.Push((nint)node);
        }
    }
}
