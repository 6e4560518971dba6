using Oko.Datapath.AfXdp;
using Oko.Datapath.Ports;

namespace Oko.Datapath.Benchmark;

/// <summary>A port that takes every packet and gives its frame back at once. Receives nothing.</summary>
/// <param name="umem">Packet memory of the worker.</param>
/// <param name="number">OpenFlow port number.</param>
public sealed unsafe class NullPort(Umem umem, uint number) : Port(number, $"null{number}", new MacAddress(0x02_00_00_00_00_00UL | number))
{
    /// <inheritdoc/>
    public override string ModeText => "null";

    /// <inheritdoc/>
    public override int Receive(FrameDescriptor* batch, int capacity) => 0;

    /// <inheritdoc/>
    public override int Transmit(int queue, FrameDescriptor* batch, int count)
    {
        Free(umem.Frames, batch, count);
        return count;
    }

    /// <inheritdoc/>
    public override void Reap()
    {
    }

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
}
