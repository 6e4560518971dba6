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
            received = ReceiveFrom(socket, batch, (uint)capacity);
            _receiveQueue = (uint)socket.Queue;

            // The queue that was asked goes last in the next round, so that a busy one cannot starve the others.
            _nextQueue = _nextQueue + 1 == _sockets.Length ? 0 : _nextQueue + 1;
        }

        return received;
    }

    private int ReceiveFrom(XdpSocket socket, FrameDescriptor* batch, uint capacity)
    {
        ref var ring = ref socket.Receive;
        var count = ring.Peek(capacity);
        if (count == 0 && socket.IsBusyPolling)
        {
            _ = socket.KickReceive();
            count = ring.Peek(capacity);
        }

        if (socket.IsScattered)
        {
            return ReceivePieces(socket, batch, count);
        }

        for (var n = 0u; n < count; n++)
        {
            // SAFETY: the batch has room for capacity descriptors, count of them are in the ring.
            batch[n] = ring.ReadDescriptor(n);
            Release(batch[n].Address);
        }

        if (count > 0)
        {
            ring.Release(count);
        }

        return (int)count;
    }

    /// <summary>Receives where packets may take several descriptors; at most as many packets as descriptors.</summary>
    private int ReceivePieces(XdpSocket socket, FrameDescriptor* batch, uint count)
    {
        var packets = 0;
        for (var n = 0u; n < count; n++)
        {
            // SAFETY: as in ReceiveFrom, and packets <= n.
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

        if (count > 0)
        {
            socket.Receive.Release(count);
        }

        return packets;
    }

    private void Refill(XdpSocket socket, int target)
    {
        ref var fill = ref socket.Fill;
        var pending = fill.Pending;
        if (pending < (uint)target)
        {
            var room = fill.Reserve((uint)target - pending);
            var written = 0u;
            while (written < room && _umem.Frames.TryAllocate(out var address))
            {
                Hold(address);
                fill.WriteAddress(written++, address);
            }

            fill.Submit(written);
        }

        if (fill.NeedsWakeup)
        {
            _ = socket.KickReceive();
        }
    }
}
