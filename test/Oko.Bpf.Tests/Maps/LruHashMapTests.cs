using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Maps;

[TestFixture]
public sealed unsafe class LruHashMapTests
{
    [TestCase(1u)]
    [TestCase(100u)]
    [TestCase(3000u)]
    public void Update_ManyMoreKeysThanEntries_IsNeverRefusedAndTheNewestIsThere(uint capacity)
    {
        using var map = BpfMap.Create(new MapSpec("m", MapType.LruHash, 8, 8, capacity, 0));
        var header = (MapHeader*)map.Handle;
        for (ulong key = 0; key < 20 * capacity + 5000; key++)
        {
            MapOperations.Update(header, (byte*)&key, (byte*)&key, MapUpdateFlags.Any, 0).Should().Be(0);
            (*(ulong*)MapOperations.Lookup(header, (byte*)&key, 0)).Should().Be(key);
        }

        map.Count.Should().Be((int)capacity);
        foreach ((byte[] key, byte[] value) in map.Snapshot())
        {
            value.Should().Equal(key);
            map.TryLookup(key, new byte[8]).Should().BeTrue();
        }
    }

    [Test]
    public void Update_FullMap_KeepsWhatIsLookedUp()
    {
        using var map = BpfMap.Create(new MapSpec("m", MapType.LruHash, 8, 8, 64, 0));
        var header = (MapHeader*)map.Handle;
        ulong favourite = 7;
        for (ulong key = 0; key < 5000; key++)
        {
            MapOperations.Update(header, (byte*)&key, (byte*)&key, MapUpdateFlags.Any, 0).Should().Be(0);
            (MapOperations.Lookup(header, (byte*)&favourite, 0) != null).Should().Be(key >= favourite, $"after key {key}");
        }
    }

    // As in Linux: a controller that lists the map must not change what is thrown out.
    [Test]
    public void TryLookup_ByTheController_IsNoUse()
    {
        using var map = BpfMap.Create(new MapSpec("m", MapType.LruHash, 8, 8, 64, 0));
        var header = (MapHeader*)map.Handle;
        for (ulong key = 0; key < 1000; key++)
        {
            MapOperations.Update(header, (byte*)&key, (byte*)&key, MapUpdateFlags.Any, 0).Should().Be(0);
            map.TryLookup(new byte[8], new byte[8]);
        }

        map.TryLookup(new byte[8], new byte[8]).Should().BeFalse();
    }
}
