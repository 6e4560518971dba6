using System.Net.Sockets;
using DotNetty.Buffers;
using DotNetty.Transport.Channels.Sockets;

namespace Oko.OpenFlow.Channel;

/// <summary>A TCP socket for DotNetty that never makes the channel's thread wait. Owned by the event loop.</summary>
/// <remarks>DotNetty 0.7 leaves sockets in blocking mode under Linux. There a read that fills its buffer is followed by one that waits
/// for the peer, and a synchronous send waits for a peer that does not read: either would stop all connections. So the socket is
/// put into non-blocking mode here, and <see cref="AsynchronousWritesOnly"/> is set on every channel.</remarks>
internal sealed class NonBlockingSocketChannel : TcpSocketChannel
{
    /// <summary>Value of DotNetty's write spin count with which every write goes to <c>Socket.SendAsync</c>.</summary>
    public const int AsynchronousWritesOnly = 0;

    // One arena, since one loop serves all connections, of chunks of 1 MiB, and nothing kept per thread: DotNetty's own choice would be
    // 16 MiB for each of twice as many arenas as processors, and caches on every thread that ever took a turn.
    private static readonly PooledByteBufferAllocator Buffers = new(
        preferDirect: false, nHeapArena: 1, nDirectArena: 0, pageSize: 8192, maxOrder: 7, tinyCacheSize: 0, smallCacheSize: 0, normalCacheSize: 0);

    /// <summary>Takes over a socket.</summary>
    /// <param name="socket">A TCP socket.</param>
    /// <param name="isConnected">Whether it is connected, as accepted sockets are.</param>
    public NonBlockingSocketChannel(Socket socket, bool isConnected)
        : base(null, socket)
    {
        socket.Blocking = false;
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        Configuration.Allocator = Buffers;
        Configuration.WriteSpinCount = AsynchronousWritesOnly;
        if (isConnected)
        {
            SetState(StateFlags.Active);
            CacheLocalAddress();
            CacheRemoteAddress();
        }
    }
}
