using System.Diagnostics;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Interop;
using Oko.Datapath.Ports;

namespace Oko.Datapath.Benchmark;

// The worker's processor does both, in turn: while the clock stands it sends a piece of the trace into the far end of the veth pair, and the
// kernel, which delivers in the course of that system call, copies each packet to the AF_XDP socket of the near end. Then the clock runs, and
// the worker receives, forwards and sends as it does in a switch. So the generator takes no processor away from a neighbour, whose setups
// would otherwise be measured with less than one.

/// <summary>Plays a trace through a veth pair: sends it at the far end, by a port of its own, and receives it at the near one, by the AF_XDP
/// port that a switch has there.</summary>
public sealed unsafe class DeviceReplayPort : PlayingPort
{
    /// <summary>Frames that the datapath needs: waiting packets, free ones for those to come, the same of the device that sends, and copies.</summary>
    public const int FrameCount = 4 * SegmentPackets;

    private const int SenderFrames = 1024, SenderRing = 256, BatchPackets = 64;

    private static readonly TimeSpan ArrivalLimit = TimeSpan.FromSeconds(1);

    private readonly PacketTrace _trace;
    private readonly AfXdpPort _near;
    private readonly AfXdpLane _receiver;
    private readonly AfXdpLane _output;
    private readonly Umem _senderMemory = new(SenderFrames);
    private readonly AfXdpPort _far;
    private readonly AfXdpLane _sender;
    private int _position;

    /// <summary>Opens both ends.</summary>
    /// <param name="umem">Packet memory of the worker, <see cref="FrameCount"/> frames.</param>
    /// <param name="number">OpenFlow port number.</param>
    /// <param name="trace">The packets; owned by the caller, who disposes it after the port.</param>
    /// <param name="far">Device to send the trace by.</param>
    /// <param name="near">Device that receives it.</param>
    /// <param name="output">The port by which packets leave the switch.</param>
    /// <param name="neighbour">The port to a neighbour that all packets go to first, or null.</param>
    /// <exception cref="PortOpenException">A device cannot be used; the text says why.</exception>
    public DeviceReplayPort(Umem umem, uint number, PacketTrace trace, string far, string near, AfXdpPort output, NeighbourPort? neighbour = null)
        : base(umem, number, neighbour)
    {
        _trace = trace;
        _output = (AfXdpLane)output.Lanes[0];
        try
        {
            _near = AfXdpPort.Open(near, number, [umem], new AfXdpOptions { RingSize = SegmentPackets });
            _far = AfXdpPort.Open(far, number, [_senderMemory], new AfXdpOptions { RingSize = SenderRing });
        }
        catch
        {
            Dispose();
            throw;
        }

        _receiver = (AfXdpLane)_near.Lanes[0];
        _sender = (AfXdpLane)_far.Lanes[0];
    }

    /// <inheritdoc/>
    public override string ModeText => _near.ModeText;

    private protected override bool IsSending => _output.IsSending;

    /// <inheritdoc/>
    public override void Reap() => _receiver.Reap();

    private protected override int Take(FrameDescriptor* batch, int capacity)
    {
        var count = _receiver.Receive(batch, Math.Min(capacity, Player.Left));
        Player.NoteTaken(count);
        return count;
    }

    private protected override int WriteSegment(long most)
    {
        var sent = 0;
        while (sent < most)
        {
            _receiver.Reap();
            sent += SendBatch((int)Math.Min(most - sent, BatchPackets));
            // The kernel delivers at once, or by a thread of its own when there was much to do: no more is sent than has arrived.
            var started = Stopwatch.GetTimestamp();
            while (_receiver.Waiting < sent)
            {
                _sender.Reap();
                Thread.Yield();
                if (Stopwatch.GetElapsedTime(started) > ArrivalLimit)
                {
                    // The rest got lost on the way here; others will come in their place.
                    return _receiver.Waiting;
                }
            }
        }

        return sent;
    }

    private int SendBatch(int count)
    {
        var batch = stackalloc FrameDescriptor[BatchPackets];
        var written = 0;
        // SAFETY: the batch has room for so many; a frame holds what the trace was cut to.
        while (written < count && _senderMemory.Frames.TryAllocate(out var address))
        {
            address += AfXdp.Umem.Headroom;
            var length = _trace.CopyTo((_position + written) % _trace.Count, _senderMemory.Memory + address);
            batch[written++] = new FrameDescriptor(address, (uint)length);
        }

        var sent = _sender.Transmit(0, batch, written);
        _position = (_position + sent) % _trace.Count;
        NullPort.Free(_senderMemory.Frames, batch + sent, written - sent);
        // Twice, for what a round leaves to the next one.
        _sender.Reap();
        _sender.Reap();
        return sent;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        _near?.Dispose();
        _far?.Dispose();
        _senderMemory.Dispose();
    }
}
