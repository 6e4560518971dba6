using System.Runtime.CompilerServices;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Interop;

namespace Oko.Datapath.Ports;

/// <summary>
/// A network interface of the host as a port, by AF_XDP. Opened and disposed by the control thread, used by one worker in
/// between.
/// </summary>
/// <remarks>
/// <para>One socket per RX queue; <see cref="Receive"/> asks them in turn. Packets leave by the TX ring of queue 0, which keeps
/// their order, unless a set-queue action names another TX queue of the device: queue n of the port is TX queue n. What
/// distinguishes those (rates, priorities) is set on the device, not here. On veth, batches of queue 0 with 24 packets and more leave by BPF test runs instead (<c>LiveFrameInjector</c>), when the other
/// end takes them and the TX ring is empty.</para>
/// <para>Everything the port sets up hangs on file descriptors (sockets, BPF link, promiscuous mode), so the
/// kernel removes it when the process dies, however it dies.</para>
/// <para>A port whose device goes away stays usable: it receives and accepts nothing and says LINK_DOWN, until
/// the owner removes it.</para>
/// </remarks>
public sealed unsafe class AfXdpPort : DevicePort
{
    private const int CheckIntervalMilliseconds = 250;

    /// <summary>How long a device in zero-copy mode may write into chunks of a closed socket, with a wide margin.</summary>
    private const int ZeroCopyQuarantineMilliseconds = 2000;

    private readonly Umem _umem;
    private readonly AfXdpResources _resources;
    private readonly XdpSocket[] _sockets;
    private readonly XdpSocket _out;
    private readonly LiveFrameInjector? _injector;
    private readonly int _chunkShift;
    private readonly int[] _fillTargets;

    /// <summary>Per chunk: 1 while it is in the kernel's hands through this port, so that none is lost when it closes.</summary>
    private readonly byte[] _held;

    /// <summary>All sockets behind one descriptor; null when there is one socket.</summary>
    private readonly Epoll? _queues;

    private int _nextQueue;
    private long _nextCheck;

    /// <summary>The device refused to send since it is down; asked again four times a second, and when the link comes up.</summary>
    private bool _isSendingRefused;
    private bool _mayInject;
    private long _lostInjections;
    private long _ringFullPackets;
    private bool _isDisposed;

    private AfXdpPort(AfXdpResources resources, uint number, Umem umem, int ringSize)
        : base(number, resources.Link, resources.TransmitQueues)
    {
        _umem = umem;
        _resources = resources;
        _sockets = [.. resources.Sockets];
        _out = _sockets[0];
        _queues = _sockets.Length > 1 ? new Epoll(_sockets.Select(socket => socket.Handle)) : null;
        _chunkShift = System.Numerics.BitOperations.Log2((uint)umem.FrameSize);
        _held = GC.AllocateArray<byte>(umem.FrameCount, pinned: true);
        _fillTargets = [.. _sockets.Select(_ => umem.ReserveFill(ringSize))];
        CurrentSpeedKbps = Ethtool.ReadSpeedKbps(resources.Link.Name);
        ApplyLink(resources.Link);
        _injector = resources.Injector;
        if (_injector is not null)
        {
            umem.Features.Add(InterfaceIndex, allowed => Volatile.Write(ref _mayInject, allowed));
        }
    }

    /// <inheritdoc/>
    public override uint CurrentSpeedKbps { get; }

    /// <summary>Number of RX queues, each with a socket.</summary>
    public int QueueCount => _sockets.Length;

    /// <summary>Whether the XDP program runs in the driver.</summary>
    public bool IsNative => _resources.Attachment!.IsNative;

    /// <summary>Whether device and switch share the packet memory without copying.</summary>
    public bool IsZeroCopy { get; private init; }

    /// <inheritdoc/>
    public override string ModeText =>
        $"AF_XDP {(IsNative ? "native" : "generic")} {(IsZeroCopy ? "zero-copy" : "copy")}, transmit by {(IsInjecting ? "live frames" : "sendto")}";

    /// <summary>Whether large batches now leave by BPF test runs; see <c>LiveFrameInjector</c>.</summary>
    public bool IsInjecting => _injector is not null && Volatile.Read(ref _mayInject);

    /// <summary>Packets that left by BPF test runs.</summary>
    public long InjectedPackets => _injector?.InjectedCount ?? 0;

    /// <summary>Packets of BPF test runs that the kernel refused, as far as the worker has noticed.</summary>
    public long LostInjections => Volatile.Read(ref _lostInjections);

    /// <summary>Packets dropped since the TX ring was full: they came faster than the device sends.</summary>
    public long RingFullPackets => Volatile.Read(ref _ringFullPackets);

    /// <inheritdoc/>
    /// <remarks>Virtual devices hand over what a local stack left to checksum offload; hardware completes it.</remarks>
    public override bool MayCarryPartialChecksums => _resources.Link.Kind.Length > 0 || _resources.Driver == "virtio_net";

    /// <inheritdoc/>
    public override int PollHandle => IsGone ? -1 : _queues?.Handle ?? _out.Handle;

    /// <summary>What the kernel counts for this port's sockets, read now. Any thread, until the port is disposed.</summary>
    public XdpStatistics ReadStatistics()
    {
        var sum = default(XdpStatistics);
        foreach (var socket in _sockets)
        {
            sum += socket.ReadStatistics();
        }

        return sum;
    }

    /// <summary>Opens an interface as a port. Packets arrive once a worker calls <see cref="Reap"/>.</summary>
    /// <param name="interfaceName">A name of the calling thread's network namespace.</param>
    /// <param name="number">OpenFlow port number.</param>
    /// <param name="umem">Memory of the worker that will own the port.</param>
    /// <param name="options">How; the defaults suit all devices.</param>
    /// <exception cref="PortOpenException">
    /// Unknown interface, used by another XDP program or socket, MTU too large for the frames, missing privilege, or a kernel
    /// without AF_XDP. The text says which, and what to do.
    /// </exception>
    public static AfXdpPort Open(string interfaceName, uint number, Umem umem, AfXdpOptions options)
    {
        var resources = AfXdpResources.Open(interfaceName, umem, options);
        try
        {
            return new AfXdpPort(resources, number, umem, options.RingSize) { IsZeroCopy = resources.Sockets.Exists(socket => socket.IsZeroCopy) };
        }
        catch
        {
            resources.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    protected override void OnRunning() => Volatile.Write(ref _isSendingRefused, false);

    // --- The worker's part ------------------------------------------------------------------------------------------

    /// <inheritdoc/>
    public override int Receive(FrameDescriptor* batch, int capacity)
    {
        var received = 0;
        var queue = _nextQueue;
        for (var asked = 0; asked < _sockets.Length && received < capacity; asked++)
        {
            received += ReceiveFrom(ref _sockets[queue].Receive, batch + received, (uint)(capacity - received));
            queue = queue + 1 == _sockets.Length ? 0 : queue + 1;
        }

        // The queue that came first goes last in the next round, so that a busy one cannot starve the others.
        _nextQueue = _nextQueue + 1 >= _sockets.Length ? 0 : _nextQueue + 1;
        return received;
    }

    /// <inheritdoc/>
    public override int Transmit(int queue, FrameDescriptor* batch, int count)
    {
        if (Volatile.Read(ref _isSendingRefused) || IsGone)
        {
            return 0;
        }

        if (queue != 0)
        {
            return TransmitByRing(_sockets[queue], batch, count);
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
        ref var ring = ref socket.Transmit;
        var accepted = ring.Reserve((uint)count);
        if (accepted < (uint)count)
        {
            // Full: send what is there, then offer the room that this made.
            Flush(socket);
            accepted = ring.Reserve((uint)count);
            Volatile.Write(ref _ringFullPackets, _ringFullPackets + count - accepted);
        }

        for (var n = 0u; n < accepted; n++)
        {
            var descriptor = batch[n];
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

    /// <inheritdoc/>
    public override void Reap()
    {
        _umem.CollectReturned();
        _injector?.EndRound();
        for (var queue = 0; queue < Queues.Length; queue++)
        {
            TakeCompletions(_sockets[queue]);
        }

        for (var index = 0; index < _sockets.Length; index++)
        {
            Refill(_sockets[index], _fillTargets[index]);
        }

        var now = Environment.TickCount64;
        if (now >= _nextCheck)
        {
            _nextCheck = now + CheckIntervalMilliseconds;
            CheckDevice();
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        _ = ApplyRemoval();
        if (_injector is not null)
        {
            _umem.Features.Remove(InterfaceIndex);
        }

        _queues?.Dispose();
        _resources.Dispose();
        foreach (var granted in _fillTargets)
        {
            _umem.ReleaseFill(granted);
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

        _umem.ReturnFrames([.. addresses], IsZeroCopy ? ZeroCopyQuarantineMilliseconds : 0);
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

    private int ReceiveFrom(ref ConsumerRing ring, FrameDescriptor* batch, uint capacity)
    {
        var count = ring.Peek(capacity);
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
        if (!IsGone)
        {
            NoteDevice(_out.KickReceive());
        }

        var statistics = ReadStatistics();
        ReportLostInjections();
        Counters.SetReceiveLoss(statistics.Dropped + statistics.ReceiveRingFull, statistics.ReceiveInvalid);
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
            _ = ApplyRemoval();
        }

        Volatile.Write(ref _isSendingRefused, error == Errno.NetworkDown);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Hold(ulong address) => _held[(int)(address >> _chunkShift)] = 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Release(ulong address) => _held[(int)(address >> _chunkShift)] = 0;
}
