using Oko.Datapath.AfXdp;

namespace Oko.Datapath.Ports;

/// <content>What comes in.</content>
internal sealed unsafe partial class AfXdpLane
{
    private int _nextQueue;
    private uint _receiveQueue;

    /// <inheritdoc/>
    public override uint ReceiveQueue => _receiveQueue;

    /// <inheritdoc/>
    public override int Receive(FrameDescriptor* batch, int capacity)
    {
        var received = 0;
        for (var asked = 0; asked < _sockets.Length && received == 0; asked++)
        {
            var socket = _sockets[_nextQueue];
            received = ReceiveFrom(socket, ref _depths[_nextQueue], batch, (uint)capacity);
            _receiveQueue = (uint)socket.Queue;

            // The queue that was asked goes last in the next round, so that a busy one cannot starve the others.
            _nextQueue = _nextQueue + 1 == _sockets.Length ? 0 : _nextQueue + 1;
        }

        return received;
    }

    private int ReceiveFrom(XdpSocket socket, ref FillDepth depth, FrameDescriptor* batch, uint capacity)
    {
        ref var ring = ref socket.Receive;
        var count = ring.Peek(capacity);
        if (count == 0 && socket.IsBusyPolling)
        {
            _ = socket.KickReceive();
            count = ring.Peek(capacity);
        }

        if (count == 0)
        {
            return 0;
        }

        var packets = socket.IsScattered ? ReadPieces(socket, batch, count) : ReadPackets(ref ring, batch, count);
        ring.Release(count);

        // What waits is looked at only when it can be much: the counter is in a cache line that the kernel writes.
        depth.Take(count, count == capacity && ring.Peek(FillDepth.Behind) == FillDepth.Behind);
        return packets;
    }

    private int ReadPackets(ref ConsumerRing ring, FrameDescriptor* batch, uint count)
    {
        for (var n = 0u; n < count; n++)
        {
            // SAFETY: the batch has room for the capacity that ReceiveFrom asked for, and count descriptors are in the ring.
            batch[n] = ring.ReadDescriptor(n);
            Release(batch[n].Address);
        }

        return (int)count;
    }

    /// <summary>Where packets may take several descriptors; at most as many packets as descriptors.</summary>
    private int ReadPieces(XdpSocket socket, FrameDescriptor* batch, uint count)
    {
        var packets = 0;
        for (var n = 0u; n < count; n++)
        {
            // SAFETY: as in ReadPackets, and packets <= n.
            var piece = socket.Receive.ReadDescriptor(n);
            Release(piece.Address);
            if (piece.Options == 0 && !socket.Joiner.IsOpen)
            {
                batch[packets++] = piece;
            }
            else if (socket.Joiner.TryJoin(piece, out var packet))
            {
                batch[packets++] = packet;
            }
        }

        return packets;
    }

    private void Refill(XdpSocket socket, ref FillDepth depth)
    {
        ref var fill = ref socket.Fill;
        var room = depth.Room;
        if (room > 0)
        {
            room = fill.Reserve(room);
            var written = 0u;
            while (written < room && _umem.Frames.TryAllocate(out var address))
            {
                Hold(address);
                fill.WriteAddress(written++, address);
            }

            fill.Submit(written);
            depth.Post(written);
        }

        if (fill.NeedsWakeup)
        {
            _ = socket.KickReceive();
        }
    }
}
