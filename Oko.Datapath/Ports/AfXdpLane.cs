using System.Runtime.CompilerServices;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Interop;

namespace Oko.Datapath.Ports;

/// <summary>
/// A worker's part of an AF_XDP port: the sockets of some of its queues, on the worker's memory. Made and disposed by the control thread.
/// </summary>
/// <remarks>
/// <see cref="Receive"/> asks the sockets in turn. Packets leave by the TX ring of the lane's first queue, which keeps their order, or by
/// BPF test runs (<c>LiveFrameInjector</c>), when they come in batches of 24 and more, the other end takes them and the TX ring is empty.
/// </remarks>
internal sealed unsafe partial class AfXdpLane : PortLane, IDisposable
{
    private const int CheckIntervalMilliseconds = 250;

    /// <summary>How long a device in zero-copy mode may write into chunks of a closed socket, with a wide margin.</summary>
    private const int ZeroCopyQuarantineMilliseconds = 2000;

    private readonly AfXdpPort _port;
    private readonly Umem _umem;
    private readonly XdpSocket[] _sockets;
    private readonly XdpSocket _out;

    /// <summary>The socket that sends a queue's packets, by number of the queue; the lane's first one where it has no such socket.</summary>
    private readonly XdpSocket[] _byQueue;
    private readonly LiveFrameInjector? _injector;
    private readonly int _chunkShift;
    private readonly ulong _jumboStart;

    /// <summary>By socket.</summary>
    private readonly FillDepth[] _depths;

    /// <summary>Per chunk: 1 while it is in the kernel's hands through this lane, so that none is lost when it closes.</summary>
    private readonly byte[] _held;

    /// <summary>All sockets behind one descriptor; null when there is one socket.</summary>
    private readonly Epoll? _queues;

    private long _nextCheck;
    private bool _mayInject;
    private long _lostInjections;
    private long _ringFullPackets;

    /// <summary>The device refused to send since it is down; asked again four times a second, and when the link comes up.</summary>
    private bool _isSendingRefused;

    /// <param name="port">The port.</param>
    /// <param name="sockets">The lane's sockets, at least one, in the order of their queues, all on one memory.</param>
    /// <param name="injector">Sends by test runs, or null.</param>
    /// <param name="ringSize">Chunks that each socket may leave with the kernel: as many as its rings have entries.</param>
    internal AfXdpLane(AfXdpPort port, XdpSocket[] sockets, LiveFrameInjector? injector, int ringSize)
        : base(port, sockets[0].Umem)
    {
        _port = port;
        _umem = sockets[0].Umem;
        _sockets = sockets;
        _out = sockets[0];
        _byQueue = [.. Enumerable.Range(0, port.QueueCount).Select(queue => Array.Find(sockets, socket => socket.Queue == queue) ?? _out)];
        // Queue 0 is what packets leave by that name none.
        _byQueue[0] = _out;
        _queues = sockets.Length > 1 ? new Epoll(sockets.Select(socket => socket.Handle)) : null;
        _injector = injector;
        _chunkShift = System.Numerics.BitOperations.Log2((uint)_umem.FrameSize);
        _jumboStart = _umem.JumboStart;
        _held = GC.AllocateArray<byte>(_umem.FrameCount, pinned: true);
        _depths = [.. sockets.Select(_ => new FillDepth(_umem.ReserveFill(ringSize)))];
        if (_injector is not null)
        {
            _umem.Features.Add(port.InterfaceIndex, allowed => Volatile.Write(ref _mayInject, allowed));
        }
    }

    /// <inheritdoc/>
    public override int PollHandle => _port.IsGone ? -1 : _queues?.Handle ?? _out.Handle;

    /// <summary>Whether large batches now leave by BPF test runs.</summary>
    internal bool IsInjecting => _injector is not null && Volatile.Read(ref _mayInject);

    /// <summary>Packets that left by BPF test runs.</summary>
    internal long InjectedPackets => _injector?.InjectedCount ?? 0;

    /// <summary>Packets of BPF test runs that the kernel refused, as far as the worker has noticed.</summary>
    internal long LostInjections => Volatile.Read(ref _lostInjections);

    /// <summary>Packets dropped since the TX ring was full.</summary>
    internal long RingFullPackets => Volatile.Read(ref _ringFullPackets);

    /// <summary>The worker: packets that wait to be received.</summary>
    internal int Waiting
    {
        get
        {
            var waiting = 0u;
            foreach (var socket in _sockets)
            {
                waiting += socket.Receive.Peek(uint.MaxValue);
            }

            return (int)waiting;
        }
    }

    /// <summary>The worker: whether packets that were taken have not left for the device yet.</summary>
    internal bool IsSending => _injector is { StagedCount: > 0 } || _out.Transmit.Pending > 0;

    /// <summary>What the kernel counts for the lane's sockets, read now.</summary>
    internal XdpStatistics ReadStatistics()
    {
        var sum = default(XdpStatistics);
        foreach (var socket in _sockets)
        {
            sum += socket.ReadStatistics();
        }

        return sum;
    }

    /// <summary>The link is up: the device may take packets again.</summary>
    internal void NoteRunning() => Volatile.Write(ref _isSendingRefused, false);

    /// <inheritdoc/>
    public override int Transmit(int queue, FrameDescriptor* batch, int count)
    {
        if (Volatile.Read(ref _isSendingRefused) || _port.IsGone)
        {
            return 0;
        }

        if (queue != 0)
        {
            return TransmitByRing(_byQueue[queue], batch, count);
        }

        var injected = 0;
        if (_injector is { } injector)
        {
            if (MayInject(injector, count))
            {
                injected = Inject(injector, batch, count);
                if (injected == count)
                {
                    return count;
                }
            }

            // What leaves by the ring leaves behind the packets that were staged before it.
            injector.Run();
        }

        return injected + TransmitByRing(_out, batch + injected, count - injected);
    }

    private int TransmitByRing(XdpSocket socket, FrameDescriptor* batch, int count)
    {
        var sent = TransmitChunks(socket, batch, count);
        if (sent < count)
        {
            while (sent < count && batch[sent].Address >= _jumboStart && TryTransmitJumbo(socket, batch[sent]))
            {
                sent++;
                sent += TransmitChunks(socket, batch + sent, count - sent);
            }

            Flush(socket);
            Volatile.Write(ref _ringFullPackets, _ringFullPackets + count - sent);
        }

        return sent;
    }

    /// <summary>Sends packets up to the first in a jumbo buffer.</summary>
    private int TransmitChunks(XdpSocket socket, FrameDescriptor* batch, int count)
    {
        ref var ring = ref socket.Transmit;
        var accepted = ring.Reserve((uint)count);
        if (accepted < (uint)count)
        {
            // Full: send what is there, then offer the room that this made.
            Flush(socket);
            accepted = ring.Reserve((uint)count);
        }

        for (var n = 0u; n < accepted; n++)
        {
            var descriptor = batch[n];
            if (descriptor.Address >= _jumboStart)
            {
                accepted = n;
                break;
            }

            descriptor.Options = 0;
            Hold(descriptor.Address);
            ring.WriteDescriptor(n, descriptor);
        }

        if (accepted > 0)
        {
            ring.Submit(accepted);
            Flush(socket);
        }

        return (int)accepted;
    }

    /// <summary>Writes a packet to the TX ring in as many chunks as it needs, all or none, and frees its buffer.</summary>
    private bool TryTransmitJumbo(XdpSocket socket, FrameDescriptor packet)
    {
        ref var ring = ref socket.Transmit;
        var pieces = (packet.Length + (uint)_umem.FrameSize - 1) >> _chunkShift;
        if (ring.Reserve(pieces) < pieces)
        {
            Flush(socket);
            if (ring.Reserve(pieces) < pieces)
            {
                return false;
            }
        }

        if (_umem.Frames.FreeCount < pieces)
        {
            TakeCompletions(socket);
            if (_umem.Frames.FreeCount < pieces)
            {
                return false;
            }
        }

        var left = packet.Length;
        var source = _umem.Memory + packet.Address;
        for (var n = 0u; n < pieces; n++)
        {
            // SAFETY: there are enough chunks; a piece is no longer than one, and the pieces together are the packet.
            _ = _umem.Frames.TryAllocate(out var address);
            var length = Math.Min(left, (uint)_umem.FrameSize);
            Unsafe.CopyBlockUnaligned(_umem.Memory + address, source, length);
            source += length;
            left -= length;
            Hold(address);
            ring.WriteDescriptor(n, new FrameDescriptor(address, length) { Options = left > 0 ? IfXdp.PacketContinues : 0 });
        }

        ring.Submit(pieces);
        _umem.Frames.Free(packet.Address);
        return true;
    }

    /// <inheritdoc/>
    public override void Reap()
    {
        _umem.CollectReturned();
        _injector?.EndRound();
        foreach (var socket in _sockets)
        {
            TakeCompletions(socket);
        }

        for (var index = 0; index < _sockets.Length; index++)
        {
            Refill(_sockets[index], ref _depths[index]);
        }

        var now = Environment.TickCount64;
        if (now >= _nextCheck)
        {
            _nextCheck = now + CheckIntervalMilliseconds;
            CheckDevice();
        }
    }

    /// <summary>Gives back what the kernel held. The sockets are closed, and the worker has given the port up.</summary>
    public void Dispose()
    {
        if (_injector is not null)
        {
            _umem.Features.Remove(_port.InterfaceIndex);
        }

        _queues?.Dispose();
        foreach (var depth in _depths)
        {
            _umem.ReleaseFill(depth.Most);
        }

        // No socket is left, so nobody else holds these chunks: neither the rings nor the kernel's own lists.
        var addresses = new List<ulong>();
        for (var chunk = 0; chunk < _held.Length; chunk++)
        {
            if (_held[chunk] != 0)
            {
                addresses.Add((ulong)chunk << _chunkShift);
            }
        }

        addresses.AddRange(_sockets.Select(socket => socket.Joiner.Abandon()).OfType<ulong>());
        _umem.ReturnFrames([.. addresses], _port.IsZeroCopy ? ZeroCopyQuarantineMilliseconds : 0);
    }

    private bool MayInject(LiveFrameInjector injector, int count) =>
        Volatile.Read(ref _mayInject) &&
        (injector.StagedCount > 0 || (count >= LiveFrameInjector.WorthwhileCount && _out.Transmit.Pending == 0));

    private int Inject(LiveFrameInjector injector, FrameDescriptor* batch, int count)
    {
        var n = 0;
        while (n < count && injector.TryStage(in batch[n]))
        {
            // The packet was copied.
            _umem.Frames.Free(batch[n++].Address);
        }

        return n;
    }

    private void TakeCompletions(XdpSocket socket)
    {
        ref var ring = ref socket.Completion;
        var count = ring.Peek(uint.MaxValue);
        for (var n = 0u; n < count; n++)
        {
            var address = ring.ReadAddress(n);
            Release(address);
            _umem.Frames.Free(address);
        }

        if (count > 0)
        {
            ring.Release(count);
        }

        if (socket.Transmit.Pending > 0 && !Volatile.Read(ref _isSendingRefused))
        {
            Flush(socket);
        }
    }

    /// <summary>
    /// Sends what stands in the TX ring. In copy mode the kernel takes at most its budget per call (32, or 256 where it let us
    /// ask for it) and fewer when the device's queue is full; so it is called again for as long as it makes progress.
    /// </summary>
    private void Flush(XdpSocket socket)
    {
        ref var ring = ref socket.Transmit;
        while (ring.NeedsWakeup)
        {
            var before = ring.Consumed;
            var error = socket.KickTransmit();
            if (error is Errno.NoDeviceOrAddress or Errno.NetworkDown or Errno.NoDevice)
            {
                NoteDevice(error);
                return;
            }

            if (ring.Pending == 0 || ring.Consumed == before)
            {
                return;
            }
        }
    }

    private void CheckDevice()
    {
        if (!_port.IsGone)
        {
            NoteDevice(_out.KickReceive());
        }

        var statistics = ReadStatistics();
        ReportLostInjections();
        var (withoutBuffer, tooLong) = (0L, 0L);
        foreach (var socket in _sockets)
        {
            withoutBuffer += socket.Joiner.WithoutBuffer;
            tooLong += socket.Joiner.TooLong;
        }

        Counters.SetReceiveLoss(statistics.Dropped + statistics.ReceiveRingFull + withoutBuffer, statistics.ReceiveInvalid + tooLong);
    }

    /// <summary>Runs that the kernel refuses are no way to send: this port goes back to the ring for good.</summary>
    private void ReportLostInjections()
    {
        var lost = _injector?.LostCount ?? 0;
        if (lost > _lostInjections)
        {
            Counters.AddSendDropped(lost - _lostInjections);
            Volatile.Write(ref _lostInjections, lost);
            Volatile.Write(ref _mayInject, false);
        }
    }

    /// <summary>
    /// Notes what a call said about the device. Only its end makes the port LINK_DOWN here: the other changes of the link come
    /// by <see cref="DevicePort.ApplyLink"/>, whose caller reports them to the controllers.
    /// </summary>
    private void NoteDevice(int error)
    {
        if (error is Errno.NoDeviceOrAddress or Errno.NoDevice)
        {
            _ = _port.ApplyRemoval();
        }

        Volatile.Write(ref _isSendingRefused, error == Errno.NetworkDown);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Hold(ulong address) => _held[(int)(address >> _chunkShift)] = 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Release(ulong address) => _held[(int)(address >> _chunkShift)] = 0;
}
