using System.Runtime.InteropServices;

namespace Oko.Datapath.Interop;

/// <summary>
/// Several descriptors behind one, <c>sys/epoll.h</c>: itself readable when one of them is. Made and closed by one
/// thread; any thread may wait for <see cref="Handle"/>.
/// </summary>
internal sealed unsafe partial class Epoll : IDisposable
{
    private const int CloseOnExec = 0x80000, Add = 1;
    private const uint In = 1;

    /// <summary>Makes a set of descriptors.</summary>
    /// <exception cref="IOException">The process has no file descriptor left.</exception>
    internal Epoll(IEnumerable<int> handles)
    {
        Handle = Create(CloseOnExec);
        if (Handle < 0)
        {
            throw new IOException($"epoll_create1: {Errno.Describe(Marshal.GetLastPInvokeError())}");
        }

        // SAFETY: struct epoll_event is 12 bytes packed on x64 and 16 elsewhere, events first; the kernel reads no more.
        var entry = stackalloc uint[4] { In, 0, 0, 0 };
        foreach (var handle in handles)
        {
            _ = Control(Handle, Add, handle, entry);
        }
    }

    /// <summary>The descriptor of the set.</summary>
    internal int Handle { get; private set; }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Handle >= 0)
        {
            _ = Socket.Close(Handle);
            Handle = -1;
        }
    }

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int Create(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int Control(int set, int operation, int handle, uint* entry);
}
