using System.Runtime.InteropServices;

namespace Oko.Datapath.Interop;

/// <summary>Memory mappings of <c>sys/mman.h</c>. Stateless: usable on any thread.</summary>
public static unsafe partial class Mman
{
    /// <summary><c>PROT_READ</c>.</summary>
    public const int ProtectRead = 1;

    /// <summary><c>PROT_WRITE</c>.</summary>
    public const int ProtectWrite = 2;

    /// <summary><c>MAP_SHARED</c>.</summary>
    public const int MapShared = 0x01;

    /// <summary><c>MAP_PRIVATE</c>.</summary>
    public const int MapPrivate = 0x02;

    /// <summary><c>MAP_FIXED</c>: at this address, in place of what is mapped there.</summary>
    public const int MapFixed = 0x10;

    /// <summary><c>MAP_ANONYMOUS</c>: no file behind it.</summary>
    public const int MapAnonymous = 0x20;

    /// <summary><c>MAP_POPULATE</c>: all pages are there before the call returns.</summary>
    public const int MapPopulate = 0x8000;

    private const int AdviseHugePage = 14, AdviseCollapse = 25;
    private const nuint HugePageBytes = 2 << 20, SmallPageBytes = 4096;

    /// <summary><c>MAP_FAILED</c>.</summary>
    public static readonly nint MapFailed = -1;

    /// <summary><c>mmap</c>.</summary>
    /// <param name="address">A wish for the address, or 0.</param>
    /// <param name="length">Bytes; the kernel rounds up to pages.</param>
    /// <param name="protection">PROT_ bits.</param>
    /// <param name="flags">MAP_ bits.</param>
    /// <param name="handle">The file descriptor, or -1 with MAP_ANONYMOUS.</param>
    /// <param name="offset">Offset into the file in bytes.</param>
    /// <returns>The address, or <see cref="MapFailed"/> with errno in <see cref="Marshal.GetLastPInvokeError"/>.</returns>
    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    public static partial nint Map(nint address, nuint length, int protection, int flags, int handle, long offset);

    /// <summary><c>munmap</c>: 0, or -1 with errno.</summary>
    /// <param name="address">What <see cref="Map"/> returned.</param>
    /// <param name="length">The length given then.</param>
    /// <returns>0 or -1.</returns>
    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    public static partial int Unmap(nint address, nuint length);

    /// <summary><c>madvise</c>: 0, or -1 with errno.</summary>
    /// <param name="address">Start of the pages.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="advice">MADV_ number.</param>
    /// <returns>0 or -1.</returns>
    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    public static partial int Advise(nint address, nuint length, int advice);

    /// <summary>Zeroed, private memory with all its pages in place, in huge pages as far as the kernel has any: a core keeps the places of some
    /// thousand pages at most, and of more small ones it must look each up in memory again and again.</summary>
    /// <param name="length">Bytes; whole huge pages are taken.</param>
    /// <returns>The address, at which a huge page can begin; give it back with <see cref="Free"/>.</returns>
    /// <exception cref="OutOfMemoryException">The kernel has none; the text says how much was asked for.</exception>
    public static byte* Allocate(nuint length)
    {
        length = RoundUp(length);
        var memory = ReserveLarge(length);
        // Only a hint: without huge pages it is memory like any other.
        _ = Advise((nint)memory, length, AdviseHugePage);
        for (nuint at = 0; at < length; at += SmallPageBytes)
        {
            memory[at] = 0;
        }

        return memory;
    }

    /// <summary>Maps a whole file, shared with whoever else maps it, in huge pages as far as the kernel has any.</summary>
    /// <param name="handle">File descriptor, open for reading and writing.</param>
    /// <param name="length">Length of the file: whole huge pages.</param>
    /// <param name="isHuge">Whether the kernel has put huge pages there.</param>
    /// <returns>The address; give it back with <see cref="Unmap"/>.</returns>
    /// <exception cref="OutOfMemoryException">The kernel has not that much memory.</exception>
    public static byte* MapSharedLarge(int handle, nuint length, out bool isHuge)
    {
        var memory = ReserveLarge(length);
        // SAFETY: replaces the whole mapping just made, of the same length.
        if (Map((nint)memory, length, ProtectRead | ProtectWrite, MapShared | MapFixed | MapPopulate, handle, 0) == MapFailed)
        {
            var error = Marshal.GetLastPInvokeError();
            _ = Unmap((nint)memory, length);
            throw new OutOfMemoryException($"mmap of {length} bytes of shared memory: {Errno.Describe(error)}");
        }

        // Linux 6.1 and later; earlier ones refuse, and the memory is of small pages.
        isHuge = Advise((nint)memory, length, AdviseCollapse) == 0;
        return memory;
    }

    private static byte* ReserveLarge(nuint length)
    {
        var address = Map(0, length + HugePageBytes, ProtectRead | ProtectWrite, MapPrivate | MapAnonymous, -1, 0);
        if (address == MapFailed)
        {
            throw new OutOfMemoryException($"mmap of {length} bytes: {Errno.Describe(Marshal.GetLastPInvokeError())}");
        }

        // SAFETY: both ends that are given back lie in the mapping just made, around the part that is kept.
        var front = (nuint)(-address) & (HugePageBytes - 1);
        if (front > 0)
        {
            _ = Unmap(address, front);
        }

        _ = Unmap(address + (nint)front + (nint)length, HugePageBytes - front);
        return (byte*)address + front;
    }

    /// <summary>Gives memory of <see cref="Allocate"/> back.</summary>
    /// <param name="memory">SAFETY: what Allocate returned; nothing may use it any more.</param>
    /// <param name="length">The length given then.</param>
    public static void Free(void* memory, nuint length) => _ = Unmap((nint)memory, RoundUp(length));

    internal static nuint RoundUp(nuint length) => (length + HugePageBytes - 1) & ~(HugePageBytes - 1);
}
