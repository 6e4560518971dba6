using Oko.Datapath.Ports;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;

namespace Oko.Agent.Controllers;

/// <summary>Ports in the words of OpenFlow. Control thread only.</summary>
/// <remarks>Source: OpenFlow 1.3.5, 7.2.1 "Port Structures" and 7.3.5.6 "Port Statistics".</remarks>
internal sealed class PortRecords
{
    private readonly Dictionary<uint, long> _openedAt = [];

    /// <summary>A port is there from now on.</summary>
    public void Open(Port port) => _openedAt[port.Number] = Oko.Datapath.Workers.Datapath.NowNanoseconds;

    /// <summary><c>struct ofp_port</c> of a port.</summary>
    public static PortDescription Describe(Port port) => new()
    {
        Number = new PortNumber(port.Number),
        HardwareAddress = port.HardwareAddress.Value,
        Name = port.Name,
        Config = (PortConfig)port.ConfigBits,
        State = (PortState)port.StateBits,
        Current = SpeedOf(port.CurrentSpeedKbps),
        CurrentSpeedKbps = port.CurrentSpeedKbps,
        MaxSpeedKbps = port.CurrentSpeedKbps,
    };

    /// <summary>Statistics of a port; what the interface does not count is 0.</summary>
    public PortStatsEntry Measure(Port port)
    {
        var counters = port.Counters;
        return new PortStatsEntry
        {
            Port = new PortNumber(port.Number),
            ReceivedPackets = (ulong)counters.ReceivedPackets,
            SentPackets = (ulong)counters.SentPackets,
            ReceivedBytes = (ulong)counters.ReceivedBytes,
            SentBytes = (ulong)counters.SentBytes,
            ReceiveDropped = (ulong)counters.ReceiveDropped,
            SendDropped = (ulong)counters.SendDropped,
            ReceiveErrors = (ulong)counters.ReceiveErrors,
            Duration = AgeOf(port),
        };
    }

    private TimeSpan AgeOf(Port port) => _openedAt.TryGetValue(port.Number, out var openedAt)
        ? TimeSpan.FromTicks((Oko.Datapath.Workers.Datapath.NowNanoseconds - openedAt) / TimeSpan.NanosecondsPerTick)
        : TimeSpan.Zero;

    private static PortFeatures SpeedOf(uint kbps) => kbps switch
    {
        0 => PortFeatures.None,
        10_000 => PortFeatures.Speed10MbFd,
        100_000 => PortFeatures.Speed100MbFd,
        1_000_000 => PortFeatures.Speed1GbFd,
        10_000_000 => PortFeatures.Speed10GbFd,
        40_000_000 => PortFeatures.Speed40GbFd,
        100_000_000 => PortFeatures.Speed100GbFd,
        1_000_000_000 => PortFeatures.Speed1TbFd,
        _ => PortFeatures.Other,
    };
}
