using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Interop;
using Oko.Datapath.Ports;

namespace Oko.Datapath.Benchmark;

// As with TracePort the worker is the real one, and the clock stands while packets are written. What is written here is whole packets, as an
// interface does, in pieces that the cache which all cores share holds and the caches next to one core do not: so the switch finds each packet
// where direct cache access of a network interface would have left it, and copies of packets are neither cheaper nor dearer than there.

/// <summary>A port that plays a trace into the switch, in order and over and over, and measures how long its worker takes for it. Loses
/// nothing: with a neighbour behind the switch it gives out packets only as fast as that takes them.</summary>
public sealed unsafe class ReplayPort : SingleLanePort
{
    /// <summary>Most packets between two moments at which the clock stands still.</summary>
    public const int SegmentPackets = 4096;

    /// <summary>Frames that the datapath needs: a segment, and as many again for copies on their way.</summary>
    public const int FrameCount = 2 * SegmentPackets;

    private readonly PacketTrace _trace;
    private readonly NeighbourPort? _neighbour;
    private readonly Eventfd _play = new();
    private readonly ManualResetEventSlim _played = new();
    private readonly FrameDescriptor* _segment = (FrameDescriptor*)NativeMemory.Alloc(SegmentPackets, (nuint)sizeof(FrameDescriptor));
    private readonly ulong[] _frames = new ulong[FrameCount];
    private readonly List<double> _segmentNanoseconds = [];
    private int _position;
    private int _next;
    private int _written;
    private bool _isPlaying;
    private long _left, _packets, _elapsed, _allocated;
    private long _started, _allocatedBefore;

    /// <summary>Makes a port.</summary>
    /// <param name="umem">Packet memory of the worker, <see cref="FrameCount"/> frames.</param>
    /// <param name="number">OpenFlow port number.</param>
    /// <param name="trace">The packets; owned by the caller, who disposes it after the port.</param>
    /// <param name="neighbour">The port to a neighbour that all packets go to first, or null.</param>
    public ReplayPort(Umem umem, uint number, PacketTrace trace, NeighbourPort? neighbour = null)
        : base(umem, number, "replay", new MacAddress(0x02_00_00_00_00_00UL | number))
    {
        _trace = trace;
        _neighbour = neighbour;
    }

    /// <inheritdoc/>
    public override string ModeText => "trace in memory";

    /// <inheritdoc/>
    public override int PollHandle => _play.Fd;

    /// <summary>After <see cref="Play"/>: time per packet of each of its segments in nanoseconds.</summary>
    public IReadOnlyList<double> SegmentNanoseconds => _segmentNanoseconds;

    /// <summary>Any thread but the worker's: has the worker receive packets and waits until all of them have left the switch.</summary>
    /// <param name="packets">How many, 1 or more.</param>
    /// <param name="limit">How long that may take.</param>
    /// <exception cref="TimeoutException">It took longer: the neighbour does not give all of them back. The port can play no more.</exception>
    public PlayFigures Play(long packets, TimeSpan limit)
    {
        _played.Reset();
        _left = packets;
        _packets = _elapsed = _allocated = 0;
        _segmentNanoseconds.Clear();
        Volatile.Write(ref _isPlaying, true);
        _play.Signal();
        if (!_played.Wait(limit))
        {
            throw new TimeoutException($"{packets} packets had not left the switch after {limit.TotalSeconds} seconds");
        }

        return new PlayFigures(_packets, _elapsed, _allocated);
    }

    /// <inheritdoc/>
    public override int Receive(FrameDescriptor* batch, int capacity)
    {
        if (_next == _written)
        {
            // What has come back from the neighbour in an earlier round has been sent in that round.
            if (!Volatile.Read(ref _isPlaying) || _neighbour is { Outside: > 0 } || !TryTurn())
            {
                return 0;
            }
        }

        if (_neighbour is not null && _neighbour.Room < capacity)
        {
            return 0;
        }

        // SAFETY: _written <= SegmentPackets, and the caller's batch holds capacity descriptors.
        var count = Math.Min(capacity, _written - _next);
        new Span<FrameDescriptor>(_segment + _next, count).CopyTo(new Span<FrameDescriptor>(batch, capacity));
        _next += count;
        return count;
    }

    /// <inheritdoc/>
    public override int Transmit(int queue, FrameDescriptor* batch, int count)
    {
        NullPort.Free(Umem.Frames, batch, count);
        return count;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        NativeMemory.Free(_segment);
        _play.Dispose();
        _played.Dispose();
    }

    /// <summary>All packets of a segment have been dealt with: stops the clock and writes the next, or ends.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryTurn()
    {
        if (_started != 0)
        {
            var elapsed = Stopwatch.GetTimestamp() - _started;
            _elapsed += elapsed;
            _allocated += GC.GetAllocatedBytesForCurrentThread() - _allocatedBefore;
            _packets += _written;
            _segmentNanoseconds.Add((double)elapsed / _written);
        }

        if (_left == 0)
        {
            _started = 0;
            _next = _written = 0;
            _isPlaying = false;
            _play.Clear();
            _played.Set();
            return false;
        }

        WriteSegment();
        _allocatedBefore = GC.GetAllocatedBytesForCurrentThread();
        _started = Stopwatch.GetTimestamp();
        return true;
    }

    private void WriteSegment()
    {
        // In the order of memory, whatever order they came back in: a program that drops packets mixes them, and how fast a core reads packets depends on
        // that, too.
        var free = 0;
        while (free < FrameCount && Umem.Frames.TryAllocate(out _frames[free]))
        {
            free++;
        }

        Array.Sort(_frames, 0, free);
        var count = (int)Math.Min(_left, SegmentPackets);
        while (free > count)
        {
            Umem.Frames.Free(_frames[--free]);
        }

        for (var index = 0; index < count; index++)
        {
            // SAFETY: all frames were free, twice as many as a segment has packets, and a frame holds what the trace was cut to.
            var address = _frames[index] + Umem.Headroom;
            _segment[index] = new FrameDescriptor(address, (uint)_trace.CopyTo(_position, Umem.Memory + address));
            _position = _position + 1 == _trace.Count ? 0 : _position + 1;
        }

        _next = 0;
        _written = count;
        _left -= count;
    }
}
