namespace Oko.Bpf.Maps;

/// <summary>The errors of map operations, as the negative numbers that programs see in r0 (Linux' errno values).</summary>
public static class MapErrno
{
    /// <summary>Done.</summary>
    public const int None = 0;

    /// <summary><c>-ENOENT</c>: no such key, and the flags ask for one (<see cref="MapUpdateFlags.Exist"/>, delete).</summary>
    public const int NotFound = -2;

    /// <summary><c>-EAGAIN</c>: the ring buffer has no room for the record.</summary>
    public const int TryAgain = -11;

    /// <summary><c>-EOPNOTSUPP</c>: the map type does not offer the operation.</summary>
    public const int NotSupported = -95;

    /// <summary><c>-E2BIG</c>: the map is full, or an array index is out of range.</summary>
    public const int Full = -7;

    /// <summary><c>-EBUSY</c>: the map is not full, but every free entry may still be in a program's hands; succeeds again
    /// once the workers have passed a batch boundary.</summary>
    public const int Busy = -16;

    /// <summary><c>-EEXIST</c>: the key is there, and the flags forbid it (<see cref="MapUpdateFlags.NoExist"/>).</summary>
    public const int Exists = -17;

    /// <summary><c>-EINVAL</c>: unknown flags, or an operation that the map type does not offer.</summary>
    public const int Invalid = -22;
}

/// <summary>Flags of a map update.</summary>
public static class MapUpdateFlags
{
    /// <summary><c>BPF_ANY</c>: create or change.</summary>
    public const ulong Any = 0;

    /// <summary><c>BPF_NOEXIST</c>: create only.</summary>
    public const ulong NoExist = 1;

    /// <summary><c>BPF_EXIST</c>: change only.</summary>
    public const ulong Exist = 2;
}

/// <summary>Creation flags of a map that are accepted (<c>BPF_F_*</c>).</summary>
public static class MapCreateFlags
{
    /// <summary><c>BPF_F_NO_PREALLOC</c>, hash maps: accepted and without effect, memory is always reserved whole.</summary>
    public const uint NoPreallocation = 1u << 0;

    /// <summary><c>BPF_F_RDONLY_PROG</c>: programs only read it. The verifier enforces it.</summary>
    public const uint ReadOnlyForPrograms = 1u << 7;

    /// <summary><c>BPF_F_MMAPABLE</c>, array maps: accepted and without effect.</summary>
    public const uint MemoryMappable = 1u << 10;
}
