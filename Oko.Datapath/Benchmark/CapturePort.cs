using Oko.Datapath.AfXdp;

namespace Oko.Datapath.Benchmark;

// DPDK's net_pcap with infinite_rx=1 does the same: so what a packet costs can be compared with a switch that has its packets from there. Frames are
// few and used again while the caches hold them, as with an interface that a worker keeps up with.

/// <summary>Plays a trace from memory by copying each packet into a free frame as it is received, while the clock runs.</summary>
/// <param name="umem">Packet memory of the worker.</param>
/// <param name="number">OpenFlow port number.</param>
/// <param name="trace">The packets, cut to <see cref="AfXdp.Umem.MaxPacketSize"/>; owned by the caller, who disposes it after the port.</param>
public sealed unsafe class CapturePort(Umem umem, uint number, PacketTrace trace) : PlayingPort(umem, number, neighbour: null)
{
    private int _position;

    /// <inheritdoc/>
    public override string ModeText => "trace in memory, copied";

    private protected override int WriteSegment(long most) => (int)most;

    private protected override int Take(FrameDescriptor* batch, int capacity)
    {
        var most = Math.Min(capacity, Player.Left);
        var taken = 0;
        while (taken < most && Umem.Frames.TryAllocate(out var address))
        {
            // SAFETY: taken < capacity, and the frame holds what the trace was cut to.
            address += Umem.Headroom;
            batch[taken++] = new FrameDescriptor(address, (uint)trace.CopyTo(_position, Umem.Memory + address));
            _position = _position + 1 == trace.Count ? 0 : _position + 1;
        }

        Player.NoteTaken(taken);
        return taken;
    }
}
