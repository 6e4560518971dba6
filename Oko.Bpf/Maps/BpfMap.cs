using System.Numerics;
using System.Runtime.InteropServices;
using Oko.Bpf.Loading;

namespace Oko.Bpf.Maps;

/// <summary>A map: fixed-size unmanaged memory that programs reach by address, and the controller's way to it. Owned by
/// reference counting (<see cref="AddReference"/>, <see cref="Dispose"/>); the methods here may be called from any thread
/// while programs use the map, since each takes the map's writer lock and copies.</summary>
/// <remarks>Memory is reserved whole at creation and never grows; entries never move. What concurrent users may expect is
/// written in this project's README, "Maps and threads".</remarks>
public abstract unsafe class BpfMap : IDisposable
{
    /// <summary>Largest key in bytes.</summary>
    public const uint MaxKeySize = 512;

    /// <summary>Largest value in bytes.</summary>
    public const uint MaxValueSize = 1 << 20;

    /// <summary>Largest value of a per-CPU map in bytes, as in Linux.</summary>
    public const uint MaxPerCpuValueSize = 32768;

    /// <summary>Largest capacity in entries.</summary>
    public const uint MaxCapacity = 1 << 26;

    /// <summary>Most workers that can run filters, and so most copies of a per-CPU value.</summary>
    public const int MaxWorkers = 16;

    /// <summary>Most memory of one map, in bytes.</summary>
    public const long MaxMemoryBytes = 1L << 30;

    private const int CacheLineBytes = 64;

    private void* _allocation;
    private int _references = 1;

    private protected BpfMap(MapSpec spec, long memoryBytes)
    {
        Spec = spec;
        _allocation = NativeMemory.AllocZeroed(checked((nuint)memoryBytes + CacheLineBytes));
        // SAFETY: the allocation has one cache line more than needed, so the aligned start leaves memoryBytes behind it.
        Header = (MapHeader*)(((nuint)_allocation + CacheLineBytes - 1) & ~(nuint)(CacheLineBytes - 1));
        Header->Type = spec.Type;
        Header->KeySize = spec.KeySize;
        Header->ValueSize = spec.ValueSize;
        Header->MaxEntries = spec.MaxEntries;
        Header->Flags = spec.Flags;
    }

    /// <summary>The definition this map was made from.</summary>
    public MapSpec Spec { get; }

    /// <summary>The map's name in the object file.</summary>
    public string Name => Spec.Name;

    /// <summary>The map's type.</summary>
    public MapType Type => Spec.Type;

    /// <summary>Bytes of a key.</summary>
    public int KeySize => (int)Spec.KeySize;

    /// <summary>Bytes of a value as a program sees it.</summary>
    public int ValueSize => (int)Spec.ValueSize;

    /// <summary>How many workers run filters: so many copies of a per-CPU value the controller sees and sets. 1 to
    /// <see cref="MaxWorkers"/>; set once, before there are maps. Memory is there for <see cref="MaxWorkers"/> in any case.</summary>
    public static int Workers { get; set; } = MaxWorkers;

    /// <summary>Bytes of a value as the controller sees it: for per-CPU maps the copies of all <see cref="Workers"/> side by side,
    /// without padding.</summary>
    public int DumpValueSize => IsPerCpu ? ValueSize * Workers : ValueSize;

    /// <summary>What the controller may do with the map.</summary>
    public MapAccess Access => Type switch
    {
        MapType.Queue or MapType.Stack => MapAccess.Update | MapAccess.Clear | MapAccess.Dump,
        MapType.RingBuffer => MapAccess.Consume,
        MapType.BloomFilter => MapAccess.Update | MapAccess.Clear,
        MapType.CountMinSketch or MapType.KeyedBloomFilter => MapAccess.Lookup | MapAccess.Update | MapAccess.Clear,
        _ => MapAccess.Lookup | MapAccess.Update | MapAccess.Delete | MapAccess.Clear | MapAccess.Dump,
    };

    /// <summary>Capacity in entries.</summary>
    public int MaxEntries => (int)Spec.MaxEntries;

    /// <summary>Entries now; an array always has all of its own.</summary>
    public abstract int Count { get; }

    /// <summary>Updates refused since the map was full; the caller holds a reference. Always 0 for an array.</summary>
    public ulong RefusedUpdates => Volatile.Read(ref Header->RefusedUpdates);

    /// <summary>The address programs know the map by (a <see cref="MapHeader"/>); 0 after the last reference is gone.</summary>
    public nint Handle => (nint)Header;

    private protected MapHeader* Header { get; private set; }

    /// <summary>Whether maps of a type can be created.</summary>
    public static bool IsSupported(MapType type) => type is MapType.Hash or MapType.Array or MapType.PerCpuHash or MapType.PerCpuArray or
        MapType.LruHash or MapType.LpmTrie or MapType.Queue or MapType.Stack or MapType.RingBuffer or
        MapType.BloomFilter or MapType.CountMinSketch or MapType.KeyedBloomFilter;

    /// <summary>Says what is wrong with a definition, in one sentence with the allowed range; null when nothing is.</summary>
    public static string? FindFault(MapSpec spec)
    {
        if (!IsSupported(spec.Type))
        {
            return $"map '{spec.Name}': type {(uint)spec.Type} ({spec.Type}) is not supported; " +
                "use BPF_MAP_TYPE_HASH (1), ARRAY (2), PERCPU_HASH (5), PERCPU_ARRAY (6), LRU_HASH (9), LPM_TRIE (11), QUEUE (22), STACK (23), RINGBUF (27), BLOOM_FILTER (30) or the count-min sketch (0x4f4b0001)";
        }

        if (FindSizeFault(spec) is { } fault)
        {
            return fault;
        }

        if (spec.MaxEntries == 0 || spec.MaxEntries > MaxCapacity)
        {
            return $"map '{spec.Name}': {spec.MaxEntries} entries are not in 1..{MaxCapacity}";
        }

        uint allowed = MapCreateFlags.ReadOnlyForPrograms | spec.Type switch
        {
            MapType.Array => MapCreateFlags.MemoryMappable,
            MapType.Hash or MapType.PerCpuHash or MapType.LpmTrie => MapCreateFlags.NoPreallocation,
            _ => 0,
        };
        if ((spec.Flags & ~allowed) != 0)
        {
            return $"map '{spec.Name}': flags 0x{spec.Flags & ~allowed:x} are not supported; allowed are 0x{allowed:x}";
        }

        long bytes = Layout(spec);
        return bytes <= MaxMemoryBytes
            ? null
            : $"map '{spec.Name}': would take {bytes} bytes, the limit is {MaxMemoryBytes}; lower max_entries or the value size";
    }

    /// <summary>Bytes of memory that a map with this definition takes, for quotas.</summary>
    /// <exception cref="ArgumentException">The definition is not acceptable, see <see cref="FindFault"/>.</exception>
    public static long MapMemoryBytes(MapSpec spec)
    {
        ThrowIfFaulty(spec);
        return Layout(spec);
    }

    /// <summary>Makes an empty map (an array: all zero) with one reference, the caller's.</summary>
    /// <exception cref="ArgumentException">The definition is not acceptable, see <see cref="FindFault"/>.</exception>
    /// <exception cref="OutOfMemoryException">The system does not give the memory.</exception>
    public static BpfMap Create(MapSpec spec)
    {
        ThrowIfFaulty(spec);
        return spec.Type switch
        {
            MapType.Array or MapType.PerCpuArray => new ArrayMap(spec),
            MapType.Queue or MapType.Stack => new QueueMap(spec),
            MapType.RingBuffer => new RingBufferMap(spec),
            MapType.BloomFilter or MapType.CountMinSketch or MapType.KeyedBloomFilter => new SketchMap(spec),
            _ => new HashMap(spec),
        };
    }

    /// <summary>Whether this map can take the place of one with this definition: equal name, type, sizes, capacity,
    /// flags and extra number.</summary>
    public bool IsCompatibleWith(MapSpec spec) =>
        Spec.Name == spec.Name && Spec.Type == spec.Type && Spec.KeySize == spec.KeySize &&
        Spec.ValueSize == spec.ValueSize && Spec.MaxEntries == spec.MaxEntries && Spec.Flags == spec.Flags &&
        Spec.MapExtra == spec.MapExtra;

    /// <summary>Copies the value of a key.</summary>
    /// <param name="key">Exactly <see cref="KeySize"/> bytes.</param>
    /// <param name="value">Exactly <see cref="DumpValueSize"/> bytes; unchanged when the key is not there.</param>
    /// <returns>Whether the key is there.</returns>
    public bool TryLookup(ReadOnlySpan<byte> key, Span<byte> value)
    {
        CheckKey(key);
        CheckValue(value.Length);
        fixed (byte* keyBytes = key, valueBytes = value)
        {
            return CopyValue(keyBytes, valueBytes);
        }
    }

    /// <summary>Creates or changes an entry. Waits up to 200 ms for workers to let go of removed entries.</summary>
    /// <param name="key">Exactly <see cref="KeySize"/> bytes.</param>
    /// <param name="value">Exactly <see cref="DumpValueSize"/> bytes.</param>
    /// <param name="flags">One of <see cref="MapUpdateFlags"/>.</param>
    /// <returns>0 or a negative <see cref="MapErrno"/>.</returns>
    public int Update(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, ulong flags)
    {
        CheckKey(key);
        CheckValue(value.Length);
        fixed (byte* keyBytes = key, valueBytes = value)
        {
            long result = UpdateEntry(keyBytes, valueBytes, flags);
            for (long until = Environment.TickCount64 + 200; result == MapErrno.Busy && Environment.TickCount64 < until;)
            {
                Thread.Sleep(0);
                result = UpdateEntry(keyBytes, valueBytes, flags);
            }

            return (int)result;
        }
    }

    /// <summary>Removes an entry; an array's element becomes zero.</summary>
    /// <param name="key">Exactly <see cref="KeySize"/> bytes.</param>
    /// <returns>0, or <see cref="MapErrno.NotFound"/>; for an array index out of range <see cref="MapErrno.Full"/>.</returns>
    public int Delete(ReadOnlySpan<byte> key)
    {
        CheckKey(key);
        fixed (byte* keyBytes = key)
        {
            return DeleteEntry(keyBytes);
        }
    }

    /// <summary>Removes all entries (an array: all elements become zero). Entries that programs add meanwhile may stay.</summary>
    public abstract void Clear();

    /// <summary>Copies all entries. Each entry is copied at one moment; the whole is not, if programs run meanwhile.</summary>
    public abstract IReadOnlyList<(byte[] Key, byte[] Value)> Snapshot();

    /// <summary>Takes one more reference; each needs its own <see cref="Dispose"/>.</summary>
    /// <exception cref="ObjectDisposedException">The last reference is gone.</exception>
    public void AddReference()
    {
        for (int seen = Volatile.Read(ref _references); seen > 0; seen = Volatile.Read(ref _references))
        {
            if (Interlocked.CompareExchange(ref _references, seen + 1, seen) == seen)
            {
                return;
            }
        }

        throw new ObjectDisposedException(Name);
    }

    /// <summary>Gives one reference back; the last one frees the memory. No program may be running or start with this map
    /// after that: the owner withdraws the filter from the workers first and waits for a batch boundary.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _references) == 0)
        {
            void* allocation = _allocation;
            _allocation = null;
            Header = null;
            NativeMemory.Free(allocation);
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>Each worker has values of its own.</summary>
    public bool IsPerCpu => Type is MapType.PerCpuArray or MapType.PerCpuHash;

    private protected abstract int DeleteEntry(byte* key);

    /// <summary>Copies the value of a key under the lock, if there is one.</summary>
    private protected virtual bool CopyValue(byte* key, byte* value)
    {
        MapMemory.Enter(Header);
        byte* found = FindValue(key);
        if (found != null && IsPerCpu)
        {
            PerCpu.Read(Header, found, value);
        }
        else if (found != null)
        {
            MapMemory.Copy(value, found, Header->ValueSize);
        }

        MapMemory.Exit(Header);
        return found != null;
    }

    /// <summary>The value of a key, of a per-CPU map all copies, or null; the caller holds the lock, if there is one.</summary>
    private protected virtual byte* FindValue(byte* key) => null;

    private protected void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(Header == null, this);

    private static string? FindSizeFault(MapSpec spec)
    {
        bool isArray = spec.Type is MapType.Array or MapType.PerCpuArray;
        if (isArray && spec.KeySize != 4)
        {
            return $"map '{spec.Name}': an array has keys of 4 bytes, not {spec.KeySize}";
        }

        if (spec.Type == MapType.LpmTrie && (spec.KeySize < 5 || spec.KeySize > sizeof(uint) + LpmTable.MaxDataBytes))
        {
            return $"map '{spec.Name}': key size {spec.KeySize} is not in 5..{sizeof(uint) + LpmTable.MaxDataBytes} bytes: a u32 prefix length and the data";
        }

        if (spec.Type == MapType.LpmTrie && (spec.Flags & MapCreateFlags.NoPreallocation) == 0)
        {
            return $"map '{spec.Name}': a prefix map needs the flag BPF_F_NO_PREALLOC (1) in map_flags, as in Linux";
        }

        if (spec.Type == MapType.CountMinSketch && spec.ValueSize is not (4 or 8))
        {
            return $"map '{spec.Name}': counters of a count-min sketch have 4 or 8 bytes, not {spec.ValueSize}";
        }

        if (spec.Type == MapType.KeyedBloomFilter && spec.ValueSize != sizeof(uint))
        {
            return $"map '{spec.Name}': a bloom filter's answer has 4 bytes, not {spec.ValueSize}";
        }

        uint mostExtra = spec.Type switch { MapType.BloomFilter or MapType.KeyedBloomFilter => 15, MapType.CountMinSketch => 8, _ => uint.MaxValue };
        if (spec.MapExtra > mostExtra)
        {
            return $"map '{spec.Name}': map_extra {spec.MapExtra} is not in 0..{mostExtra}";
        }

        bool hasKeys = spec.Type is not (MapType.Queue or MapType.Stack or MapType.RingBuffer or MapType.BloomFilter);
        if (!hasKeys && spec.KeySize != 0)
        {
            return $"map '{spec.Name}': a map of type {spec.Type} has no keys, so the key size is 0, not {spec.KeySize}";
        }

        if (hasKeys && (spec.KeySize == 0 || spec.KeySize > MaxKeySize))
        {
            return $"map '{spec.Name}': key size {spec.KeySize} is not in 1..{MaxKeySize} bytes";
        }

        if (spec.Type == MapType.RingBuffer)
        {
            return spec.ValueSize != 0 ? $"map '{spec.Name}': a ring buffer has no values, so the value size is 0, not {spec.ValueSize}"
                : spec.MaxEntries % 4096 != 0 || !BitOperations.IsPow2(spec.MaxEntries)
                ? $"map '{spec.Name}': {spec.MaxEntries} bytes are no size of a ring buffer; max_entries is a power of two from 4096 on"
                : null;
        }

        uint largest = spec.Type is MapType.PerCpuArray or MapType.PerCpuHash ? MaxPerCpuValueSize : MaxValueSize;
        return spec.ValueSize == 0 || spec.ValueSize > largest
            ? $"map '{spec.Name}': value size {spec.ValueSize} is not in 1..{largest} bytes"
            : null;
    }

    private static long Layout(MapSpec spec) => spec.Type switch
    {
        MapType.Array or MapType.PerCpuArray => ArrayMap.MemoryBytes(spec),
        MapType.Queue or MapType.Stack => QueueMap.MemoryBytes(spec),
        MapType.RingBuffer => RingBufferMap.MemoryBytes(spec),
        MapType.BloomFilter or MapType.CountMinSketch or MapType.KeyedBloomFilter => SketchMap.MemoryBytes(spec),
        _ => HashMap.MemoryBytes(spec),
    };

    private long UpdateEntry(byte* key, byte* value, ulong flags) =>
        KeySize == 0 ? MapOperations.Push(Header, value, flags) : MapOperations.Update(Header, key, value, flags, HashTable.AllWorkers);

    private static void ThrowIfFaulty(MapSpec spec)
    {
        if (FindFault(spec) is { } fault)
        {
            throw new ArgumentException(fault, nameof(spec));
        }
    }

    private void CheckKey(ReadOnlySpan<byte> key)
    {
        ThrowIfDisposed();
        if (key.Length != KeySize)
        {
            throw new ArgumentException($"Map '{Name}' has keys of {KeySize} bytes, not {key.Length}.", nameof(key));
        }
    }

    private void CheckValue(int length)
    {
        if (length != DumpValueSize)
        {
            throw new ArgumentException($"Map '{Name}' has values of {DumpValueSize} bytes, not {length}.", nameof(length));
        }
    }
}
