using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Maps;

/// <summary>Random operations on an LRU hash map beside a dictionary. They agree exactly, but that a full map chooses what goes; for the
/// choice there are bounds (the essay in HashTable.Lru.cs).</summary>
[TestFixture]
public sealed unsafe class LruHashMapModelTests
{
    private const int Steps = 20_000;

    [Test]
    public void Operations_RandomSequence_AgreeWithDictionary([Values(1u, 2u, 50u, 64u)] uint capacity, [Values(1, 2, 3)] int seed)
    {
        var random = new Random(seed);
        using var map = BpfMap.Create(new MapSpec("m", MapType.LruHash, 8, 8, capacity, 0));
        var model = new Dictionary<ulong, Entry>();
        var evictions = 0;
        for (int step = 0; step < Steps; step++)
        {
            string where = $"seed {seed}, step {step}";
            var key = (ulong)random.Next((int)capacity * 2);
            bool isKnown = model.TryGetValue(key, out Entry? expected);
            switch (random.Next(8))
            {
                case 0:
                    Delete(map, key, byProgram: step % 2 == 0).Should().Be(isKnown ? 0 : MapErrno.NotFound, where);
                    model.Remove(key);
                    break;
                case 1:
                    var value = new byte[8];
                    map.TryLookup(BitConverter.GetBytes(key), value).Should().Be(isKnown, where);
                    BitConverter.ToUInt64(value).Should().Be(expected?.Value ?? 0, where);
                    break;
                case < 5:
                    LookUp(map, key).Should().Be(expected?.Value, where);
                    expected?.Use(evictions);
                    break;
                default:
                    var flags = (ulong)random.Next(4);
                    bool mustEvict = !isKnown && model.Count == capacity && flags <= MapUpdateFlags.NoExist;
                    int error = flags > MapUpdateFlags.Exist ? MapErrno.Invalid
                        : isKnown && flags == MapUpdateFlags.NoExist ? MapErrno.Exists
                        : !isKnown && flags == MapUpdateFlags.Exist ? MapErrno.NotFound : 0;
                    Update(map, key, (ulong)step, flags, byProgram: step % 2 == 0).Should().Be(error, where);
                    if (mustEvict)
                    {
                        RemoveEvicted(map, model, evictions++, where);
                    }

                    if (error == 0)
                    {
                        expected?.Use(evictions);
                        model[key] = expected ?? new Entry();
                        model[key].Value = (ulong)step;
                    }

                    break;
            }

            map.Count.Should().Be(model.Count, where);
        }

        map.Snapshot().Select(entry => (BitConverter.ToUInt64(entry.Key), BitConverter.ToUInt64(entry.Value)))
            .Should().BeEquivalentTo(model.Select(entry => (entry.Key, entry.Value.Value)), $"seed {seed}");
        evictions.Should().BePositive();
    }

    [Test]
    public void Update_FullMap_KeepsAsManyAsHaveSecondChances()
    {
        const ulong favourites = 64;
        using var map = BpfMap.Create(new MapSpec("m", MapType.LruHash, 8, 8, 500, 0));
        for (ulong key = 0; key < 3000; key++)
        {
            Update(map, key, key, MapUpdateFlags.NoExist, byProgram: true).Should().Be(0);
            for (ulong favourite = 0; favourite < Math.Min(favourites, key); favourite++)
            {
                LookUp(map, favourite).Should().Be(favourite, $"after key {key}");
            }
        }
    }

    // The map has the keys of the model but one, which is not the key that was just added. An entry that was used since the last eviction
    // goes only when there is none that was never used.
    private static void RemoveEvicted(BpfMap map, Dictionary<ulong, Entry> model, int evictions, string where)
    {
        var left = map.Snapshot().Select(entry => BitConverter.ToUInt64(entry.Key)).ToHashSet();
        var evicted = model.Keys.Where(key => !left.Contains(key)).ToList();
        evicted.Should().HaveCount(1, where);
        model.Remove(evicted[0], out Entry? entry);
        bool wasJustUsed = entry!.UsedAfter == evictions;
        (wasJustUsed && model.Values.Any(other => other.UsedAfter < 0)).Should().BeFalse($"{where}: {evicted[0]} was in use");
    }

    private static ulong? LookUp(BpfMap map, ulong key)
    {
        var found = (ulong*)MapOperations.Lookup((MapHeader*)map.Handle, (byte*)&key, 0);
        return found == null ? null : *found;
    }

    private static long Update(BpfMap map, ulong key, ulong value, ulong flags, bool byProgram) => byProgram
        ? MapOperations.Update((MapHeader*)map.Handle, (byte*)&key, (byte*)&value, flags, 0)
        : map.Update(BitConverter.GetBytes(key), BitConverter.GetBytes(value), flags);

    private static long Delete(BpfMap map, ulong key, bool byProgram) =>
        byProgram ? MapOperations.Delete((MapHeader*)map.Handle, (byte*)&key) : map.Delete(BitConverter.GetBytes(key));

    private sealed class Entry
    {
        public ulong Value { get; set; }

        /// <summary>After how many evictions it was last looked up by a program or changed; -1 = never since it was added.</summary>
        public int UsedAfter { get; private set; } = -1;

        public void Use(int evictions) => UsedAfter = evictions;
    }
}
