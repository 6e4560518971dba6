using Oko.Datapath.Interop;

namespace Oko.Datapath.AfXdp;

/// <summary>
/// The XDP program of one port with its map from queue to socket (XSKMAP). Made and closed by the control thread.
/// </summary>
/// <remarks>
/// All the program does, written by hand since it is five instructions:
/// <code>
///   r2 = *(u32 *)(r1 + 16)        ; xdp_md.rx_queue_index
///   r1 = map                      ; two slots
///   r3 = 2                        ; XDP_PASS when the queue has no socket: the host keeps those packets
///   call 51                       ; bpf_redirect_map
///   exit
/// </code>
/// Source: linux/bpf.h; RFC 9669 for the encoding: opcode, registers (source in the high half), offset, immediate.
/// </remarks>
internal sealed class RedirectProgram : IDisposable
{
    private const int HelperRedirectMap = 51, XdpPass = 2, QueueOffset = 16;

    /// <summary>Makes the map and loads the program.</summary>
    /// <param name="queues">Queues of the device.</param>
    /// <exception cref="XdpSystemCallException">The kernel refuses: EPERM without CAP_BPF and CAP_NET_ADMIN.</exception>
    internal RedirectProgram(int queues)
    {
        MapHandle = XdpSystemCallException.CheckValue(
            LinuxBpf.CreateMap(LinuxBpf.MapTypeXskMap, sizeof(uint), sizeof(uint), (uint)queues, 0, "oko_sockets"u8), "BPF_MAP_CREATE");
        var handle = LinuxBpf.LoadXdpProgram(Instructions(MapHandle), "oko_port"u8, out var log);
        if (handle < 0)
        {
            Dispose();
            throw new XdpSystemCallException(log.Length == 0 ? "BPF_PROG_LOAD" : $"BPF_PROG_LOAD ({log})", -handle);
        }

        Handle = handle;
    }

    /// <summary>The program.</summary>
    internal int Handle { get; private set; } = -1;

    /// <summary>The map.</summary>
    internal int MapHandle { get; private set; } = -1;

    /// <summary>Directs a queue to a socket.</summary>
    internal void SetSocket(XdpSocket socket) =>
        XdpSystemCallException.CheckValue(LinuxBpf.UpdateMap(MapHandle, (uint)socket.Queue, (uint)socket.Handle), "BPF_MAP_UPDATE_ELEM");

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Handle >= 0)
        {
            _ = Socket.Close(Handle);
            Handle = -1;
        }

        if (MapHandle >= 0)
        {
            _ = Socket.Close(MapHandle);
            MapHandle = -1;
        }
    }

    private static ulong[] Instructions(int map) =>
    [
        Encode(0x61, destination: 2, source: 1, QueueOffset, 0),
        Encode(0x18, destination: 1, source: 1, 0, map),
        Encode(0, 0, 0, 0, 0),
        Encode(0xb7, destination: 3, source: 0, 0, XdpPass),
        Encode(0x85, 0, 0, 0, HelperRedirectMap),
        Encode(0x95, 0, 0, 0, 0),
    ];

    private static ulong Encode(byte opcode, int destination, int source, short offset, int immediate) =>
        opcode | ((ulong)destination << 8) | ((ulong)source << 12) | ((ulong)(ushort)offset << 16) | ((ulong)(uint)immediate << 32);
}
