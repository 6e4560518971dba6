using System.Collections.Immutable;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Interop;

namespace Oko.Datapath.Ports;

/// <summary>
/// A network interface of the host as a port, by AF_XDP. Opened and disposed by the control thread; its lanes are used by their
/// workers in between.
/// </summary>
/// <remarks>
/// <para>One socket per RX queue. The queues are shared out among the workers in turn, so that a device with as many queues as there are
/// workers (or more) has a lane for each, and its RSS decides which worker gets a packet. The first queue of the port with number n goes to
/// worker n modulo their number, so that devices with one queue are spread over the workers.</para>
/// <para>Packets leave by the first queue of the lane they are sent by, which keeps the order of what a worker sends, unless a set-queue
/// action names a TX queue of the device: queue n of the port is TX queue n. What distinguishes those (rates, priorities) is set on the
/// device, not here.</para>
/// <para>Everything the port sets up hangs on file descriptors (sockets, BPF link, promiscuous mode), so the
/// kernel removes it when the process dies, however it dies.</para>
/// <para>A port whose device goes away stays usable: it receives and accepts nothing and says LINK_DOWN, until
/// the owner removes it.</para>
/// </remarks>
public sealed class AfXdpPort : DevicePort
{
    private readonly AfXdpResources _resources;
    private readonly ImmutableArray<AfXdpLane> _lanes;
    private bool _isDisposed;

    private AfXdpPort(AfXdpResources resources, uint number, int ringSize)
        : base(number, resources.Link, resources.TransmitQueues)
    {
        _resources = resources;
        MayCarryPartialChecksums = resources.Link.Kind.Length > 0 || resources.Driver == "virtio_net";
        IsZeroCopy = resources.Sockets.Exists(socket => socket.IsZeroCopy);
        CurrentSpeedKbps = Ethtool.ReadSpeedKbps(resources.Link.Name);
        ApplyLink(resources.Link);
        _lanes =
        [
            .. Enumerable.Range(0, resources.LaneCount).Select(lane => new AfXdpLane(
                this, [.. resources.Sockets.Where(socket => LaneOf(socket.Queue) == lane)], resources.InjectorOf(lane), ringSize)),
        ];
        Lanes = ImmutableArray<PortLane>.CastUp(_lanes);
    }

    /// <inheritdoc/>
    public override ImmutableArray<PortLane> Lanes { get; }

    /// <inheritdoc/>
    public override uint CurrentSpeedKbps { get; }

    /// <summary>Number of RX queues, each with a socket.</summary>
    public int ReceiveQueueCount => _resources.Sockets.Count;

    /// <summary>Whether the XDP program runs in the driver.</summary>
    public bool IsNative => _resources.Attachment!.IsNative;

    /// <summary>Whether device and switch share the packet memory without copying.</summary>
    public bool IsZeroCopy { get; }

    /// <inheritdoc/>
    public override string ModeText =>
        $"AF_XDP {(IsNative ? "native" : "generic")} {(IsZeroCopy ? "zero-copy" : "copy")}{(_resources.Sockets[0].IsBusyPolling ? ", busy poll" : string.Empty)}, transmit by {(IsInjecting ? "live frames" : "sendto")}";

    /// <summary>Whether large batches of all lanes now leave by BPF test runs; see <c>LiveFrameInjector</c>. News of the device reach one lane after the other.</summary>
    public bool IsInjecting => _lanes.All(lane => lane.IsInjecting);

    /// <summary>Packets that left by BPF test runs.</summary>
    public long InjectedPackets => _lanes.Sum(lane => lane.InjectedPackets);

    /// <summary>Packets of BPF test runs that the kernel refused, as far as the workers have noticed.</summary>
    public long LostInjections => _lanes.Sum(lane => lane.LostInjections);

    /// <summary>Packets dropped since the TX ring was full: they came faster than the device sends.</summary>
    public long RingFullPackets => _lanes.Sum(lane => lane.RingFullPackets);

    /// <inheritdoc/>
    /// <remarks>Virtual devices hand over what a local stack left to checksum offload; hardware completes it.</remarks>
    public override bool MayCarryPartialChecksums { get; }

    /// <summary>What the kernel counts for this port's sockets, read now. Any thread, until the port is disposed.</summary>
    public XdpStatistics ReadStatistics() => _lanes.Select(lane => lane.ReadStatistics()).Aggregate((a, b) => a + b);

    /// <summary>Opens an interface as a port. Packets arrive once its workers call <see cref="PortLane.Reap"/>.</summary>
    /// <param name="interfaceName">A name of the calling thread's network namespace.</param>
    /// <param name="number">OpenFlow port number.</param>
    /// <param name="umems">Memory of each worker, by number, at least one.</param>
    /// <param name="options">How; the defaults suit all devices.</param>
    /// <exception cref="PortOpenException">
    /// Unknown interface, used by another XDP program or socket, MTU too large for the frames, missing privilege, or a kernel
    /// without AF_XDP. The text says which, and what to do.
    /// </exception>
    public static AfXdpPort Open(string interfaceName, uint number, ImmutableArray<Umem> umems, AfXdpOptions options)
    {
        var first = (int)(number % (uint)umems.Length);
        var resources = AfXdpResources.Open(interfaceName, [.. umems[first..], .. umems[..first]], options);
        try
        {
            return new AfXdpPort(resources, number, options.RingSize);
        }
        catch
        {
            resources.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    internal override int LaneOf(int queue) => queue % _resources.LaneCount;

    /// <inheritdoc/>
    /// <remarks>What fits a chunk is left to the device to judge, as hardware often takes some more tags than its MTU says.</remarks>
    protected override int MaxPacketSizeFor(int mtu)
    {
        const int headers = 14 + (2 * 4);
        var frameSize = _resources.Sockets[0].Umem.FrameSize;
        return _resources.IsScattered ? Math.Clamp(mtu + headers, frameSize, Umem.MaxJumboPacketSize) : frameSize;
    }

    /// <inheritdoc/>
    protected override void OnRunning()
    {
        // Not yet there while the port is made.
        if (!_lanes.IsDefault)
        {
            foreach (var lane in _lanes)
            {
                lane.NoteRunning();
            }
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
        _resources.Dispose();
        foreach (var lane in _lanes)
        {
            lane.Dispose();
        }
    }
}
