using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Oko.Datapath.AfXdp;
using Oko.Datapath.Interop;

namespace Oko.Datapath.Ports;

/// <summary>
/// The host's own port (OFPP_LOCAL): a TAP device by which the host's network stack is one more neighbour of the switch. Opened and
/// disposed by the control thread, used by one worker in between.
/// </summary>
/// <remarks>One system call for each packet: it is for the host's own traffic (management, routing protocols), not for forwarding.
/// The device lives as long as the process, however that dies.</remarks>
public sealed unsafe class TapPort : DevicePort
{
    private const int EthernetBytes = 14, VlanBytes = 4;

    private readonly int _handle;
    private volatile int _mtu;
    private bool _isDisposed;

    private TapPort(int handle, LinkInfo link, uint number, Umem umem)
        : base(number, link)
    {
        _handle = handle;
        Lanes = [new TapLane(this, umem)];
        ApplyLink(link);
    }

    /// <inheritdoc/>
    public override string ModeText => "TAP of the host";

    /// <inheritdoc/>
    public override ImmutableArray<PortLane> Lanes { get; }

    /// <summary>Makes the device, sets it up and opens it as a port.</summary>
    /// <param name="interfaceName">Name of the device in the calling thread's network namespace; no interface may have it.</param>
    /// <param name="number">OpenFlow port number.</param>
    /// <param name="umem">Memory of the worker that will own the port.</param>
    /// <exception cref="PortOpenException">The name is taken, a privilege or the driver is missing. The text says what to do.</exception>
    public static TapPort Open(string interfaceName, uint number, Umem umem)
    {
        if (LinkWatcher.Find(interfaceName) is not null)
        {
            throw new PortOpenException(interfaceName,
                $"interface {interfaceName} exists already, and the local port is made anew; choose another name, or remove it with `ip link del {interfaceName}`");
        }

        int handle;
        try
        {
            handle = Tun.Open(interfaceName);
        }
        catch (SystemCallException exception)
        {
            throw new PortOpenException(interfaceName, $"local port {interfaceName} cannot be made: {exception.Message}" + exception.Error switch
            {
                Errno.OperationNotPermitted or Errno.AccessDenied => "; it needs root, or the capability NET_ADMIN",
                Errno.NoEntry or Errno.NoDevice or Errno.NoDeviceOrAddress => "; load the driver with `modprobe tun`",
                Errno.InvalidArgument or Errno.Busy => "; choose another name for it",
                _ => string.Empty,
            });
        }

        if (LinkWatcher.Find(interfaceName) is { } link)
        {
            return new TapPort(handle, link, number, umem);
        }

        _ = Socket.Close(handle);
        throw new PortOpenException(interfaceName, $"local port {interfaceName} was removed while it was made; try again");
    }

    /// <inheritdoc/>
    protected override int MaxPacketSizeFor(int mtu)
    {
        _mtu = mtu;
        return base.MaxPacketSizeFor(mtu);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            _ = ApplyRemoval();
            _ = Socket.Close(_handle);
        }
    }

    private sealed class TapLane(TapPort port, Umem umem) : PortLane(port, umem)
    {
        private long _receiveErrors;

        public override int PollHandle => port.IsGone ? -1 : port._handle;

        public override int Receive(FrameDescriptor* batch, int capacity)
        {
            var count = 0;
            var largest = port._mtu + EthernetBytes + VlanBytes < Umem.MaxPacketSize ? Umem.MaxPacketSize : Umem.MaxJumboPacketSize;
            while (count < capacity && !port.IsGone && Umem.TryAllocate(Umem.Headroom + largest, out var address))
            {
                var data = address + Umem.Headroom;
                // SAFETY: the frame has so many bytes behind its headroom, and the kernel writes no more than it is told.
                var size = Tun.Read(port._handle, Umem.Memory + data, (nuint)largest);
                if (size > 0 && size < largest)
                {
                    batch[count++] = new FrameDescriptor { Address = data, Length = (uint)size };
                    continue;
                }

                Umem.Frames.Free(address);
                if (size <= 0)
                {
                    break;
                }

                // It filled the frame, so it may have been cut: the device's MTU is above what a frame holds.
                Counters.SetReceiveLoss(0, ++_receiveErrors);
            }

            return count;
        }

        public override int Transmit(int queue, FrameDescriptor* batch, int count)
        {
            var sent = 0;
            for (; sent < count && !port.IsGone; sent++)
            {
                // SAFETY: the descriptor names a packet within one frame of the UMEM.
                if (Tun.Write(port._handle, Umem.Memory + batch[sent].Address, batch[sent].Length) < 0)
                {
                    break;
                }

                Umem.Frames.Free(batch[sent].Address);
            }

            return sent;
        }

        public override void Reap()
        {
        }
    }
}
