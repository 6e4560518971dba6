using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Oko.Datapath.Interop;

/// <summary>Memory without a name that other processes of the same user can map: one process makes it and tells the others
/// <see cref="Path"/>. Gone when the last of them has closed it or ended, however it ended. Made and disposed by one thread.</summary>
public sealed unsafe partial class SharedMemory : IDisposable
{
    private const uint CloseOnExec = 1;

    private readonly SafeFileHandle _file;
    private byte* _address;

    private SharedMemory(SafeFileHandle file, nuint length, string? path)
    {
        _file = file;
        Length = length;
        try
        {
            var handle = (int)file.DangerousGetHandle();
            _address = Mman.MapSharedLarge(handle, length, out var isHuge);
            IsHuge = isHuge;
            Path = path ?? $"/proc/{Environment.ProcessId}/fd/{handle}";
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>First byte. SAFETY: valid for <see cref="Length"/> bytes until Dispose; other processes may change them at any moment.</summary>
    public byte* Address => _address;

    /// <summary>Bytes, whole huge pages.</summary>
    public nuint Length { get; }

    /// <summary>Whether it lies in huge pages.</summary>
    public bool IsHuge { get; }

    /// <summary>What another process opens, as long as the process that made it lives.</summary>
    public string Path { get; }

    /// <summary>Makes zeroed memory.</summary>
    /// <param name="length">Bytes, 1 or more; rounded up to huge pages.</param>
    /// <exception cref="IOException">The kernel makes none.</exception>
    /// <exception cref="OutOfMemoryException">The kernel has not that much memory.</exception>
    public static SharedMemory Create(nuint length)
    {
        length = Mman.RoundUp(length);
        var handle = SystemCallException.Check(MemfdCreate("oko", CloseOnExec), "memfd_create");
        var file = new SafeFileHandle(handle, ownsHandle: true);
        RandomAccess.SetLength(file, (long)length);
        return new SharedMemory(file, length, path: null);
    }

    /// <summary>Maps memory that another process made.</summary>
    /// <param name="path">Its <see cref="Path"/>.</param>
    /// <exception cref="IOException">There is none, or it may not be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be opened.</exception>
    /// <exception cref="InvalidDataException">It is not of whole huge pages.</exception>
    public static SharedMemory Open(string path)
    {
        var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var length = (nuint)RandomAccess.GetLength(file);
        if (length == 0 || length != Mman.RoundUp(length))
        {
            file.Dispose();
            throw new InvalidDataException($"{path}: {length} bytes; memory of another oko process has whole pages of 2 MiB");
        }

        return new SharedMemory(file, length, path);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_address is not null)
        {
            _ = Mman.Unmap((nint)_address, Length);
            _address = null;
            _file.Dispose();
        }
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemfdCreate(string name, uint flags);
}
