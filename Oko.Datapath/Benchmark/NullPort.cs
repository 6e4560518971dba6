using System.Collections.Immutable;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Ports;

namespace Oko.Datapath.Benchmark;

/// <summary>A port that takes every packet and gives its frame back at once. Receives nothing.</summary>
public sealed unsafe class NullPort : Port
{
    /// <summary>Makes a port.</summary>
    /// <param name="umems">Packet memory of each worker that shall have a lane of it.</param>
    /// <param name="number">OpenFlow port number.</param>
    public NullPort(ImmutableArray<Umem> umems, uint number)
        : base(number, $"null{number}", new MacAddress(0x02_00_00_00_00_00UL | number))
    {
        Lanes = [.. umems.Select(umem => new NullLane(this, umem))];
    }

    /// <inheritdoc/>
    public override ImmutableArray<PortLane> Lanes { get; }

    /// <inheritdoc/>
    public override string ModeText => "null";

    /// <summary>Gives frames back.</summary>
    // SAFETY: the worker's batch holds count descriptors, whose frames are its own.
    internal static void Free(FrameAllocator frames, FrameDescriptor* batch, int count)
    {
        for (var index = 0; index < count; index++)
        {
            frames.Free(batch[index].Address);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
    }

    private sealed class NullLane(NullPort port, Umem umem) : PortLane(port, umem)
    {
        public override int Receive(FrameDescriptor* batch, int capacity) => 0;

        public override int Transmit(int queue, FrameDescriptor* batch, int count)
        {
            Free(Umem.Frames, batch, count);
            return count;
        }

        public override void Reap()
        {
        }
    }
}
