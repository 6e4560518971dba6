using System.Runtime.InteropServices;

namespace Oko.Datapath.Interop;

/// <summary>sched.h.</summary>
internal static unsafe partial class Sched
{
    private const int SetBytes = 128;

    /// <summary>Pins the calling thread to one CPU; false if the kernel refuses.</summary>
    internal static bool PinCurrentThread(int cpu) => SetAffinity(0, [cpu]);

    /// <summary>The CPUs that a thread may run on, in order; none if there is no such thread.</summary>
    /// <param name="thread">Its number, 0 for the calling one.</param>
    internal static List<int> GetAffinity(int thread)
    {
        // SAFETY: cpu_set_t has 128 bytes.
        var set = stackalloc byte[SetBytes];
        new Span<byte>(set, SetBytes).Clear();
        var cpus = new List<int>();
        if (GetAffinity(thread, SetBytes, set) == 0)
        {
            for (var cpu = 0; cpu < SetBytes * 8; cpu++)
            {
                if ((set[cpu / 8] & (1 << (cpu % 8))) != 0)
                {
                    cpus.Add(cpu);
                }
            }
        }

        return cpus;
    }

    /// <summary>Lets a thread run on these CPUs only; false if the kernel refuses.</summary>
    /// <param name="thread">Its number, 0 for the calling one.</param>
    /// <param name="cpus">At least one that exists.</param>
    internal static bool SetAffinity(int thread, IEnumerable<int> cpus)
    {
        // SAFETY: cpu_set_t has 128 bytes, and each index is checked.
        var set = stackalloc byte[SetBytes];
        new Span<byte>(set, SetBytes).Clear();
        foreach (var cpu in cpus)
        {
            if (cpu is < 0 or >= SetBytes * 8)
            {
                return false;
            }

            set[cpu / 8] |= (byte)(1 << (cpu % 8));
        }

        return SetAffinity(thread, SetBytes, set) == 0;
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

    [LibraryImport("libc", EntryPoint = "sched_getaffinity", SetLastError = true)]
    private static partial int GetAffinity(int thread, nuint size, void* set);
}
