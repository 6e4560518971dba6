using Oko.Bpf.Maps;
using Oko.OpenFlow.OkoExtension;

namespace Oko.Agent.Filters;

/// <summary>Finds what has changed in a map since it was looked at before, by a copy of it. One thread at a time.</summary>
/// <remarks>What comes and goes between two looks is not seen. An entry takes some objects beside its bytes; with them counted, the copy
/// takes at most <see cref="MaxBytes"/>, and while maps are compared there are two.</remarks>
public sealed class MapComparison
{
    /// <summary>Most bytes of a map that can be compared.</summary>
    public const long MaxBytes = 32 << 20;

    /// <summary>Bytes that an entry takes beside those of its key and value.</summary>
    public const int EntryBytes = 128;

    private Dictionary<ByteKey, byte[]>? _before;
    private Oko.Bpf.Loading.MapSpec? _spec;

    /// <summary>Looks at the map: the first time nothing has changed.</summary>
    /// <param name="filterId">For the error.</param>
    /// <param name="map">The map, or one that took its place.</param>
    /// <exception cref="OkoErrorException">MAP_OPERATION: it has no keys; QUOTA: it has grown too large.</exception>
    public IReadOnlyList<MapChange> Next(uint filterId, BpfMap map)
    {
        if (map.KeySize == 0)
        {
            throw new OkoErrorException(OkoErrorType.MapOperation, filterId,
                $"filter {filterId}, map {map.Name}: a {map.Type} has no keys by which entries could be compared; dump it instead.");
        }

        var bytes = (long)map.Count * (map.KeySize + map.DumpValueSize + EntryBytes);
        if (bytes > MaxBytes)
        {
            throw new OkoErrorException(OkoErrorType.Quota, filterId,
                $"filter {filterId}, map {map.Name}: a copy of its {map.Count} entries takes {bytes} bytes; maps of up to {MaxBytes} can be watched, dump it instead.");
        }

        var entries = map.Snapshot();
        var now = new Dictionary<ByteKey, byte[]>(entries.Count);
        List<MapChange> changes = [];
        foreach (var (key, value) in entries)
        {
            byte[]? old = null;
            _before?.TryGetValue(new ByteKey(key), out old);
            // A map that changes while it is listed may name an entry twice.
            if (now.TryAdd(new ByteKey(key), value) && _before is not null && !(old is not null && value.AsSpan().SequenceEqual(old)))
            {
                changes.Add(new MapChange(map.Spec, key, value, old));
            }
        }

        if (_before is not null)
        {
            changes.AddRange(_before.Where(entry => !now.ContainsKey(entry.Key)).Select(entry => new MapChange(_spec!, entry.Key.Bytes, null, entry.Value)));
        }

        (_before, _spec) = (now, map.Spec);
        return changes;
    }
}
