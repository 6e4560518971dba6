using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Oko.Datapath.Ports;

namespace Oko.Agent.Configuration;

/// <summary>The datapath id of a switch that was given none: the same after each start on the same machine.</summary>
public static class DatapathIdentity
{
    private const string MachineIdPath = "/etc/machine-id";

    /// <summary>The hardware address of the first port in the low 48 bits; without a port 64 bits that depend on the machine and the
    /// management socket. Source: OpenFlow 1.3.5, 7.3.1 "Handshake": the low 48 bits are a MAC address.</summary>
    public static ulong Derive(MacAddress? firstPort, string managementPath)
    {
        if (firstPort is { Value: not 0 } address)
        {
            return address.Value;
        }

        var machine = File.Exists(MachineIdPath) ? File.ReadAllText(MachineIdPath).Trim() : Environment.MachineName;
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"oko {machine} {managementPath}"));
        return BinaryPrimitives.ReadUInt64BigEndian(hash) | 1;
    }
}
