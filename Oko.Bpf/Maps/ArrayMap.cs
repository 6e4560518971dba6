using System.Buffers.Binary;
using Oko.Bpf.Loading;

namespace Oko.Bpf.Maps;

/// <summary><c>BPF_MAP_TYPE_ARRAY</c> and <c>BPF_MAP_TYPE_PERCPU_ARRAY</c>: elements 0 to capacity - 1, always there, zero at first. See <see cref="BpfMap"/> for
/// threads and ownership.</summary>
/// <remarks>The key is a 4-byte little-endian index. Elements are padded to 8 bytes.</remarks>
public sealed unsafe class ArrayMap : BpfMap
{
    internal ArrayMap(MapSpec spec)
        : base(spec, MemoryBytes(spec))
    {
        Header->Stride = StrideOf(spec);
        Header->SlabEntries = spec.MaxEntries;
        Header->Entries = (byte*)Header + MapHeader.SizeBytes;
    }

    /// <inheritdoc/>
    public override int Count => MaxEntries;

    /// <summary>Address of element 0, for loads of a map value's address (<c>BPF_PSEUDO_MAP_VALUE</c>).</summary>
    internal nint ElementsAddress => (nint)Header->Entries;

    /// <inheritdoc/>
    public override void Clear()
    {
        ThrowIfDisposed();
        for (uint element = 0; element < Header->MaxEntries; element++)
        {
            DeleteEntry((byte*)&element);
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<(byte[] Key, byte[] Value)> Snapshot()
    {
        ThrowIfDisposed();
        var entries = new List<(byte[] Key, byte[] Value)>(MaxEntries);
        for (uint element = 0; element < Header->MaxEntries; element++)
        {
            var key = new byte[4];
            var value = new byte[DumpValueSize];
            BinaryPrimitives.WriteUInt32LittleEndian(key, element);
            TryLookup(key, value);
            entries.Add((key, value));
        }

        return entries;
    }

    internal static long MemoryBytes(MapSpec spec) =>
        checked(MapHeader.SizeBytes + ((long)spec.MaxEntries * StrideOf(spec)));

    private protected override byte* FindValue(byte* key) => MapOperations.LookupArray(Header->Entries, Header->MaxEntries, Header->Stride, key);

    private static uint StrideOf(MapSpec spec) => spec.Type == MapType.PerCpuArray
        ? BpfMap.MaxWorkers * PerCpu.CopyBytes(spec.ValueSize)
        : MapMemory.Align8(spec.ValueSize);

    private protected override int DeleteEntry(byte* key)
    {
        uint element = *(uint*)key;
        if (element >= Header->MaxEntries)
        {
            return MapErrno.Full;
        }

        // SAFETY: element < MaxEntries, and the slab has that many elements of Stride bytes.
        MapMemory.Enter(Header);
        new Span<byte>(Header->Entries + ((nuint)element * Header->Stride), (int)Header->Stride).Clear();
        MapMemory.Exit(Header);
        return MapErrno.None;
    }
}
