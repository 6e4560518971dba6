using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Oko.Bpf.Loading;

namespace Oko.Bpf.Maps;

/// <summary><c>BPF_MAP_TYPE_BLOOM_FILTER</c>, the one with keys, and the count-min sketch. The rules stand in <see cref="SketchTable"/>; see
/// <see cref="BpfMap"/> for threads and ownership.</summary>
/// <remarks>Neither knows its items, so there is no snapshot. For the controller <c>Update</c> adds the item (bloom: the value) or adds
/// the value to the key's count, and <c>TryLookup</c> gives a key's estimate (bloom with keys: 1 or 0; 1 is the value to add).</remarks>
public sealed unsafe class SketchMap : BpfMap
{
    private const uint DefaultHashes = 5;
    private const uint DefaultRows = 4;

    internal SketchMap(MapSpec spec)
        : base(spec, MemoryBytes(spec))
    {
        Header->Rows = RowsOf(spec);
        Header->IndexMask = (uint)(PlacesOf(spec) - 1);
        Header->Results = (byte*)Header + MapHeader.SizeBytes;
        Header->Entries = Header->Results + (MaxWorkers * SketchTable.ResultStride);
        Span<ulong> seeds = stackalloc ulong[2];
        RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(seeds));
        Header->Seed0 = seeds[0];
        Header->Seed1 = seeds[1] | 1;
    }

    /// <summary>Always 0: items are not kept.</summary>
    public override int Count => 0;

    /// <inheritdoc/>
    public override void Clear()
    {
        ThrowIfDisposed();
        // SAFETY: the bits or counters are whole words and reach up to the end of the map's memory.
        for (long word = 0; word < EntriesBytes(Spec) / sizeof(ulong); word++)
        {
            Volatile.Write(ref ((ulong*)Header->Entries)[word], 0);
        }
    }

    /// <summary>Always empty: items are not kept.</summary>
    public override IReadOnlyList<(byte[] Key, byte[] Value)> Snapshot() => [];

    internal static long MemoryBytes(MapSpec spec) =>
        checked(MapHeader.SizeBytes + (MaxWorkers * SketchTable.ResultStride) + EntriesBytes(spec));

    private protected override int DeleteEntry(byte* key) => MapErrno.NotSupported;

    private protected override bool CopyValue(byte* key, byte* value)
    {
        if (Type == MapType.BloomFilter)
        {
            return false;
        }

        ulong estimate = Type == MapType.CountMinSketch ? SketchTable.Estimate(Header, key) : SketchTable.Test(Header, key) == MapErrno.None ? 1u : 0u;
        MapMemory.Copy(value, (byte*)&estimate, Header->ValueSize);
        return true;
    }

    private static uint RowsOf(MapSpec spec) =>
        spec.MapExtra != 0 ? (uint)spec.MapExtra : spec.Type != MapType.CountMinSketch ? DefaultHashes : DefaultRows;

    // Bits of a bloom filter (Linux' formula: 7/5 for ln 2), or counters of a sketch's row.
    private static long PlacesOf(MapSpec spec) => spec.Type != MapType.CountMinSketch
        ? (long)BitOperations.RoundUpToPowerOf2(Math.Max(64, (ulong)spec.MaxEntries * RowsOf(spec) * 7 / 5))
        : BitOperations.RoundUpToPowerOf2(Math.Max(2, spec.MaxEntries));

    private static long EntriesBytes(MapSpec spec) =>
        spec.Type != MapType.CountMinSketch ? PlacesOf(spec) / 8 : PlacesOf(spec) * spec.ValueSize * RowsOf(spec);
}
