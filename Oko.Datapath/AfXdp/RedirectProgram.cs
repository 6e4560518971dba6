using Oko.Datapath.Interop;

namespace Oko.Datapath.AfXdp;

// The one XDP program of a port, written by hand since it is this short. It has two uses.
//
// 1. On packets that the device receives: hand them to the socket of their queue.
//
//      if (ctx->ingress_ifindex == 1) goto inject         (only with an inject map)
//      return bpf_redirect_map(sockets, ctx->rx_queue_index, XDP_PASS)
//
//    XDP_PASS is for a queue without a socket, which stays the host's.
//
// 2. On frames that the kernel makes for a test run with live frames: fill in the next packet of the inject map and
//    send it out of the device (see LiveFrameInjector). Such frames come from the loopback device, which has index 1 in
//    every network namespace, and no frame that a port receives does: the loopback device cannot be a port with an
//    inject map.
//
//    inject:
//      lane = frame's length % lanes                                          (all lanes of the port share the program and the map)
//      if (lane >= lanes) return XDP_DROP                                     (for the kernel's verifier)
//      value = the lane's part of the map's only element;  n = value->next++ & 255;  length = value->lengths[n]
//      if (length > 1514 || length < 14) return XDP_DROP                      (for the kernel's verifier; we check before)
//      if (length != frame's length) bpf_xdp_adjust_tail(ctx, length - frame's length)
//      bpf_xdp_store_bytes(ctx, 0, value->packets[n], length)
//      return bpf_redirect(the device, 0)
//
// It is one program and not two, since the kernel patches its XDP dispatcher at every test run of a program that
// is not attached anywhere in native mode, which takes some 28 ms each time.
//
// Source: linux/bpf.h; RFC 9669 for the encoding.

/// <summary>The XDP program of one port with its map from queue to socket (XSKMAP). Made and closed by the control thread.</summary>
internal sealed class RedirectProgram : IDisposable
{
    private const int HelperRedirect = 23, HelperRedirectMap = 51, HelperAdjustTail = 65, HelperStoreBytes = 190;
    private const int XdpDrop = 1, XdpPass = 2;
    private const short Data = 0, DataEnd = 4, IngressIndex = 12, QueueIndex = 16;

    /// <summary>Makes the map and loads the program.</summary>
    /// <param name="queues">Queues of the device.</param>
    /// <param name="interfaceIndex">The device, for injected packets.</param>
    /// <param name="inject">The inject map, or null.</param>
    /// <param name="takesFragments">Whether packets may come in several buffers, for a large MTU.</param>
    /// <exception cref="SystemCallException">The kernel refuses: EPERM without CAP_BPF and CAP_NET_ADMIN.</exception>
    internal RedirectProgram(int queues, uint interfaceIndex, InjectMap? inject, bool takesFragments)
    {
        MapHandle = SystemCallException.CheckValue(
            LinuxBpf.CreateMap(LinuxBpf.MapTypeXskMap, sizeof(uint), sizeof(uint), (uint)queues, 0, "oko_sockets"u8), "BPF_MAP_CREATE");
        var code = new List<ulong>();
        if (inject is not null)
        {
            AppendInject(code, inject, (int)interfaceIndex);
        }

        AppendRedirect(code, MapHandle);
        var handle = LinuxBpf.LoadXdpProgram(
            code.ToArray(), "oko_port"u8, takesFragments ? LinuxBpf.ProgramHasFragments : 0, out var log);
        if (handle < 0)
        {
            Dispose();
            throw new SystemCallException(log.Length == 0 ? "BPF_PROG_LOAD" : $"BPF_PROG_LOAD ({log})", -handle);
        }

        Handle = handle;
    }

    /// <summary>The program.</summary>
    internal int Handle { get; private set; } = -1;

    /// <summary>The map.</summary>
    internal int MapHandle { get; private set; } = -1;

    /// <summary>Directs a queue to a socket.</summary>
    internal void SetSocket(XdpSocket socket) =>
        SystemCallException.CheckValue(LinuxBpf.UpdateMap(MapHandle, (uint)socket.Queue, (uint)socket.Handle), "BPF_MAP_UPDATE_ELEM");

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

    private static void AppendRedirect(List<ulong> code, int sockets)
    {
        code.Add(LoadWord(2, 1, QueueIndex));
        code.Add(Encode(0x18, 1, 1, 0, sockets));                 // r1 = map
        code.Add(0);
        code.Add(Move(3, XdpPass));
        code.Add(Call(HelperRedirectMap));
        code.Add(Exit);
    }

    private static void AppendInject(List<ulong> code, InjectMap map, int interfaceIndex)
    {
        var body = new List<ulong>
        {
            LoadWord(1, 6, Data),                                 // r8 = lane
            LoadWord(8, 6, DataEnd),
            Encode(0x1f, 8, 1, 0, 0),
            Encode(0x97, 8, 0, 0, map.Lanes),
            Encode(0x35, 8, 0, 33, map.Lanes),                    // to the end: drop
            Encode(0x27, 8, 0, 0, InjectMap.LaneSize),
            Encode(0x18, 7, 2, 0, map.Handle),                    // r7 = the lane's part of the map's only value
            0,
            Encode(0x0f, 7, 8, 0, 0),
            Encode(0x79, 8, 7, InjectMap.NextOffset, 0),          // r8 = next++ & 255
            MoveRegister(1, 8),
            Encode(0x07, 1, 0, 0, 1),
            Encode(0x7b, 7, 1, InjectMap.NextOffset, 0),
            Encode(0x57, 8, 0, 0, InjectMap.Capacity - 1),
            MoveRegister(1, 8),                                   // r9 = lengths[r8]
            Encode(0x67, 1, 0, 0, 2),
            MoveRegister(2, 7),
            Encode(0x0f, 2, 1, 0, 0),
            LoadWord(9, 2, InjectMap.LengthsOffset),
            Encode(0x27, 8, 0, 0, InjectMap.SlotSize),            // r7 += r8 * slot size
            Encode(0x0f, 7, 8, 0, 0),
            Encode(0x25, 9, 0, 16, InjectMap.MaxPacketSize),      // to the end: drop
            Encode(0xa5, 9, 0, 15, InjectMap.MinPacketSize),
            LoadWord(1, 6, Data),                                 // r2 = length - (data_end - data)
            LoadWord(3, 6, DataEnd),
            Encode(0x1f, 3, 1, 0, 0),
            MoveRegister(2, 9),
            Encode(0x1f, 2, 3, 0, 0),
            Encode(0x15, 2, 0, 2, 0),                             // as long as it should be
            MoveRegister(1, 6),
            Call(HelperAdjustTail),
            MoveRegister(1, 6),
            Move(2, 0),
            MoveRegister(3, 7),
            Encode(0x07, 3, 0, 0, InjectMap.PacketsOffset),
            MoveRegister(4, 9),
            Call(HelperStoreBytes),
            Encode(0x15, 0, 0, 2, 0),
            Move(0, XdpDrop),
            Exit,
            Move(1, interfaceIndex),
            Move(2, 0),
            Call(HelperRedirect),
            Exit,
        };
        code.Add(MoveRegister(6, 1));
        code.Add(LoadWord(2, 1, IngressIndex));
        code.Add(Encode(0x55, 2, 0, (short)body.Count, InjectMap.TestRunInterface));
        code.AddRange(body);
    }

    private static ulong LoadWord(int destination, int source, short offset) => Encode(0x61, destination, source, offset, 0);

    private static ulong Move(int destination, int immediate) => Encode(0xb7, destination, 0, 0, immediate);

    private static ulong MoveRegister(int destination, int source) => Encode(0xbf, destination, source, 0, 0);

    private static ulong Call(int helper) => Encode(0x85, 0, 0, 0, helper);

    private static ulong Exit => Encode(0x95, 0, 0, 0, 0);

    private static ulong Encode(byte opcode, int destination, int source, short offset, int immediate) =>
        opcode | ((ulong)destination << 8) | ((ulong)source << 12) | ((ulong)(ushort)offset << 16) | ((ulong)(uint)immediate << 32);
}
