namespace Oko.Bpf.Maps;

// SAFETY: Next looks at entries below FreshEntry (hash) or MaxEntries (array) only.

/// <summary>A place in the iteration over a map's entries; all zero at its start. Used by one thread.</summary>
internal unsafe struct MapCursor
{
    /// <summary>Entries passed.</summary>
    public uint Position;

    /// <summary>The key, where the map has none in memory: an array's index.</summary>
    public uint Index;

    /// <summary>Address of the entry's key.</summary>
    public byte* Key;

    /// <summary>Address of the entry's value.</summary>
    public byte* Value;

    /// <summary>Goes on to the next entry of an array or hash map; in maps of other types there is none.</summary>
    /// <param name="map">The map's handle.</param>
    /// <param name="cursor">Fixed in memory for as long as <see cref="Key"/> is used.</param>
    /// <returns>Whether there was one. Entries that others add or delete meanwhile may or may not come up.</returns>
    public static bool Next(MapHeader* map, MapCursor* cursor)
    {
        if (map->Type is MapType.Array or MapType.PerCpuArray)
        {
            if (cursor->Position >= map->MaxEntries)
            {
                return false;
            }

            cursor->Index = cursor->Position++;
            cursor->Key = (byte*)&cursor->Index;
            cursor->Value = map->Entries + ((nuint)cursor->Index * map->Stride);
            return true;
        }

        if (map->Type is not (MapType.Hash or MapType.LruHash or MapType.PerCpuHash))
        {
            return false;
        }

        // Entry 0 of a hash map is never used.
        while (++cursor->Position < Volatile.Read(ref map->FreshEntry))
        {
            if (Volatile.Read(ref map->Links[cursor->Position]) == HashTable.InUse)
            {
                cursor->Key = HashTable.EntryAt(map, cursor->Position);
                cursor->Value = cursor->Key + map->ValueOffset;
                return true;
            }
        }

        return false;
    }
}
