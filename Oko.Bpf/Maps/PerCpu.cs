namespace Oko.Bpf.Maps;

// SAFETY: a per-CPU value has BpfMap.MaxWorkers copies of CopyBytes each, and workers are below that number.

/// <summary>The copies of a per-CPU value: one per worker, each padded to 8 bytes. A program sees its own worker's only.</summary>
internal static unsafe class PerCpu
{
    /// <summary>Bytes from one copy to the next.</summary>
    public static uint CopyBytes(uint valueSize) => MapMemory.Align8(valueSize);

    /// <summary>Address of a worker's copy, or null if there is no value.</summary>
    public static byte* CopyAt(MapHeader* map, byte* copies, uint worker) =>
        copies == null ? null : copies + ((nuint)worker * CopyBytes(map->ValueSize));

    /// <summary>Writes one copy, or all of them from values that stand one after the other. The caller holds the lock.</summary>
    public static void Write(MapHeader* map, byte* copies, byte* value, uint worker, bool isNew)
    {
        if (worker == HashTable.AllWorkers)
        {
            for (uint each = 0; each < BpfMap.Workers; each++)
            {
                MapMemory.Copy(CopyAt(map, copies, each), value + ((nuint)each * map->ValueSize), map->ValueSize);
            }

            return;
        }

        if (isNew)
        {
            new Span<byte>(copies, checked((int)(BpfMap.MaxWorkers * CopyBytes(map->ValueSize)))).Clear();
        }

        MapMemory.Copy(CopyAt(map, copies, worker), value, map->ValueSize);
    }

    /// <summary>Copies all copies one after the other, without padding.</summary>
    public static void Read(MapHeader* map, byte* copies, byte* target)
    {
        for (uint each = 0; each < BpfMap.Workers; each++)
        {
            MapMemory.Copy(target + ((nuint)each * map->ValueSize), CopyAt(map, copies, each), map->ValueSize);
        }
    }
}
