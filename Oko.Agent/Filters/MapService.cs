using Oko.Bpf.Maps;
using Oko.OpenFlow.OkoExtension;

namespace Oko.Agent.Filters;

/// <summary>Reads and changes maps for controllers and the command line. Control thread; programs may use the maps meanwhile.</summary>
/// <remarks>A request is all or nothing: each entry is checked before the first is written, and what still fails then (a program
/// filled the map meanwhile) undoes the entries before it. Source: Oko.OpenFlow/OkoExtension/README.md, section 2 "MAP_UPDATE,
/// MAP_DELETE".</remarks>
public sealed class MapService(FilterStore store)
{
    /// <summary>Sets entries.</summary>
    /// <param name="filterId">The filter.</param>
    /// <param name="mapIndex">The map, 0-based.</param>
    /// <param name="entries">Keys and values, raw bytes as the program sees them.</param>
    /// <param name="flags">0 any, 1 only new, 2 only existing.</param>
    /// <exception cref="OkoErrorException">FILTER_UNKNOWN, MAP_UNKNOWN, MAP_OPERATION, MAP_SIZE, MAP_ENTRY.</exception>
    public void Update(uint filterId, int mapIndex, IReadOnlyList<(byte[] Key, byte[] Value)> entries, ulong flags)
    {
        var map = Get(filterId, mapIndex, MapAccess.Update);
        if (flags > MapUpdateFlags.Exist)
        {
            throw Refuse(OkoErrorType.MapOperation, filterId, map, $"{flags} is not a flag of an update; allowed are 0 any, 1 only new, 2 only existing");
        }

        CheckSizes(filterId, map, entries.Select(entry => entry.Key), entries.Select(entry => entry.Value));
        CheckUpdate(filterId, map, entries, flags);
        var undo = new Stack<(byte[] Key, byte[]? Old)>(entries.Count);
        for (var index = 0; index < entries.Count; index++)
        {
            var (key, value) = entries[index];
            var old = IsKeyed(map) ? Lookup(map, key) : null;
            var code = map.Update(key, value, flags);
            if (code != MapErrno.None)
            {
                Undo(map, undo);
                throw Refuse(OkoErrorType.MapEntry, filterId, map, $"entry {index}: {Explain(code, map)}; nothing was changed");
            }

            undo.Push((key, old));
        }
    }

    /// <summary>Deletes entries (an array's elements become zero); without keys all of them.</summary>
    /// <exception cref="OkoErrorException">FILTER_UNKNOWN, MAP_UNKNOWN, MAP_OPERATION, MAP_SIZE, MAP_ENTRY.</exception>
    public void Delete(uint filterId, int mapIndex, IReadOnlyList<byte[]> keys)
    {
        var map = Get(filterId, mapIndex, keys.Count == 0 ? MapAccess.Clear : MapAccess.Delete);
        if (keys.Count == 0)
        {
            map.Clear();
            return;
        }

        CheckSizes(filterId, map, keys, []);
        var seen = new HashSet<ByteKey>();
        for (var index = 0; index < keys.Count; index++)
        {
            if (!seen.Add(new ByteKey(keys[index])) || Lookup(map, keys[index]) is null)
            {
                throw Refuse(OkoErrorType.MapEntry, filterId, map,
                    $"entry {index}: the key {Convert.ToHexStringLower(keys[index])} is not there; nothing was deleted");
            }
        }

        foreach (var key in keys)
        {
            // A program may have deleted it meanwhile; then the entry is gone as asked.
            map.Delete(key);
        }
    }

    /// <summary>All entries of a map, each copied at one moment.</summary>
    /// <exception cref="OkoErrorException">FILTER_UNKNOWN, MAP_UNKNOWN.</exception>
    public IReadOnlyList<(byte[] Key, byte[] Value)> Dump(uint filterId, int mapIndex) => Get(filterId, mapIndex, MapAccess.Dump).Snapshot();

    /// <summary>A map for use on another thread, whatever becomes of its filter meanwhile; the caller disposes it.</summary>
    /// <param name="filterId">The filter.</param>
    /// <param name="mapIndex">The map, 0-based.</param>
    /// <param name="needed">What it must offer.</param>
    /// <exception cref="OkoErrorException">FILTER_UNKNOWN, MAP_UNKNOWN, MAP_OPERATION.</exception>
    public BpfMap Borrow(uint filterId, int mapIndex, MapAccess needed)
    {
        var map = Get(filterId, mapIndex, needed);
        map.AddReference();
        return map;
    }

    private static OkoErrorException Refuse(OkoErrorType type, uint filterId, BpfMap map, string text) =>
        new(type, filterId, $"filter {filterId}, map {map.Name}: {text}.");

    private static byte[]? Lookup(BpfMap map, byte[] key)
    {
        var value = new byte[map.DumpValueSize];
        return map.TryLookup(key, value) ? value : null;
    }

    private static void CheckSizes(uint filterId, BpfMap map, IEnumerable<byte[]> keys, IEnumerable<byte[]> values)
    {
        if (keys.FirstOrDefault(key => key.Length != map.KeySize) is { } wrongKey)
        {
            throw Refuse(OkoErrorType.MapSize, filterId, map, $"keys have {map.KeySize} bytes, not {wrongKey.Length}");
        }

        if (values.FirstOrDefault(value => value.Length != map.DumpValueSize) is { } wrongValue)
        {
            throw Refuse(OkoErrorType.MapSize, filterId, map, $"values have {map.DumpValueSize} bytes, not {wrongValue.Length}");
        }
    }

    /// <summary>Finds what the flags or the capacity forbid, as if the entries were set one after the other.</summary>
    private static void CheckUpdate(uint filterId, BpfMap map, IReadOnlyList<(byte[] Key, byte[] Value)> entries, ulong flags)
    {
        if (!IsKeyed(map))
        {
            CheckAddition(filterId, map, entries.Count, flags);
            return;
        }

        var added = new HashSet<ByteKey>();
        // A full LRU map makes room by itself.
        var capacity = map.Type == MapType.LruHash ? int.MaxValue : map.MaxEntries - (IsArray(map) ? 0 : map.Count);
        for (var index = 0; index < entries.Count; index++)
        {
            var key = entries[index].Key;
            var isThere = added.Contains(new ByteKey(key)) || Lookup(map, key) is not null;
            int code;
            if (isThere)
            {
                code = flags == MapUpdateFlags.NoExist ? MapErrno.Exists : MapErrno.None;
            }
            else if (flags == MapUpdateFlags.Exist)
            {
                code = MapErrno.NotFound;
            }
            else
            {
                added.Add(new ByteKey(key));
                code = IsArray(map) || added.Count > capacity ? MapErrno.Full : MapErrno.None;
            }

            if (code != MapErrno.None)
            {
                throw Refuse(OkoErrorType.MapEntry, filterId, map, $"entry {index}: {Explain(code, map)}; nothing was changed");
            }
        }
    }

    private static string Explain(int code, BpfMap map) => code switch
    {
        MapErrno.NotFound => "the key is not there, and only existing ones were to change",
        MapErrno.Exists => "the key is there, and only new ones were to be added",
        MapErrno.Full when IsArray(map) => $"the index is out of range; allowed are 0 to {map.MaxEntries - 1}",
        MapErrno.Full => $"the map is full ({map.MaxEntries} entries)",
        MapErrno.Busy => "free entries are still in use by a running program; try again",
        _ => $"the map refused it (code {code})",
    };

    private static void Undo(BpfMap map, Stack<(byte[] Key, byte[]? Old)> undo)
    {
        while (undo.TryPop(out var step))
        {
            if (step.Old is null)
            {
                map.Delete(step.Key);
            }
            else
            {
                map.Update(step.Key, step.Old, MapUpdateFlags.Any);
            }
        }
    }

    private static bool IsArray(BpfMap map) => map.Type is MapType.Array or MapType.PerCpuArray;

    /// <summary>An update sets the value of a key, and can be undone; in other maps it adds a value or a count.</summary>
    private static bool IsKeyed(BpfMap map) => map.Access.HasFlag(MapAccess.Delete);

    private static void CheckAddition(uint filterId, BpfMap map, int count, ulong flags)
    {
        if (flags != MapUpdateFlags.Any)
        {
            throw Refuse(OkoErrorType.MapOperation, filterId, map, $"a {map.Type} has no keys that could be new or there already; leave the condition out");
        }

        if (map.Type is MapType.Queue or MapType.Stack && count > map.MaxEntries - map.Count)
        {
            throw Refuse(OkoErrorType.MapEntry, filterId, map, $"{count} values do not fit, {map.Count} of {map.MaxEntries} places are taken; nothing was changed");
        }
    }

    private BpfMap Get(uint filterId, int mapIndex, MapAccess needed)
    {
        var map = store.GetMap(filterId, mapIndex);
        if (!map.Access.HasFlag(needed))
        {
            throw Refuse(OkoErrorType.MapOperation, filterId, map, $"a map of type {map.Type} does not offer {needed.ToString().ToLowerInvariant()}; it offers {map.Access.ToString().ToLowerInvariant()}");
        }

        return needed == MapAccess.Dump || !store.IsConstant(filterId, mapIndex)
            ? map
            : throw Refuse(OkoErrorType.MapOperation, filterId, map, "these are constants of the program; replace the filter to change them");
    }
}
