using System.Collections.Immutable;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Oko.Datapath.Interop;
using Oko.Datapath.Ports;

namespace Oko.Datapath.AfXdp;

/// <summary>
/// What a port holds of the kernel: a socket per queue, the redirect program and its link, promiscuous mode. Opened and
/// closed by the control thread, in an order in which each step finds what it needs.
/// </summary>
/// <remarks>
/// Sockets come first and go into the map, then the program is attached: from its first packet on it finds
/// them. Errors become texts for people here, since only here it is known what was tried on which interface.
/// </remarks>
internal sealed unsafe class AfXdpResources : IDisposable
{
    /// <summary>What a frame has beside a packet of the MTU: an Ethernet header and a VLAN tag.</summary>
    private const int FrameOverhead = 14 + 4;

    private static readonly TimeSpan BusyPatience = TimeSpan.FromSeconds(1);

    private InjectMap? _injectMap;
    private RedirectProgram? _program;
    private LiveFrameInjector[] _injectors = [];
    private int _promiscuous = -1;

    private AfXdpResources(LinkInfo link, string driver)
    {
        Link = link;
        Driver = driver;
    }

    /// <summary>The interface as it was when opened.</summary>
    internal LinkInfo Link { get; }

    /// <summary>Its driver; empty if unknown.</summary>
    internal string Driver { get; }

    /// <summary>One per RX queue, by number.</summary>
    internal List<XdpSocket> Sockets { get; } = [];

    /// <summary>Whether packets may take several chunks: the MTU is too large for one.</summary>
    internal bool IsScattered { get; private init; }

    /// <summary>How many of the sockets can send: as many as the device has TX queues.</summary>
    internal int TransmitQueues { get; private set; } = 1;

    /// <summary>The program on the device.</summary>
    internal XdpAttachment? Attachment { get; private set; }

    /// <summary>Workers that have a lane: each has a queue that it can send by.</summary>
    internal int LaneCount { get; private set; } = 1;

    /// <summary>What sends a lane's packets by test runs; null where the TX ring is the better or the only way.</summary>
    internal LiveFrameInjector? InjectorOf(int lane) => _injectors.Length == 0 ? null : _injectors[lane];

    /// <summary>Opens all of it. The n-th memory is that of the n-th lane.</summary>
    /// <exception cref="PortOpenException">Something is in the way; nothing is left open.</exception>
    internal static AfXdpResources Open(string name, ImmutableArray<Umem> umems, AfXdpOptions options)
    {
        var umem = umems[0];
        var link = LinkWatcher.Find(name) ?? throw new PortOpenException(name,
            $"interface {name} does not exist in this network namespace; `ip link` lists those that do");
        if (link.Mtu > Umem.MaxJumboPacketSize - FrameOverhead)
        {
            throw new PortOpenException(name,
                $"interface {name} has MTU {link.Mtu}, but the switch takes at most {Umem.MaxJumboPacketSize - FrameOverhead}; " +
                $"lower it with `ip link set {name} mtu 9000`");
        }

        var largest = umem.MaxPacketSize - FrameOverhead;
        var resources = new AfXdpResources(link, Ethtool.ReadDriver(name)) { IsScattered = link.Mtu > largest };
        try
        {
            resources.OpenAll(umems, options);
            return resources;
        }
        catch (SystemCallException exception)
        {
            resources.Dispose();
            // What kernels say that do not know packets of several buffers.
            throw new PortOpenException(name, resources.IsScattered && exception.Error == Errno.InvalidArgument
                ? ExplainMtu(link, umem.FrameSize, largest)
                : Explain(link, exception));
        }
        catch
        {
            resources.Dispose();
            throw;
        }
    }

    /// <summary>Why an MTU that takes packets of several chunks is refused before Linux 6.6.</summary>
    internal static string ExplainMtu(LinkInfo link, int frameSize, int largest) =>
        $"interface {link.Name} has MTU {link.Mtu}, but frames of {frameSize} bytes hold at most {largest}; " +
        $"lower it with `ip link set {link.Name} mtu {Math.Min(largest, 1500)}`" +
        (frameSize < 4096 ? " or use frames of 4096 bytes" : string.Empty);

    /// <inheritdoc/>
    public void Dispose()
    {
        Attachment?.Dispose();
        _program?.Dispose();
        foreach (var socket in Sockets)
        {
            socket.Dispose();
        }

        _injectMap?.Dispose();
        if (_promiscuous >= 0)
        {
            _ = Socket.Close(_promiscuous);
            _promiscuous = -1;
        }
    }

    private void OpenAll(ImmutableArray<Umem> umems, AfXdpOptions options)
    {
        var (queues, sending) = Ethtool.ReadQueues(Link.Name);
        TransmitQueues = Math.Min(queues, sending);
        LaneCount = Math.Min(umems.Length, TransmitQueues);
        _program = LoadProgram(queues, options);
        for (var queue = 0; queue < queues; queue++)
        {
            var number = queue;
            var socket = WhenFree(() => XdpSocket.Open(umems[number % LaneCount], Link, Driver, number, IsScattered, options));
            Sockets.Add(socket);
            _program.SetSocket(socket);
        }

        Attachment = WhenFree(() => XdpAttachment.Attach(_program, Link, options.Mode));
        if (_injectMap is not null && Attachment.IsNative)
        {
            _injectors = [.. Enumerable.Range(0, LaneCount).Select(lane => new LiveFrameInjector(_injectMap, lane, _program, umems[lane]))];
        }

        BecomePromiscuous();
    }

    /// <summary>Waits up to a second for what a process that just died still holds.</summary>
    private static T WhenFree<T>(Func<T> open)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return open();
            }
            catch (SystemCallException exception)
                when (exception.Error is Errno.Busy or Errno.Exists && Stopwatch.GetElapsedTime(started) < BusyPatience)
            {
                Thread.Sleep(10);
            }
        }
    }

    /// <summary>On veth with the part that injects, if this kernel has what it needs (Linux 5.18).</summary>
    private RedirectProgram LoadProgram(int queues, AfXdpOptions options)
    {
        if (options is { Transmit: TransmitMode.Automatic, Mode: not XdpMode.Generic } && Driver == "veth")
        {
            try
            {
                _injectMap = new InjectMap(LaneCount);
                return new RedirectProgram(queues, Link.Index, _injectMap, IsScattered);
            }
            catch (SystemCallException)
            {
                // The plain program below does without; if the reason was another one, it says so.
                _injectMap?.Dispose();
                _injectMap = null;
            }
        }

        return new RedirectProgram(queues, Link.Index, null, IsScattered);
    }

    /// <summary>A switch takes frames for any address. Bound to a descriptor, so it ends with the process.</summary>
    private void BecomePromiscuous()
    {
        _promiscuous = SystemCallException.Check(
            Socket.Open(Socket.FamilyPacket, Socket.TypeRaw | Socket.CloseOnExec, 0), "socket(AF_PACKET)");
        var membership = new Socket.PacketMembership
        {
            InterfaceIndex = (int)Link.Index,
            Type = Socket.PacketMembership.Promiscuous,
        };
        // SAFETY: the kernel copies the structure, whose size is given.
        _ = SystemCallException.Check(
            Socket.SetOption(_promiscuous, Socket.LevelPacket, Socket.OptionPacketAddMembership, &membership, (uint)sizeof(Socket.PacketMembership)),
            "PACKET_ADD_MEMBERSHIP");
    }

    private static string Explain(LinkInfo link, SystemCallException exception)
    {
        var what = $"interface {link.Name} cannot be opened: {exception.Message}";
        return exception.Error switch
        {
            Errno.Busy or Errno.Exists => what + ExplainBusy(link),
            Errno.OperationNotPermitted or Errno.AccessDenied =>
                what + "; AF_XDP needs root, or the capabilities NET_ADMIN, NET_RAW, BPF and IPC_LOCK",
            Errno.NoAddressFamily => what + "; this kernel is built without AF_XDP (CONFIG_XDP_SOCKETS)",
            Errno.NoBufferSpace => what + "; the packet memory exceeds the limit of locked memory (`ulimit -l`, LimitMEMLOCK= of systemd)",
            Errno.NetworkDown => what + $"; set it up with `ip link set {link.Name} up`",
            Errno.OutOfRange => what + $"; its MTU {link.Mtu} is too large for XDP, lower it with `ip link set {link.Name} mtu 1500`",
            Errno.NotSupported => what + "; the driver lacks this mode, leave the choice to the switch",
            Errno.NoDevice => what + "; it was removed meanwhile",
            _ => what,
        };
    }

    private static string ExplainBusy(LinkInfo link)
    {
        var program = LinkWatcher.Find(link.Name)?.XdpProgramId ?? 0;
        return program == 0
            ? "; another process has an AF_XDP socket on it (`ss --xdp -p` shows which): end that process"
            : $"; XDP program {program} is attached to it (`bpftool prog show id {program}` tells whose): end its owner, " +
              $"or take it off with `ip link set {link.Name} xdp off`";
    }
}
