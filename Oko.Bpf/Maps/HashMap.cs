using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Oko.Bpf.Loading;

namespace Oko.Bpf.Maps;

/// <summary><c>BPF_MAP_TYPE_HASH</c>, <c>BPF_MAP_TYPE_PERCPU_HASH</c>, <c>BPF_MAP_TYPE_LRU_HASH</c>, <c>BPF_MAP_TYPE_LPM_TRIE</c>. The operations and the memory rules stand in <see cref="HashTable"/>; see
/// <see cref="BpfMap"/> for threads and ownership.</summary>
public sealed unsafe class HashMap : BpfMap
{
    // Bytes handled between two moments in which programs can have the lock.
    private const uint BytesPerTurn = 16384;

    internal HashMap(MapSpec spec)
        : base(spec, MemoryBytes(spec))
    {
        // SAFETY: the parts laid out here are those that MemoryBytes adds up; all sizes but the last are multiples of 8.
        Shape shape = ShapeOf(spec);
        byte* memory = (byte*)Header + MapHeader.SizeBytes;
        Header->Index = (ulong*)memory;
        memory += shape.IndexBytes;
        Header->SpareIndex = (ulong*)memory;
        memory += shape.IndexBytes;
        Header->Entries = memory;
        memory += shape.Entries * shape.Stride;
        Header->Stamps = (ulong*)memory;
        memory += shape.Entries * sizeof(ulong);
        Header->Lengths = (ulong*)memory;
        memory += shape.LengthsBytes;
        Header->Links = (uint*)memory;

        Header->Stride = shape.Stride;
        Header->ValueOffset = MapMemory.Align8(spec.KeySize);
        Header->IndexMask = shape.IndexWords - 1;
        Header->SlabEntries = (uint)shape.Entries;
        Header->FreshEntry = 1;
        Span<ulong> seeds = stackalloc ulong[2];
        RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(seeds));
        Header->Seed0 = seeds[0];
        Header->Seed1 = seeds[1] | 1;
    }

    /// <inheritdoc/>
    public override int Count
    {
        get
        {
            ThrowIfDisposed();
            return (int)Volatile.Read(ref Header->Count);
        }
    }

    /// <summary>How many entries beyond the capacity can wait in quarantine; by then an insert into a full map says
    /// <see cref="MapErrno.Busy"/>.</summary>
    public static uint QuarantineEntries(uint maxEntries) => Math.Clamp(maxEntries / 4, 256, 16384);

    private uint EntriesPerTurn => Math.Max(1, BytesPerTurn / Header->Stride);

    /// <inheritdoc/>
    public override void Clear()
    {
        ThrowIfDisposed();
        uint turn = EntriesPerTurn;
        for (uint first = 1; first < Header->SlabEntries; first += turn)
        {
            MapMemory.Enter(Header);
            uint end = Math.Min(first + turn, Header->FreshEntry);
            for (uint entry = first; entry < end; entry++)
            {
                if (Header->Links[entry] == HashTable.InUse)
                {
                    byte* key = HashTable.EntryAt(Header, entry);
                    if (Type == MapType.LpmTrie)
                    {
                        LpmTable.DeleteLocked(Header, key);
                    }
                    else
                    {
                        HashTable.DeleteLocked(Header, HashTable.Hash(Header, key), key);
                    }
                }
            }

            MapMemory.Exit(Header);
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<(byte[] Key, byte[] Value)> Snapshot()
    {
        ThrowIfDisposed();
        var entries = new List<(byte[] Key, byte[] Value)>(Count);
        uint turn = EntriesPerTurn;
        var buffer = new byte[turn * (KeySize + DumpValueSize)];
        for (uint first = 1; first < Header->FreshEntry; first += turn)
        {
            CopyTurn(first, first + turn, buffer, entries);
        }

        return entries;
    }

    internal static long MemoryBytes(MapSpec spec)
    {
        Shape shape = ShapeOf(spec);
        return checked(MapHeader.SizeBytes + (2 * shape.IndexBytes) + shape.LengthsBytes +
            (shape.Entries * (shape.Stride + sizeof(ulong) + sizeof(uint))));
    }

    private protected override int DeleteEntry(byte* key) => (int)MapOperations.Delete(Header, key);

    // Not by way of the programs' lookup: of prefixes the controller wants exactly one, and what it reads of an LRU map is no use.
    private protected override byte* FindValue(byte* key) =>
        Type == MapType.LpmTrie ? LpmTable.LookupExact(Header, key) : HashTable.Lookup(Header, key);

    private static Shape ShapeOf(MapSpec spec)
    {
        uint slack = QuarantineEntries(spec.MaxEntries);
        uint words = BitOperations.RoundUpToPowerOf2(2 * (spec.MaxEntries + slack));
        long entries = 1L + spec.MaxEntries + slack;
        return new Shape(words, entries, MapMemory.Align8(spec.KeySize) + ValueBytes(spec),
            spec.Type == MapType.LpmTrie ? LpmTable.LengthsBytes(spec.KeySize) : 0);
    }

    private static uint ValueBytes(MapSpec spec) => spec.Type switch
    {
        MapType.PerCpuHash => MaxWorkers * PerCpu.CopyBytes(spec.ValueSize),
        MapType.LruHash => MapMemory.Align8(spec.ValueSize) + sizeof(ulong),
        _ => MapMemory.Align8(spec.ValueSize),
    };

    // Only raw copying happens under the lock, into memory that is there already.
    private void CopyTurn(uint first, uint end, byte[] buffer, List<(byte[] Key, byte[] Value)> entries)
    {
        int keySize = KeySize;
        int valueSize = DumpValueSize;
        int copied = 0;
        MapMemory.Enter(Header);
        end = Math.Min(end, Header->FreshEntry);
        fixed (byte* target = buffer)
        {
            for (uint entry = first; entry < end; entry++)
            {
                if (Header->Links[entry] == HashTable.InUse)
                {
                    byte* source = HashTable.EntryAt(Header, entry);
                    byte* place = target + (copied++ * (keySize + valueSize));
                    MapMemory.Copy(place, source, (uint)keySize);
                    if (IsPerCpu)
                    {
                        PerCpu.Read(Header, source + Header->ValueOffset, place + keySize);
                    }
                    else
                    {
                        MapMemory.Copy(place + keySize, source + Header->ValueOffset, (uint)valueSize);
                    }
                }
            }
        }

        MapMemory.Exit(Header);
        for (int i = 0; i < copied; i++)
        {
            Span<byte> entry = buffer.AsSpan(i * (keySize + valueSize), keySize + valueSize);
            entries.Add((entry[..keySize].ToArray(), entry[keySize..].ToArray()));
        }
    }

    private readonly record struct Shape(uint IndexWords, long Entries, uint Stride, uint LengthsBytes)
    {
        public long IndexBytes => (long)IndexWords * sizeof(ulong);
    }
}
