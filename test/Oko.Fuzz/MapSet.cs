using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Fuzz;

/// <summary>The maps of a program, with some entries; equal for equal seeds.</summary>
internal sealed class MapSet : IDisposable
{
    private const int Entries = 4;

    public MapSet(VerifiedProgram program, int seed)
    {
        var random = new Random(seed);
        Maps = [.. program.Maps.Select(BpfMap.Create)];
        for (var index = 0; index < Maps.Count; index++)
        {
            if (program.InitialValues.TryGetValue(index, out var initial))
            {
                Maps[index].Update(new byte[4], initial, MapUpdateFlags.Any);
            }
            else if (Maps[index].Access.HasFlag(MapAccess.Update))
            {
                Fill(Maps[index], random);
            }
        }
    }

    public IReadOnlyList<BpfMap> Maps { get; }

    /// <summary>Where the contents differ, or null.</summary>
    public string? FindDifference(MapSet other)
    {
        for (var index = 0; index < Maps.Count; index++)
        {
            if (Maps[index].Access.HasFlag(MapAccess.Dump) && !Content(Maps[index]).SequenceEqual(Content(other.Maps[index])))
            {
                return $"map {Maps[index].Name}: interpreter {string.Join(' ', Content(Maps[index]).Take(8))}, compiled code {string.Join(' ', Content(other.Maps[index]).Take(8))}";
            }
        }

        return null;
    }

    public void Dispose()
    {
        foreach (var map in Maps)
        {
            map.Dispose();
        }
    }

    // Keys that programs are likely to ask for: small numbers, at either end.
    private static void Fill(BpfMap map, Random random)
    {
        var key = new byte[map.KeySize];
        var value = new byte[map.DumpValueSize];
        for (var entry = 0; entry < Entries; entry++)
        {
            random.NextBytes(value);
            if (key.Length > 0)
            {
                key[random.Next(2) == 0 ? 0 : ^1] = (byte)entry;
            }

            _ = map.Update(key, value, MapUpdateFlags.Any);     // an index too high, a full map: no harm
        }
    }

    // A queue's order counts; a hash has none.
    private static IEnumerable<string> Content(BpfMap map)
    {
        var entries = map.Snapshot().Select(entry => $"{Convert.ToHexString(entry.Key)}={Convert.ToHexString(entry.Value)}");
        return map.KeySize == 0 ? entries : entries.Order(StringComparer.Ordinal);
    }
}
