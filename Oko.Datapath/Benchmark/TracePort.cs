using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Interop;
using Oko.Datapath.Ports;

namespace Oko.Datapath.Benchmark;

/// <summary>What playing took.</summary>
/// <param name="Packets">Packets that were received.</param>
/// <param name="Nanoseconds">Time from the first received to the last one's end.</param>
/// <param name="AllocatedBytes">Bytes that the worker's thread allocated in that time.</param>
public readonly record struct PlayFigures(long Packets, long Nanoseconds, long AllocatedBytes);

// The worker is the real one, with its rounds, its rings and its clock. Only what fills the receive ring is not: the port writes
// packets of its flows into the free frames beforehand, tens of thousands at a time and so over more memory than the caches next
// to the core hold, and stops the clock meanwhile. While the clock runs, receiving is handing out descriptors, which is what it is with
// a network interface that writes packets by itself.

/// <summary>A port that plays packets of many flows into the switch and measures how long its worker takes for them.</summary>
public sealed unsafe class TracePort : Port
{
    /// <summary>Most packets between two moments at which the clock stands still.</summary>
    public const int SegmentPackets = 65536;

    /// <summary>Frames left for copies of packets.</summary>
    public const int SpareFrames = 4096;

    private readonly Umem _umem;
    private readonly FlowTrace _trace;
    private readonly double _burstScale;
    private readonly Eventfd _play = new();
    private readonly ManualResetEventSlim _played = new();
    private readonly FrameDescriptor* _segment = (FrameDescriptor*)NativeMemory.Alloc(SegmentPackets, (nuint)sizeof(FrameDescriptor));
    private RandomSequence _random;
    private int _flow;
    private int _burst;
    private int _next;
    private int _written;
    private bool _isPlaying;
    private long _left, _packets, _elapsed, _allocated;
    private long _started, _allocatedBefore;

    /// <summary>Makes a port.</summary>
    /// <param name="umem">Packet memory of the worker: <see cref="SegmentPackets"/> and <see cref="SpareFrames"/> frames are enough.</param>
    /// <param name="number">OpenFlow port number.</param>
    /// <param name="trace">The flows, at least one; owned by the caller, who disposes it after the port.</param>
    /// <param name="seed">Of the order of the packets.</param>
    /// <param name="burstScale">0: each packet is of any flow, all equally likely. Else a flow sends bursts, of a length after the Pareto
    /// distribution with shape 1 and this scale, as in ClassBench's traces.</param>
    public TracePort(Umem umem, uint number, FlowTrace trace, ulong seed, double burstScale = 0)
        : base(number, "trace", new MacAddress(0x02_00_00_00_00_00UL | number))
    {
        _umem = umem;
        _trace = trace;
        _random = new RandomSequence(seed);
        _burstScale = burstScale;
    }

    /// <inheritdoc/>
    public override string ModeText => "trace in memory";

    /// <inheritdoc/>
    public override int PollHandle => _play.Fd;

    /// <summary>Any thread but the worker's: has the worker receive packets and waits until it has dealt with them.</summary>
    /// <param name="packets">How many, 1 or more.</param>
    public PlayFigures Play(long packets)
    {
        _played.Reset();
        _left = packets;
        _packets = _elapsed = _allocated = 0;
        Volatile.Write(ref _isPlaying, true);
        _play.Signal();
        _played.Wait();
        return new PlayFigures(_packets, _elapsed, _allocated);
    }

    /// <inheritdoc/>
    public override int Receive(FrameDescriptor* batch, int capacity)
    {
        if (_next == _written && !(Volatile.Read(ref _isPlaying) && TryTurn()))
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
        NullPort.Free(_umem.Frames, batch, count);
        return count;
    }

    /// <inheritdoc/>
    public override void Reap()
    {
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
            _elapsed += Stopwatch.GetTimestamp() - _started;
            _allocated += GC.GetAllocatedBytesForCurrentThread() - _allocatedBefore;
            _packets += _written;
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
        var count = (int)Math.Min(_left, Math.Min(SegmentPackets, _umem.Frames.FreeCount - SpareFrames));
        for (var index = 0; index < count; index++)
        {
            // SAFETY: more frames are free than the segment has packets, and a frame holds all headers behind its headroom.
            _umem.Frames.TryAllocate(out var address);
            address += Umem.Headroom;
            var length = _trace.CopyTo(NextFlow(), _umem.Memory + address);
            _segment[index] = new FrameDescriptor(address, (uint)length);
        }

        _next = 0;
        _written = count;
        _left -= count;
    }

    private int NextFlow()
    {
        if (_burst == 0)
        {
            _flow = _random.Below(_trace.Count);
            _burst = _burstScale == 0 ? 1 : (int)Math.Clamp(Math.Ceiling(_burstScale / (1 - _random.Fraction())), 1, SegmentPackets);
        }

        _burst--;
        return _flow;
    }
}
