using Oko.Agent.Ports;
using Oko.Agent.Rules;
using Oko.Datapath.Ports;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Controllers;

/// <summary>Carries out port-mods. Control thread only.</summary>
/// <remarks>Source: OpenFlow 1.3.5, 7.3.4.3 "Port Modification Message". The interface itself is left as it is: a port that is
/// configured down neither receives nor sends, the link below it stays up.</remarks>
internal sealed class PortModHandler(RuleManager rules, SwitchPorts ports)
{
    private const PortConfig Known = PortConfig.PortDown | PortConfig.NoRecv | PortConfig.NoFwd | PortConfig.NoPacketIn;

    /// <summary>Carries out one port-mod; subscribers of the ports hear of it when it changes something.</summary>
    /// <exception cref="OpenFlowErrorException">PortModFailed; nothing has changed.</exception>
    public void Apply(PortMod mod)
    {
        var port = ports.Find(mod.Port.Value)
            ?? throw Failed(PortModFailedCode.BadPort, $"port {mod.Port}: there is no such port");
        if (mod.HardwareAddress != port.HardwareAddress.Value)
        {
            throw Failed(PortModFailedCode.BadHwAddr, $"port {mod.Port}: its address is {port.HardwareAddress}, not {new MacAddress(mod.HardwareAddress)}");
        }

        if ((mod.Mask & ~Known) != 0)
        {
            throw Failed(PortModFailedCode.BadConfig, $"port {mod.Port}: config bits 0x{(uint)(mod.Mask & ~Known):x} are unknown; allowed are PORT_DOWN, NO_RECV, NO_FWD and NO_PACKET_IN");
        }

        var features = PortRecords.Describe(port).Advertised;
        if (mod.Advertise != PortFeatures.None && mod.Advertise != features)
        {
            throw Failed(PortModFailedCode.BadAdvertise, $"port {mod.Port}: what it advertises is set on its interface (ethtool), not here");
        }

        var updated = (port.ConfigBits & ~(uint)mod.Mask) | (uint)(mod.Config & mod.Mask);
        if (updated != port.ConfigBits)
        {
            rules.SetPortConfig(port, updated, () => ports.ReportModified(port));
        }
    }

    private static OpenFlowErrorException Failed(PortModFailedCode code, string detail) => new(ErrorType.PortModFailed, (ushort)code, detail);
}
