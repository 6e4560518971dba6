using System.Runtime.InteropServices;
using System.Text;

namespace Oko.Datapath.Interop;

/// <summary>TAP devices of <c>linux/if_tun.h</c>: what the host sends on the interface is read from a descriptor, what is written
/// to the descriptor the host receives. Stateless: usable on any thread, in that thread's namespace.</summary>
/// <remarks>Source: Linux kernel documentation, "Universal TUN/TAP device driver". SAFETY: each pointer is handed on
/// with the size of what it points to, and that stays in place during the call.</remarks>
internal static unsafe partial class Tun
{
    private const int ReadWrite = 2, NonBlocking = 0x800, CloseOnExec = 0x80000;
    private const nuint SetInterface = 0x400454CA, GetFlags = 0x8913, SetFlags = 0x8914;
    private const short Tap = 2, NoPacketInformation = 0x1000, Up = 1;
    private const int NameSize = 16;

    /// <summary><c>struct ifreq</c> with <c>ifr_flags</c>, 40 bytes.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 40)]
    private struct InterfaceRequest
    {
        [FieldOffset(0)] internal fixed byte Name[NameSize];
        [FieldOffset(16)] internal short Flags;
    }

    /// <summary>Makes a TAP device that lives as long as the descriptor, and sets it up.</summary>
    /// <param name="name">Name of at most 15 bytes that no interface has.</param>
    /// <returns>The descriptor, non-blocking.</returns>
    /// <exception cref="SystemCallException">The kernel refuses: EBUSY or EINVAL when the name is taken.</exception>
    internal static int Open(string name)
    {
        var request = new InterfaceRequest { Flags = Tap | NoPacketInformation };
        if (Encoding.UTF8.GetByteCount(name) >= NameSize)
        {
            throw new ArgumentException($"interface name {name}: at most {NameSize - 1} bytes are allowed", nameof(name));
        }

        Encoding.UTF8.GetBytes(name, new Span<byte>(request.Name, NameSize));
        var handle = SystemCallException.Check(OpenFile("/dev/net/tun", ReadWrite | NonBlocking | CloseOnExec), "open(/dev/net/tun)");
        try
        {
            _ = SystemCallException.Check(Socket.Control(handle, SetInterface, &request), "TUNSETIFF");
            SetUp(ref request);
            return handle;
        }
        catch
        {
            _ = Socket.Close(handle);
            throw;
        }
    }

    /// <summary><c>read</c>: bytes of the next frame, cut to the size, or -1 with errno (EAGAIN: there is none).</summary>
    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    internal static partial nint Read(int handle, void* buffer, nuint size);

    /// <summary><c>write</c> of one frame: bytes written, or -1 with errno.</summary>
    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    internal static partial nint Write(int handle, void* data, nuint size);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFile(string path, int flags);

    private static void SetUp(ref InterfaceRequest request)
    {
        var socket = SystemCallException.Check(Socket.Open(Socket.FamilyInet, Socket.TypeDatagram | Socket.CloseOnExec, 0), "socket");
        try
        {
            fixed (InterfaceRequest* argument = &request)
            {
                _ = SystemCallException.Check(Socket.Control(socket, GetFlags, argument), "SIOCGIFFLAGS");
                argument->Flags |= Up;
                _ = SystemCallException.Check(Socket.Control(socket, SetFlags, argument), "SIOCSIFFLAGS");
            }
        }
        finally
        {
            _ = Socket.Close(socket);
        }
    }
}
