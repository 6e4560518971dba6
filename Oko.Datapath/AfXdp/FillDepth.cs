using System.Runtime.CompilerServices;

namespace Oko.Datapath.AfXdp;

// How many chunks a socket leaves with the kernel: on the fill ring, with the device, and on the RX ring. Two wishes meet here.
//
//   Many.   The worker stops now and then: a collection, or a machine that takes the processor away. What comes in meanwhile is
//           lost unless the kernel has a chunk for it, and 4 ms at 1.7 million packets a second are 7000.
//   Few.    The rings are queues, so a chunk comes round again only when all others have: 8192 of them are more memory than the caches
//           close to a processor hold, and each packet costs some percent more than with 2048.
//
// A worker that keeps up has those percents to spare. One that is behind has not, and gains nothing by a long queue, which is full anyway. So the depth
// falls while packets wait, by one for 16 packets, and rises while none do, by one for 4: from 8192 to 2048 it takes some 100,000 packets,
// so that a pause is made up for long before, and at a rate that only few chunks allow it settles where the worker just keeps up.

/// <summary>How many chunks one socket leaves with the kernel. Owned by the worker; no method allocates.</summary>
internal struct FillDepth
{
    /// <summary>Packets that wait on the RX ring of a worker that is behind.</summary>
    internal const uint Behind = 256;

    /// <summary>Chunks that are left in any case, if there are so many.</summary>
    internal const int Least = 2048;

    // The depth is kept in sixteenths of a chunk: a packet is worth one of them down, or four up.
    private const int Scale = 16, Rise = 4;

    private readonly int _least;
    private readonly int _most;
    private int _scaled;
    private int _posted;

    /// <summary>Begins with all that is allowed and nothing posted.</summary>
    /// <param name="most">Chunks that may be with the kernel, as <see cref="Umem.ReserveFill"/> granted them.</param>
    internal FillDepth(int most)
    {
        _least = Math.Min(Least, most) * Scale;
        _most = most * Scale;
        _scaled = _most;
    }

    /// <summary>Chunks that may be with the kernel at most.</summary>
    internal readonly int Most => _most / Scale;

    /// <summary>Chunks to post now.</summary>
    internal readonly uint Room
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (uint)Math.Max((_scaled / Scale) - _posted, 0);
    }

    /// <summary>The kernel was given chunks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Post(uint chunks) => _posted += (int)chunks;

    /// <summary>Chunks came back with packets.</summary>
    /// <param name="chunks">How many.</param>
    /// <param name="isBehind">Whether <see cref="Behind"/> packets and more still wait.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Take(uint chunks, bool isBehind)
    {
        _posted -= (int)chunks;
        _scaled = isBehind ? Math.Max(_scaled - (int)chunks, _least) : Math.Min(_scaled + (Rise * (int)chunks), _most);
    }
}
