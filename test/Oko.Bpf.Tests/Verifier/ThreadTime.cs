using System.Runtime.InteropServices;

namespace Oko.Bpf.Tests.Verifier;

/// <summary>Processor time of the running thread: other processes do not count.</summary>
internal static partial class ThreadTime
{
    private const int ThreadCpuTime = 3;

    internal static TimeSpan Now
    {
        get
        {
            _ = GetTime(ThreadCpuTime, out var time);
            return TimeSpan.FromSeconds(time.Seconds) + TimeSpan.FromMicroseconds(time.Nanoseconds / 1000.0);
        }
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, out Timespec time);

    [StructLayout(LayoutKind.Sequential)]
    private struct Timespec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
