using System.Runtime.InteropServices;

namespace Oko.Datapath.Interop;

/// <summary>sched.h.</summary>
internal static unsafe partial class Sched
{
    private const int SetBytes = 128;

    /// <summary>Pins the calling thread to one CPU; false if the kernel refuses.</summary>
    internal static bool PinCurrentThread(int cpu)
    {
        if (cpu < 0 || cpu >= SetBytes * 8)
        {
            return false;
        }

        // SAFETY: cpu_set_t has 128 bytes, and the index was checked.
        var set = stackalloc byte[SetBytes];
        new Span<byte>(set, SetBytes).Clear();
        set[cpu / 8] = (byte)(1 << (cpu % 8));
        return SetAffinity(0, SetBytes, set) == 0;
    }

    /// <summary>Puts the calling thread before the other threads of its process; false if the kernel refuses, as it does without privilege.</summary>
    internal static bool RaiseCurrentThread(int steps)
    {
        // Of a process, says POSIX; Linux takes 0 for the calling thread. Values below the least are taken for it.
        return SetPriority(0, 0, GetPriority(0, 0) - steps) == 0;
    }

    [LibraryImport("libc", EntryPoint = "getpriority", SetLastError = true)]
    private static partial int GetPriority(int which, int who);

    [LibraryImport("libc", EntryPoint = "setpriority", SetLastError = true)]
    private static partial int SetPriority(int which, int who, int niceness);

    [LibraryImport("libc", EntryPoint = "sched_setaffinity", SetLastError = true)]
    private static partial int SetAffinity(int thread, nuint size, void* set);
}
