using Oko.Datapath.AfXdp;
using Oko.Datapath.Interop;

namespace Oko.Datapath.Ports;

/// <summary>A port that is a network interface of the host. <see cref="ApplyLink"/> and <see cref="ApplyRemoval"/> may be called by
/// any thread.</summary>
public abstract class DevicePort : Port
{
    private bool _isGone;

    /// <summary>Names the port after its interface.</summary>
    protected DevicePort(uint number, LinkInfo link, int queueCount = 1)
        : base(number, link.Name, link.HardwareAddress, queueCount)
    {
        InterfaceIndex = link.Index;
    }

    /// <summary>Interface index: tells a device from its successor of the same name.</summary>
    public uint InterfaceIndex { get; }

    /// <summary>Whether the device went away: it neither receives nor sends any more.</summary>
    protected internal bool IsGone => Volatile.Read(ref _isGone);

    /// <summary>Takes over the state of the link, as a <see cref="LinkWatcher"/> reports it.</summary>
    /// <param name="link">The link; ignored unless it has the index of this port's device.</param>
    /// <returns>True when <see cref="Port.StateBits"/> changed.</returns>
    public bool ApplyLink(LinkInfo link)
    {
        if (link.Index != InterfaceIndex)
        {
            return false;
        }

        MaxPacketSize = MaxPacketSizeFor(link.Mtu);
        if (link.IsRunning)
        {
            OnRunning();
        }

        var before = StateBits;
        StateBits = link.IsRunning && !IsGone ? StateLive : StateLinkDown;
        return StateBits != before;
    }

    /// <summary>The device was removed: the port stays down for good.</summary>
    /// <returns>True when <see cref="Port.StateBits"/> changed.</returns>
    public bool ApplyRemoval()
    {
        Volatile.Write(ref _isGone, true);
        var before = StateBits;
        StateBits = StateLinkDown;
        return StateBits != before;
    }

    /// <summary>Longest packet that the port takes while its device has this MTU.</summary>
    protected virtual int MaxPacketSizeFor(int mtu) => Umem.MaxJumboPacketSize;

    /// <summary>The link is up: what it refused before it may now take.</summary>
    protected virtual void OnRunning()
    {
    }
}
