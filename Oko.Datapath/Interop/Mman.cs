using System.Runtime.InteropServices;

namespace Oko.Datapath.Interop;

/// <summary>sys/mman.h.</summary>
internal static unsafe partial class Mman
{
    internal const int ProtRead = 1, ProtWrite = 2;
    internal const int MapShared = 1, MapPrivate = 2, MapAnonymous = 0x20, MapPopulate = 0x8000;

    // SAFETY: the kernel's MAP_FAILED; compared only.
    internal static readonly void* MapFailed = (void*)-1;

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    internal static partial void* Map(void* address, nuint length, int protection, int flags, int fd, long offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    internal static partial int Unmap(void* address, nuint length);
}
