using System.Runtime.InteropServices;
using Oko.Datapath.Interop;

namespace Oko.Datapath.AfXdp;

/// <summary>
/// One AF_XDP socket: one queue of one device, with its four rings. Opened and closed by the control thread, the
/// rings are used by the worker in between.
/// </summary>
/// <remarks>
/// <para><b>How sockets share the UMEM.</b> The first socket registers the memory (XDP_UMEM_REG). Every later one
/// binds with XDP_SHARED_UMEM and the descriptor of <em>any socket that is bound and has the UMEM</em>; it need not be the one
/// that registered it. The kernel counts references: the registration lives until the last socket that uses it is
/// closed, so there is no anchor to keep, and the port that came first may go first. (An unbound anchor socket does not
/// work: the kernel refuses to share with it, EBADF.) A socket whose device was unplugged counts as unbound.</para>
/// <para>A sharing socket inherits copy or zero-copy mode, and whether packets may take several descriptors, from the other one and may give
/// no flags of its own. So a socket shares only with sockets of the same driver and kind; for others the same memory is registered once more, which the
/// kernel allows and which makes no difference to us: addresses are offsets into the same memory.</para>
/// <para><b>After a crash.</b> The kernel closes the descriptors of a dead process but takes a queue away from its socket in
/// deferred work some milliseconds later, and refuses a new socket with EBUSY until then: the caller tries again.</para>
/// <para>Source: Linux kernel documentation, "AF_XDP"; net/xdp/xsk.c, <c>xsk_bind</c>.</para>
/// </remarks>
internal sealed unsafe class XdpSocket : IDisposable
{
    /// <summary>Room for packets on their way in copy mode; the usual 200 kB would hold 280 of them.</summary>
    private const int SendBufferBytes = 8 << 20;

    /// <summary>Packets that one <c>sendto</c> sends in copy mode, where the kernel lets us choose; else 32.</summary>
    private const int TransmitBudget = 256;

    /// <summary>Packets that one busy poll receives at most: a batch of the worker.</summary>
    private const int BusyPollBudget = 64;

    /// <summary>Most entries of the rings by which packets leave: more than one round of a worker sends.</summary>
    private const uint MaxSendingSize = 2048;

    private readonly uint _receivingSize;
    private readonly uint _sendingSize;
    private readonly int _busyPollMicroseconds;
    private readonly List<(nint Address, nuint Size)> _mappings = [];

    private ProducerRing _fill;
    private ProducerRing _transmit;
    private ConsumerRing _receive;
    private ConsumerRing _completion;

    private XdpSocket(Umem umem, LinkInfo link, string driver, int queue, bool isScattered, AfXdpOptions options)
    {
        Umem = umem;
        _receivingSize = (uint)options.RingSize;
        _sendingSize = Math.Min(_receivingSize, MaxSendingSize);
        Link = link;
        Queue = queue;
        _busyPollMicroseconds = options.BusyPollMicroseconds;
        MustCopy = options.ForceCopy || options.Mode == XdpMode.Generic;
        IsScattered = isScattered;
        SharingKey = driver + (MustCopy ? " copy" : string.Empty) + (isScattered ? " scattered" : string.Empty);
        Joiner = new JumboJoiner(umem);
    }

    /// <summary>The memory of its worker.</summary>
    internal Umem Umem { get; }

    /// <summary>The device.</summary>
    internal LinkInfo Link { get; }

    /// <summary>Sockets with the same key come to the same mode, hence may share one registration of the UMEM.</summary>
    internal string SharingKey { get; }

    /// <summary>The RX and TX queue.</summary>
    internal int Queue { get; }

    /// <summary>The file descriptor.</summary>
    internal int Handle { get; private set; } = -1;

    private bool MustCopy { get; }

    /// <summary>Whether the worker has the driver receive (<see cref="KickReceive"/>) when it finds nothing.</summary>
    internal bool IsBusyPolling => _busyPollMicroseconds > 0;

    /// <summary>Whether packets may take several descriptors.</summary>
    internal bool IsScattered { get; }

    /// <summary>Joins the pieces of such packets.</summary>
    internal JumboJoiner Joiner { get; }

    /// <summary>Whether the kernel chose zero-copy mode.</summary>
    internal bool IsZeroCopy { get; private set; }

    /// <summary>Free chunks for the kernel to receive into.</summary>
    internal ref ProducerRing Fill => ref _fill;

    /// <summary>Packets to send.</summary>
    internal ref ProducerRing Transmit => ref _transmit;

    /// <summary>Packets received.</summary>
    internal ref ConsumerRing Receive => ref _receive;

    /// <summary>Chunks of packets that were sent.</summary>
    internal ref ConsumerRing Completion => ref _completion;

    /// <summary>Opens and binds a socket.</summary>
    /// <param name="umem">The memory of the worker.</param>
    /// <param name="link">The device.</param>
    /// <param name="driver">Its driver, the criterion for sharing.</param>
    /// <param name="queue">Queue number from 0.</param>
    /// <param name="isScattered">Whether packets may take several descriptors; the kernel refuses with EINVAL before Linux 6.6.</param>
    /// <param name="options">Ring size, copy mode, busy polling.</param>
    /// <exception cref="SystemCallException">The kernel refuses; EBUSY when another socket has the queue.</exception>
    internal static XdpSocket Open(Umem umem, LinkInfo link, string driver, int queue, bool isScattered, AfXdpOptions options)
    {
        var socket = new XdpSocket(umem, link, driver, queue, isScattered, options);
        foreach (var other in umem.SocketsLike(socket.SharingKey))
        {
            try
            {
                return socket.SetUp(other.Handle);
            }
            catch (SystemCallException exception) when (exception.Error is not Errno.Busy)
            {
                // The other socket's device was unplugged: try the next, at last register anew.
            }
        }

        return socket.SetUp(-1);
    }

    /// <summary>Asks the kernel to send what stands in the TX ring; 0, or the errno.</summary>
    internal int KickTransmit() =>
        Socket.SendTo(Handle, null, 0, Socket.DoNotWait, null, 0) >= 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>
    /// Asks the kernel to take chunks from the fill ring, which zero-copy drivers need when they went to sleep without any.
    /// With busy polling it also has the driver receive what the device holds. Also tells how the device is: 0, ENETDOWN when it is down, ENXIO when it is gone.
    /// </summary>
    internal int KickReceive() =>
        Socket.Receive(Handle, null, 0, Socket.DoNotWait) >= 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>The kernel's counters of this socket; zeros when the device is gone.</summary>
    internal XdpStatistics ReadStatistics()
    {
        IfXdp.Statistics statistics = default;
        var size = (uint)sizeof(IfXdp.Statistics);
        // SAFETY: the kernel writes at most size bytes; older ones know only the first three fields.
        return Socket.GetOption(Handle, Socket.LevelXdp, IfXdp.OptionStatistics, &statistics, &size) != 0
            ? default
            : new XdpStatistics(
                (long)statistics.ReceiveDropped,
                (long)statistics.ReceiveRingFull,
                (long)statistics.FillRingEmpty,
                (long)statistics.ReceiveInvalidDescriptors,
                (long)statistics.TransmitInvalidDescriptors,
                (long)statistics.TransmitRingEmpty);
    }

    /// <summary>Closes the socket. After it the kernel reads and writes the UMEM for this socket no more (copy mode).</summary>
    public void Dispose()
    {
        if (Handle < 0)
        {
            return;
        }

        Umem.RemoveSocket(this);
        _ = Socket.Close(Handle);
        Handle = -1;
        foreach (var (address, size) in _mappings)
        {
            _ = Mman.Unmap(address, size);
        }

        _mappings.Clear();
    }

    // --- Set-up, in the order the kernel wants: UMEM, ring sizes, mappings, options, bind -----------------------------

    private XdpSocket SetUp(int shareWith)
    {
        try
        {
            Handle = SystemCallException.Check(
                Socket.Open(Socket.FamilyXdp, Socket.TypeRaw | Socket.CloseOnExec, 0), "socket(AF_XDP)");
            if (shareWith < 0)
            {
                RegisterUmem();
            }

            SetRingSize(IfXdp.OptionFillRing, _receivingSize, "XDP_UMEM_FILL_RING");
            SetRingSize(IfXdp.OptionCompletionRing, _sendingSize, "XDP_UMEM_COMPLETION_RING");
            SetRingSize(IfXdp.OptionReceiveRing, _receivingSize, "XDP_RX_RING");
            SetRingSize(IfXdp.OptionTransmitRing, _sendingSize, "XDP_TX_RING");
            MapRings();
            EaseTransmission();
            if (IsBusyPolling)
            {
                SetSocketOption(Socket.OptionPreferBusyPoll, 1, "SO_PREFER_BUSY_POLL (Linux 5.11 or newer is needed)");
                SetSocketOption(Socket.OptionBusyPoll, _busyPollMicroseconds, "SO_BUSY_POLL");
                SetSocketOption(Socket.OptionBusyPollBudget, BusyPollBudget, "SO_BUSY_POLL_BUDGET");
            }

            Bind(shareWith);
        }
        catch
        {
            Dispose();
            throw;
        }

        Umem.AddSocket(this);
        return this;
    }

    /// <summary>Both options make copy mode send better and are allowed to fail: older kernels, or no CAP_NET_ADMIN.</summary>
    private void EaseTransmission()
    {
        var budget = TransmitBudget;
        _ = Socket.SetOption(Handle, Socket.LevelXdp, IfXdp.OptionMaxTransmitBudget, &budget, sizeof(int));
        var sendBuffer = SendBufferBytes;
        _ = Socket.SetOption(Handle, Socket.LevelSocket, Socket.OptionSendBufferForce, &sendBuffer, sizeof(int));
    }

    private void SetSocketOption(int option, int value, string name) =>
        _ = SystemCallException.Check(Socket.SetOption(Handle, Socket.LevelSocket, option, &value, sizeof(int)), name);

    private void RegisterUmem()
    {
        var registration = new IfXdp.UmemRegistration
        {
            Address = (ulong)Umem.Memory,
            Length = Umem.SizeBytes,
            ChunkSize = (uint)Umem.FrameSize,
        };
        // SAFETY: the kernel pins the UMEM's pages; they stay mapped until all sockets are closed (Umem.Dispose).
        _ = SystemCallException.Check(
            Socket.SetOption(Handle, Socket.LevelXdp, IfXdp.OptionUmemRegister, &registration, (uint)sizeof(IfXdp.UmemRegistration)),
            "XDP_UMEM_REG");
    }

    private void SetRingSize(int option, uint size, string name)
    {
        _ = SystemCallException.Check(Socket.SetOption(Handle, Socket.LevelXdp, option, &size, sizeof(uint)), name);
    }

    private void MapRings()
    {
        IfXdp.MmapOffsets offsets = default;
        var size = (uint)sizeof(IfXdp.MmapOffsets);
        _ = SystemCallException.Check(
            Socket.GetOption(Handle, Socket.LevelXdp, IfXdp.OptionMmapOffsets, &offsets, &size), "XDP_MMAP_OFFSETS");
        if (size != sizeof(IfXdp.MmapOffsets))
        {
            throw new SystemCallException("XDP_MMAP_OFFSETS (Linux 5.4 or newer is needed)", Errno.InvalidArgument);
        }

        // SAFETY: the offsets are the kernel's own for the mapping of that ring, and the mapping is as long as its last entry.
        var at = MapRing(IfXdp.PageOffsetFillRing, offsets.Fill, _receivingSize, sizeof(ulong));
        _fill = new ProducerRing(Counter(at, offsets.Fill.Producer), Counter(at, offsets.Fill.Consumer), Counter(at, offsets.Fill.Flags),
            at + offsets.Fill.Descriptors, _receivingSize);
        at = MapRing(IfXdp.PageOffsetCompletionRing, offsets.Completion, _sendingSize, sizeof(ulong));
        _completion = new ConsumerRing(Counter(at, offsets.Completion.Producer), Counter(at, offsets.Completion.Consumer),
            at + offsets.Completion.Descriptors, _sendingSize);
        at = MapRing(IfXdp.PageOffsetReceiveRing, offsets.Receive, _receivingSize, sizeof(FrameDescriptor));
        _receive = new ConsumerRing(Counter(at, offsets.Receive.Producer), Counter(at, offsets.Receive.Consumer),
            at + offsets.Receive.Descriptors, _receivingSize);
        at = MapRing(IfXdp.PageOffsetTransmitRing, offsets.Transmit, _sendingSize, sizeof(FrameDescriptor));
        _transmit = new ProducerRing(Counter(at, offsets.Transmit.Producer), Counter(at, offsets.Transmit.Consumer),
            Counter(at, offsets.Transmit.Flags), at + offsets.Transmit.Descriptors, _sendingSize);
    }

    private byte* MapRing(long pageOffset, IfXdp.RingOffset offsets, uint entries, int entrySize)
    {
        var size = (nuint)offsets.Descriptors + (entries * (nuint)entrySize);
        var address = Mman.Map(0, size, Mman.ProtectRead | Mman.ProtectWrite, Mman.MapShared | Mman.MapPopulate, Handle, pageOffset);
        if (address == Mman.MapFailed)
        {
            throw new SystemCallException("mmap of an AF_XDP ring", Marshal.GetLastPInvokeError());
        }

        _mappings.Add((address, size));
        return (byte*)address;
    }

    private static uint* Counter(byte* ring, ulong offset) => (uint*)(ring + offset);

    private void Bind(int shareWith)
    {
        var address = new IfXdp.SocketAddress
        {
            Family = Socket.FamilyXdp,
            InterfaceIndex = Link.Index,
            QueueId = (uint)Queue,
        };
        if (shareWith >= 0)
        {
            address.Flags = IfXdp.SharedUmem;
            address.SharedUmemHandle = (uint)shareWith;
        }
        else
        {
            // Neither copy nor zero-copy asked for: the kernel takes zero-copy where the driver has it.
            address.Flags = (ushort)(IfXdp.UseNeedWakeup | (MustCopy ? IfXdp.Copy : 0) | (IsScattered ? IfXdp.UseScatterGather : 0));
        }

        _ = SystemCallException.Check(Socket.Bind(Handle, &address, (uint)sizeof(IfXdp.SocketAddress)), $"bind(AF_XDP, queue {Queue})");
        IfXdp.Options chosen = default;
        var size = (uint)sizeof(IfXdp.Options);
        if (Socket.GetOption(Handle, Socket.LevelXdp, IfXdp.OptionOptions, &chosen, &size) == 0)
        {
            IsZeroCopy = (chosen.Flags & IfXdp.OptionsZeroCopy) != 0;
        }
    }
}
