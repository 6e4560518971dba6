using System.Runtime.InteropServices;
using System.Text;

namespace Oko.Datapath.Interop;

/// <summary>
/// Facts about a device by the <c>SIOCETHTOOL</c> call of <c>linux/ethtool.h</c>. Every question may be refused by a
/// driver; the answer is then the stated default. Stateless: usable on any thread, in that thread's namespace.
/// </summary>
internal static unsafe class Ethtool
{
    private const nuint RequestEthtool = 0x8946;
    private const uint GetSettings = 0x1, GetDriverInformation = 0x3, GetChannels = 0x3c;
    private const int NameSize = 16;

    /// <summary><c>struct ifreq</c> with <c>ifr_data</c>, 40 bytes.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 40)]
    internal struct InterfaceRequest
    {
        [FieldOffset(0)] internal fixed byte Name[NameSize];
        [FieldOffset(16)] internal void* Data;
    }

    /// <summary><c>struct ethtool_drvinfo</c>, 196 bytes; only the driver's name is of use here.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 196)]
    internal struct DriverInformation
    {
        [FieldOffset(0)] internal uint Command;
        [FieldOffset(4)] internal fixed byte Driver[32];
    }

    /// <summary><c>struct ethtool_channels</c>, 36 bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Channels
    {
        internal uint Command;
        internal uint MaxReceive, MaxTransmit, MaxOther, MaxCombined;
        internal uint Receive, Transmit, Other, Combined;
    }

    /// <summary><c>struct ethtool_cmd</c>, 44 bytes; only the speed is of use here.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 44)]
    internal struct Settings
    {
        [FieldOffset(0)] internal uint Command;
        [FieldOffset(12)] internal ushort SpeedLow;
        [FieldOffset(28)] internal ushort SpeedHigh;
    }

    /// <summary>Name of the driver, such as <c>veth</c> or <c>ixgbe</c>; empty if it does not say.</summary>
    internal static string ReadDriver(string name)
    {
        var information = new DriverInformation { Command = GetDriverInformation };
        // SAFETY: the kernel writes at most the size of the structure the command names; the buffer ends with a zero.
        return Ask(name, &information) ? Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(information.Driver)) : string.Empty;
    }

    /// <summary>Number of RX and of TX queues; 1 of each if the driver does not say.</summary>
    internal static (int Receive, int Transmit) ReadQueues(string name)
    {
        var channels = new Channels { Command = GetChannels };
        return Ask(name, &channels)
            ? ((int)Math.Clamp(channels.Receive + channels.Combined, 1, 1024), (int)Math.Clamp(channels.Transmit + channels.Combined, 1, 1024))
            : (1, 1);
    }

    /// <summary>Speed in kilobits per second; 0 if unknown.</summary>
    internal static uint ReadSpeedKbps(string name)
    {
        var settings = new Settings { Command = GetSettings };
        if (!Ask(name, &settings))
        {
            return 0;
        }

        var megabits = ((uint)settings.SpeedHigh << 16) | settings.SpeedLow;
        return megabits is uint.MaxValue or ushort.MaxValue ? 0 : (uint)Math.Min((ulong)megabits * 1000, uint.MaxValue);
    }

    private static bool Ask(string name, void* answer)
    {
        var request = new InterfaceRequest { Data = answer };
        if (Encoding.UTF8.GetByteCount(name) >= NameSize)
        {
            return false;
        }

        Encoding.UTF8.GetBytes(name, new Span<byte>(request.Name, NameSize));
        var socket = Socket.Open(Socket.FamilyInet, Socket.TypeDatagram | Socket.CloseOnExec, 0);
        if (socket < 0)
        {
            return false;
        }

        var result = Socket.Control(socket, RequestEthtool, &request);
        _ = Socket.Close(socket);
        return result >= 0;
    }
}
