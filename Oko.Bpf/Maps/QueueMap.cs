using Oko.Bpf.Loading;

namespace Oko.Bpf.Maps;

// SAFETY: positions are taken modulo MaxEntries, and the memory has that many elements of Stride bytes.

/// <summary><c>BPF_MAP_TYPE_QUEUE</c> and <c>BPF_MAP_TYPE_STACK</c>: values without keys, first in first out or last in first
/// out. Each operation holds the map's lock for one copy. See <see cref="BpfMap"/> for threads and ownership.</summary>
/// <remarks>For the controller <c>TryLookup</c> peeks, <c>Update</c> pushes; the key is empty. A snapshot is in the order of
/// removal.</remarks>
public sealed unsafe class QueueMap : BpfMap
{
    internal QueueMap(MapSpec spec)
        : base(spec, MemoryBytes(spec))
    {
        Header->Stride = MapMemory.Align8(spec.ValueSize);
        Header->Entries = (byte*)Header + MapHeader.SizeBytes;
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

    /// <inheritdoc/>
    public override void Clear()
    {
        ThrowIfDisposed();
        MapMemory.Enter(Header);
        Header->Count = 0;
        MapMemory.Exit(Header);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<(byte[] Key, byte[] Value)> Snapshot()
    {
        ThrowIfDisposed();
        var entries = new List<(byte[] Key, byte[] Value)>(Count);
        ulong position = Type == MapType.Queue ? 0 : ulong.MaxValue;
        var value = new byte[ValueSize];
        while (entries.Count < MaxEntries && CopyNext(ref position, value))
        {
            entries.Add(([], value));
            value = new byte[ValueSize];
        }

        return entries;
    }

    internal static long MemoryBytes(MapSpec spec) =>
        checked(MapHeader.SizeBytes + ((long)spec.MaxEntries * MapMemory.Align8(spec.ValueSize)));

    /// <summary>Adds a value. A full map refuses with <see cref="MapErrno.Full"/>, or with <see cref="MapUpdateFlags.Exist"/>
    /// drops its oldest value.</summary>
    internal static long Push(MapHeader* map, byte* value, ulong flags)
    {
        if (flags is not (MapUpdateFlags.Any or MapUpdateFlags.Exist))
        {
            return MapErrno.Invalid;
        }

        MapMemory.Enter(map);
        long result = MapErrno.None;
        if (map->Count == map->MaxEntries && flags == MapUpdateFlags.Any)
        {
            map->RefusedUpdates++;
            result = MapErrno.Full;
        }
        else
        {
            if (map->Count == map->MaxEntries)
            {
                map->Oldest++;
                map->Count--;
            }

            MapMemory.Copy(Slot(map, map->Oldest + map->Count), value, map->ValueSize);
            map->Count++;
        }

        MapMemory.Exit(map);
        return result;
    }

    /// <summary>Copies the next value, and removes it if asked. An empty map zeroes the target and says
    /// <see cref="MapErrno.NotFound"/>.</summary>
    internal static long Take(MapHeader* map, byte* value, bool remove)
    {
        MapMemory.Enter(map);
        long result = MapErrno.None;
        if (map->Count == 0)
        {
            new Span<byte>(value, (int)map->ValueSize).Clear();
            result = MapErrno.NotFound;
        }
        else
        {
            MapMemory.Copy(value, NextOf(map), map->ValueSize);
            if (remove)
            {
                map->Oldest += map->Type == MapType.Queue ? 1u : 0;
                map->Count--;
            }
        }

        MapMemory.Exit(map);
        return result;
    }

    private protected override int DeleteEntry(byte* key) => MapErrno.NotSupported;

    private protected override byte* FindValue(byte* key) => Header->Count == 0 ? null : NextOf(Header);

    // Elements have positions that never change, so those that come and go meanwhile move no other from under the snapshot.
    private bool CopyNext(ref ulong position, byte[] value)
    {
        MapMemory.Enter(Header);
        bool isQueue = Type == MapType.Queue;
        ulong end = Header->Oldest + Header->Count;
        position = isQueue ? Math.Max(position, Header->Oldest) : Math.Min(position, end);
        bool isThere = isQueue ? position < end : position > Header->Oldest;
        if (isThere)
        {
            fixed (byte* target = value)
            {
                MapMemory.Copy(target, Slot(Header, isQueue ? position++ : --position), Header->ValueSize);
            }
        }

        MapMemory.Exit(Header);
        return isThere;
    }

    private static byte* NextOf(MapHeader* map) =>
        Slot(map, map->Type == MapType.Queue ? map->Oldest : map->Oldest + map->Count - 1);

    private static byte* Slot(MapHeader* map, ulong position) =>
        map->Entries + ((nuint)(position % map->MaxEntries) * map->Stride);
}
