using Oko.Datapath.Ports;

namespace Oko.Datapath.Interop;

/// <summary>What the kernel says about one network interface. An immutable copy: usable on any thread.</summary>
/// <param name="Index">Interface index, 1 or more; never reused soon, so a new device of the same name differs.</param>
/// <param name="Name">Interface name, at most 15 characters.</param>
public sealed record LinkInfo(uint Index, string Name)
{
    /// <summary>Ethernet address; zero for interfaces without one.</summary>
    public MacAddress HardwareAddress { get; init; }

    /// <summary>Largest network-layer packet in bytes, without the Ethernet header.</summary>
    public int Mtu { get; init; }

    /// <summary>Whether an administrator has set it up (IFF_UP).</summary>
    public bool IsEnabled { get; init; }

    /// <summary>Whether it is up and has a carrier (IFF_UP and IFF_LOWER_UP): packets can flow.</summary>
    public bool IsRunning { get; init; }

    /// <summary>IFLA_INFO_KIND: <c>veth</c>, <c>tun</c>, <c>bridge</c> ...; empty for hardware.</summary>
    public string Kind { get; init; } = string.Empty;

    /// <summary>Id of the XDP program attached to it, as in <c>bpftool prog show id N</c>; 0 if there is none.</summary>
    public uint XdpProgramId { get; init; }
}
