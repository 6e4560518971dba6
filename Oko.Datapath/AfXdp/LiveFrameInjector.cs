using System.Runtime.CompilerServices;
using Oko.Datapath.Interop;

namespace Oko.Datapath.AfXdp;

// Transmission on veth, where the TX ring is slow: in copy mode the kernel builds a socket buffer for each packet
// and runs one softirq for each, a microsecond or more. A BPF test run in live-frames mode makes bare XDP frames instead;
// our program fills each with a packet and redirects it to the device, which takes the whole batch at once.
// Two to three times as many packets per second, but some 17 us for each call, so it pays from about 24 packets on.
//
// Three conditions, each of which the kernel leaves to us:
//
//   Attached.     The program must be attached in native mode, else each run patches the dispatcher (28 ms).
//   Received.     The device at the other end of the pair must take XDP frames: it has an XDP program or GRO. If not,
//                 the frames are dropped and the system call still succeeds. The kernel says so in the XDP features of our
//                 device (NDO_XMIT); XdpFeatureWatcher follows them. Between the change and its news packets are lost.
//   In order.     No packet may overtake one that still stands in the TX ring: then that ring is used.
//
// Frames are memory that the kernel takes for a run and gives back after it, page by page, which costs as much as all else. But it hands the
// frames on in batches, and what the other end has done with by the next batch is used again: so a run of 256 packets takes
// 32 frames. Such a frame holds an old packet, and only its length is what we asked for. That is why the length, and not the content,
// tells the program which lane's packets to send: it is the number of the lane, but for a multiple of the number of lanes.
//
// Packets are copied, so their chunks are free as soon as they are staged. A run is due when 256 packets are staged, or when a whole round
// of the worker brought none: a packet waits for one round at most, some 30 us under full load and one microsecond when there is none.

/// <summary>Sends packets of one lane by BPF test runs. Owned by the lane's worker; no method allocates.</summary>
internal sealed unsafe class LiveFrameInjector
{
    /// <summary>Packets from which on a run is cheaper than the TX ring.</summary>
    internal const int WorthwhileCount = 24;

    private const int RunCount = InjectMap.Capacity;

    /// <summary>Frames that a run takes.</summary>
    private const int FrameCount = 32;

    private readonly uint _lane, _lanes;
    private readonly byte* _part;
    private readonly int _program;
    private readonly byte* _memory;
    private readonly byte[] _blank;
    private uint _longest;
    private bool _isFresh;
    private long _injected;

    /// <summary>Makes an injector.</summary>
    /// <param name="map">The map of the port's program.</param>
    /// <param name="lane">Number of the lane, which has a part of the map.</param>
    /// <param name="program">The program, attached in native mode.</param>
    /// <param name="umem">Where the packets are.</param>
    internal LiveFrameInjector(InjectMap map, int lane, RedirectProgram program, Umem umem)
    {
        (_lane, _lanes) = ((uint)lane, (uint)map.Lanes);
        _part = map.Part(lane);
        _blank = GC.AllocateArray<byte>(InjectMap.MaxPacketSize + map.Lanes, pinned: true);
        _program = program.Handle;
        _memory = umem.Memory;
    }

    /// <summary>Packets that wait for the next run: while there are any, all packets must be staged behind them.</summary>
    internal int StagedCount { get; private set; }

    /// <summary>Packets handed to the device. Any thread.</summary>
    internal long InjectedCount => Volatile.Read(ref _injected);

    /// <summary>Packets of runs that the kernel refused: they are lost.</summary>
    internal long LostCount { get; private set; }

    /// <summary>Copies a packet behind the staged ones, and sends them when there are enough.</summary>
    /// <param name="descriptor">The packet; its frame stays the caller's.</param>
    /// <returns>False when its length cannot be injected, 14 to 1514 bytes can.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryStage(in FrameDescriptor descriptor)
    {
        var length = descriptor.Length;
        if (length is < InjectMap.MinPacketSize or > InjectMap.MaxPacketSize)
        {
            return false;
        }

        var slot = StagedCount++;
        // SAFETY: the length fits the slot, slot < RunCount <= Capacity; the descriptor lies in the UMEM.
        *(uint*)(_part + InjectMap.LengthsOffset + (slot * sizeof(uint))) = length;
        Unsafe.CopyBlockUnaligned(_part + InjectMap.PacketsOffset + (slot * InjectMap.SlotSize), _memory + descriptor.Address, length);
        _longest = Math.Max(_longest, length);
        _isFresh = true;
        if (StagedCount == RunCount)
        {
            Run();
        }

        return true;
    }

    /// <summary>Once per round of the worker: sends what waits since before the last round.</summary>
    internal void EndRound()
    {
        if (StagedCount > 0 && !_isFresh)
        {
            Run();
        }

        _isFresh = false;
    }

    /// <summary>Sends what is staged.</summary>
    internal void Run()
    {
        var count = StagedCount;
        if (count == 0)
        {
            return;
        }

        // Frames start as long as the longest packet, or a little longer, and are cut by the program: that never fails, growing could.
        StagedCount = 0;
        *(ulong*)(_part + InjectMap.NextOffset) = 0;
        var length = _longest + ((_lane + _lanes - (_longest % _lanes)) % _lanes);
        _longest = 0;
        // SAFETY: the array is pinned, and longer than the longest packet and what is added.
        if (LinuxBpf.RunOnLiveFrames(_program, (byte*)Unsafe.AsPointer(ref _blank[0]), length, (uint)count, FrameCount) < 0)
        {
            LostCount += count;
            return;
        }

        Volatile.Write(ref _injected, _injected + count);
    }
}
