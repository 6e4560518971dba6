using System.Runtime.InteropServices;

namespace Oko.Datapath.Interop;

/// <summary><c>struct pollfd</c> of poll.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollFd
{
    internal int Fd;
    internal short Events;
    internal short Returned;
}

/// <summary>poll.h.</summary>
internal static unsafe partial class Poll
{
    internal const short In = 1;

    // SAFETY: the kernel reads and writes count elements from fds.
    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    internal static partial int Wait(PollFd* fds, nuint count, int timeoutMilliseconds);
}
