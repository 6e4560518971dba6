namespace Oko.Agent.Configuration;

/// <summary>A network interface given to the switch. Immutable.</summary>
/// <param name="InterfaceName">Name of the interface, 1 to 15 bytes.</param>
/// <param name="Number">OpenFlow port number, 1 to 0xfeff, or OFPP_LOCAL.</param>
public sealed record PortOptions(string InterfaceName, uint Number)
{
    /// <summary>Highest port number that may be chosen. OpenFlow allows up to 0xffffff00 (OFPP_MAX); tools that keep numbers in
    /// 16 bits, as OpenFlow 1.0 did, read those above 0xfeff as reserved ports.</summary>
    public const uint MaxNumber = 0xfeff;

    /// <summary>Whether this is the host's own port, a TAP device that the switch makes, instead of an interface that is there.</summary>
    public bool IsLocal => Number == Oko.Datapath.Pipeline.ReservedPort.Local;

    /// <summary>Longest name the kernel takes (<c>IFNAMSIZ</c> - 1).</summary>
    public const int MaxNameLength = 15;
}
