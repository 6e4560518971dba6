using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Oko.Datapath.Interop;

/// <summary>sys/eventfd.h: a counter in the kernel that wakes a thread in poll.</summary>
internal sealed unsafe partial class Eventfd : IDisposable
{
    private const int NonBlocking = 0x800, CloseOnExec = 0x80000;

    private readonly SafeFileHandle _handle;

    internal Eventfd()
    {
        var fd = Create(0, NonBlocking | CloseOnExec);
        if (fd < 0)
        {
            throw new IOException($"eventfd failed (errno {Marshal.GetLastPInvokeError()}); the process may have too many open files");
        }

        _handle = new SafeFileHandle(fd, ownsHandle: true);
    }

    internal int Fd => (int)_handle.DangerousGetHandle();

    /// <summary>Wakes whoever polls. A full counter is as good as another count, so the result does not matter.</summary>
    internal void Signal()
    {
        ulong one = 1;
        _ = Write(Fd, &one, sizeof(ulong));
    }

    /// <summary>Takes the counts; returns at once.</summary>
    internal void Clear()
    {
        ulong count;
        _ = Read(Fd, &count, sizeof(ulong));
    }

    // SAFETY: eight bytes on the caller's stack.
    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int Create(uint initial, int flags);

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint Write(int fd, void* data, nuint count);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint Read(int fd, void* data, nuint count);

    public void Dispose() => _handle.Dispose();
}
