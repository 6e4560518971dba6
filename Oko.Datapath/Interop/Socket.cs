using System.Runtime.InteropServices;

namespace Oko.Datapath.Interop;

/// <summary>Sockets of <c>sys/socket.h</c>, and <c>close</c>, <c>ioctl</c>. Stateless: usable on any thread.</summary>
/// <remarks>SAFETY: each pointer is handed on to the kernel with the size of what it points to; callers pass memory that stays
/// in place during the call.</remarks>
internal static unsafe partial class Socket
{
    /// <summary><c>AF_INET</c>.</summary>
    internal const int FamilyInet = 2;

    /// <summary><c>AF_NETLINK</c>.</summary>
    internal const int FamilyNetlink = 16;

    /// <summary><c>AF_XDP</c>.</summary>
    internal const int FamilyXdp = 44;

    /// <summary><c>AF_PACKET</c>.</summary>
    internal const int FamilyPacket = 17;

    /// <summary><c>SOCK_DGRAM</c>.</summary>
    internal const int TypeDatagram = 2;

    /// <summary><c>SOCK_RAW</c>.</summary>
    internal const int TypeRaw = 3;

    /// <summary><c>SOCK_CLOEXEC</c>: programs that the process starts do not inherit it.</summary>
    internal const int CloseOnExec = 0x80000;

    /// <summary><c>SOL_SOCKET</c>.</summary>
    internal const int LevelSocket = 1;

    /// <summary><c>SO_RCVBUF</c>: receive buffer in bytes.</summary>
    internal const int OptionReceiveBuffer = 8;

    /// <summary><c>SO_SNDBUFFORCE</c>: send buffer in bytes, beyond the system's limit.</summary>
    internal const int OptionSendBufferForce = 32;

    /// <summary><c>SO_BUSY_POLL</c>: microseconds.</summary>
    internal const int OptionBusyPoll = 46;

    /// <summary><c>SO_PREFER_BUSY_POLL</c>: interrupts stay off while the socket is polled; Linux 5.11 and later.</summary>
    internal const int OptionPreferBusyPoll = 69;

    /// <summary><c>SO_BUSY_POLL_BUDGET</c>: packets that one poll takes at most; Linux 5.11 and later.</summary>
    internal const int OptionBusyPollBudget = 70;

    /// <summary><c>SOL_PACKET</c>.</summary>
    internal const int LevelPacket = 263;

    /// <summary><c>PACKET_ADD_MEMBERSHIP</c>: the device stays promiscuous while the socket is open.</summary>
    internal const int OptionPacketAddMembership = 1;

    /// <summary><c>SOL_XDP</c>.</summary>
    internal const int LevelXdp = 283;

    /// <summary><c>MSG_DONTWAIT</c>.</summary>
    internal const int DoNotWait = 0x40;

    /// <summary><c>struct packet_mreq</c>, 16 bytes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct PacketMembership
    {
        /// <summary><c>PACKET_MR_PROMISC</c>.</summary>
        internal const ushort Promiscuous = 1;

        internal int InterfaceIndex;
        internal ushort Type;
        internal ushort AddressLength;
        internal fixed byte Address[8];
    }

    /// <summary><c>socket</c>: a file descriptor, or -1 with errno.</summary>
    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    internal static partial int Open(int family, int type, int protocol);

    /// <summary><c>bind</c>: 0, or -1 with errno.</summary>
    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    internal static partial int Bind(int socket, void* address, uint addressSize);

    /// <summary><c>setsockopt</c>: 0, or -1 with errno.</summary>
    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    internal static partial int SetOption(int socket, int level, int option, void* value, uint valueSize);

    /// <summary><c>getsockopt</c>: 0, or -1 with errno.</summary>
    [LibraryImport("libc", EntryPoint = "getsockopt", SetLastError = true)]
    internal static partial int GetOption(int socket, int level, int option, void* value, uint* valueSize);

    /// <summary><c>sendto</c>: bytes sent, or -1 with errno. For AF_XDP without data: sends what stands in the TX ring.</summary>
    [LibraryImport("libc", EntryPoint = "sendto", SetLastError = true)]
    internal static partial nint SendTo(int socket, void* data, nuint size, int flags, void* address, uint addressSize);

    /// <summary><c>recv</c>: bytes received, or -1 with errno.</summary>
    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    internal static partial nint Receive(int socket, void* buffer, nuint size, int flags);

    /// <summary><c>ioctl</c> with a pointer: 0 or more, or -1 with errno.</summary>
    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int Control(int socket, nuint request, void* argument);

    /// <summary><c>close</c> of any file descriptor.</summary>
    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    internal static partial int Close(int handle);

    // SAFETY of all of these: the caller passes pointers to memory that lives during the call, with its true size.
}
