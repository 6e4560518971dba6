using System.Runtime.InteropServices;
using System.Text;

namespace Oko.Datapath.Interop;

/// <summary>
/// The XDP features of devices, by the generic netlink family of <c>linux/netdev.h</c>. An instance belongs to one thread.
/// </summary>
/// <remarks>
/// All fields in host byte order. Source: Documentation/netlink/specs/netdev.yaml; Linux 6.3. Older kernels
/// have no such family: <see cref="TryOpen"/> then returns null.
/// </remarks>
internal sealed unsafe class Netdev : IDisposable
{
    /// <summary><c>NETDEV_XDP_ACT_NDO_XMIT</c>: XDP frames redirected to the device leave it.</summary>
    internal const ulong FeatureTransmit = 1 << 2;

    private const int ProtocolGeneric = 16, LevelNetlink = 270, AddMembership = 1;
    private const ushort ControlFamily = 0x10, FlagRequest = 1, MessageError = 2;
    private const byte ControlGetFamily = 3, DeviceGet = 1, DeviceChanged = 4;
    private const ushort ControlFamilyId = 1, ControlFamilyName = 2, ControlGroups = 7, GroupName = 1, GroupId = 2;
    private const ushort DeviceIndex = 1, DeviceXdpFeatures = 3;
    private const int HeaderSize = 20;

    private readonly byte[] _buffer = new byte[16384];
    private ushort _family;

    private Netdev(int handle)
    {
        Handle = handle;
    }

    /// <summary>What the kernel says about one device.</summary>
    /// <param name="InterfaceIndex">The device.</param>
    /// <param name="XdpFeatures">NETDEV_XDP_ACT_ bits.</param>
    internal readonly record struct Device(uint InterfaceIndex, ulong XdpFeatures);

    /// <summary>The socket, for <see cref="Poll"/>.</summary>
    internal int Handle { get; private set; }

    /// <summary>Opens a socket in the calling thread's network namespace that hears of changes; null without the family.</summary>
    internal static Netdev? TryOpen()
    {
        var handle = Socket.Open(Socket.FamilyNetlink, Socket.TypeRaw | Socket.CloseOnExec, ProtocolGeneric);
        if (handle < 0)
        {
            return null;
        }

        var netdev = new Netdev(handle);
        if (netdev.Subscribe())
        {
            return netdev;
        }

        netdev.Dispose();
        return null;
    }

    /// <summary>Asks for a device; the answer comes by <see cref="Receive"/>.</summary>
    internal void Request(uint interfaceIndex) => Send(_family, DeviceGet, DeviceIndex, BitConverter.GetBytes(interfaceIndex));

    /// <summary>Reads what is there and hands devices on. False when the kernel dropped messages: ask again for all.</summary>
    internal bool Receive(Action<Device> handler)
    {
        while (true)
        {
            var size = Read(Socket.DoNotWait);
            if (size < 0)
            {
                return Marshal.GetLastPInvokeError() != Errno.NoBufferSpace;
            }

            ParseDevices(_buffer.AsSpan(0, size), _family, handler);
        }
    }

    /// <summary>Walks the messages of a datagram. Stops at the first length that does not fit.</summary>
    internal static void ParseDevices(ReadOnlySpan<byte> datagram, ushort family, Action<Device> handler)
    {
        while (Netlink.TakeMessage(ref datagram, out var type, out _, out var body))
        {
            // struct genlmsghdr: command, version, 16 bits reserved.
            if (type != family || body.Length < 4 || body[0] is not (DeviceGet or DeviceChanged))
            {
                continue;
            }

            var attributes = body[4..];
            uint index = 0;
            ulong? features = null;
            while (Netlink.TakeAttribute(ref attributes, out var attribute, out var value))
            {
                if (attribute == DeviceIndex && value.Length >= 4)
                {
                    index = MemoryMarshal.Read<uint>(value);
                }
                else if (attribute == DeviceXdpFeatures && value.Length >= 8)
                {
                    features = MemoryMarshal.Read<ulong>(value);
                }
            }

            if (index != 0 && features is { } known)
            {
                handler(new Device(index, known));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Handle >= 0)
        {
            _ = Socket.Close(Handle);
            Handle = -1;
        }
    }

    private bool Subscribe()
    {
        Send(ControlFamily, ControlGetFamily, ControlFamilyName, "netdev\0"u8);
        var size = Read(0);
        ReadOnlySpan<byte> datagram = _buffer.AsSpan(0, Math.Max(size, 0));
        if (!Netlink.TakeMessage(ref datagram, out var type, out _, out var body) || type == MessageError || body.Length < 4)
        {
            return false;
        }

        var attributes = body[4..];
        uint group = 0;
        while (Netlink.TakeAttribute(ref attributes, out var attribute, out var value))
        {
            if (attribute == ControlFamilyId && value.Length >= 2)
            {
                _family = MemoryMarshal.Read<ushort>(value);
            }
            else if (attribute == ControlGroups)
            {
                group = FindGroup(value, "mgmt");
            }
        }

        return _family != 0 && group != 0 && Socket.SetOption(Handle, LevelNetlink, AddMembership, &group, sizeof(uint)) == 0;
    }

    private static uint FindGroup(ReadOnlySpan<byte> groups, string wanted)
    {
        while (Netlink.TakeAttribute(ref groups, out _, out var group))
        {
            var name = string.Empty;
            uint id = 0;
            while (Netlink.TakeAttribute(ref group, out var attribute, out var value))
            {
                if (attribute == GroupName)
                {
                    name = Encoding.UTF8.GetString(value).TrimEnd('\0');
                }
                else if (attribute == GroupId && value.Length >= 4)
                {
                    id = MemoryMarshal.Read<uint>(value);
                }
            }

            if (name == wanted)
            {
                return id;
            }
        }

        return 0;
    }

    private int Read(int flags)
    {
        // SAFETY: the kernel writes at most the length of the pinned buffer.
        fixed (byte* buffer = _buffer)
        {
            return (int)Socket.Receive(Handle, buffer, (nuint)_buffer.Length, flags);
        }
    }

    private void Send(ushort family, byte command, ushort attribute, ReadOnlySpan<byte> value)
    {
        Span<byte> request = stackalloc byte[HeaderSize + 4 + ((value.Length + 3) & ~3)];
        request.Clear();
        MemoryMarshal.Write(request, request.Length);
        MemoryMarshal.Write(request[4..], family);
        MemoryMarshal.Write(request[6..], FlagRequest);
        request[16] = command;
        request[17] = 1;
        MemoryMarshal.Write(request[HeaderSize..], (ushort)(value.Length + 4));
        MemoryMarshal.Write(request[(HeaderSize + 2)..], attribute);
        value.CopyTo(request[(HeaderSize + 4)..]);
        fixed (byte* data = request)
        {
            _ = Socket.SendTo(Handle, data, (nuint)request.Length, 0, null, 0);
        }
    }
}
