using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Testing;

namespace Oko.Bpf.Tests.Maps;

/// <summary>Whatever a program does to a map, its worker allocates nothing.</summary>
[TestFixture]
public sealed unsafe class WorkerAllocationTests
{
    private const int Capacity = 64;

    [TestCase(MapType.Array, 4u)]
    [TestCase(MapType.PerCpuArray, 4u)]
    [TestCase(MapType.Hash, 4u)]
    [TestCase(MapType.Hash, 8u)]
    [TestCase(MapType.Hash, 13u)]
    [TestCase(MapType.Hash, 16u)]
    [TestCase(MapType.PerCpuHash, 8u)]
    [TestCase(MapType.LruHash, 8u)]
    [TestCase(MapType.LpmTrie, 8u)]
    [TestCase(MapType.LpmTrie, 260u)]
    [TestCase(MapType.CountMinSketch, 12u)]
    public void LookupUpdateDeleteNext_Warm_AllocateNothing(MapType type, uint keySize)
    {
        uint flags = type == MapType.LpmTrie ? MapCreateFlags.NoPreallocation : 0;
        using var map = BpfMap.Create(new MapSpec("m", type, keySize, 8, Capacity, flags));
        nint handle = map.Handle;
        using MapReader reader = MapReaders.Register();
        int found = 0;
        Allocations.Of(() => found += UseKeys(handle, reader)).Should().Be(0);

        found.Should().BePositive();
    }

    [TestCase(MapType.Queue)]
    [TestCase(MapType.Stack)]
    [TestCase(MapType.BloomFilter)]
    public void PushPeekPop_Warm_AllocateNothing(MapType type)
    {
        using var map = BpfMap.Create(new MapSpec("m", type, 0, 8, Capacity, 0));
        nint handle = map.Handle;
        int done = 0;
        Allocations.Of(() => done += UseElements(handle)).Should().Be(0);

        done.Should().BePositive();
    }

    // More keys than fit, so that a full map refuses or evicts; a batch now and then, so that removed entries are used again.
    private static int UseKeys(nint handle, MapReader reader)
    {
        var map = (MapHeader*)handle;
        byte* key = stackalloc byte[(int)BpfMap.MaxKeySize];
        ulong value = 1;
        int found = 0;
        for (uint number = 0; number < 20 * Capacity; number++)
        {
            if (number % 16 == 0)
            {
                reader.Exit();
                reader.Enter();
            }

            // For a prefix map the first word is the length: all of 0 to 31, and different bits.
            *(uint*)key = map->Type == MapType.LpmTrie ? number % 32 : number % (2 * Capacity);
            key[map->KeySize - 1] = map->KeySize > 4 ? (byte)number : key[map->KeySize - 1];
            MapOperations.Update(map, key, (byte*)&value, MapUpdateFlags.Any, 1);
            found += MapOperations.Lookup(map, key, 1) != null ? 1 : 0;
            *(uint*)key = number % 7;
            found += MapOperations.Lookup(map, key, 1) != null ? 1 : 0;
            MapOperations.Delete(map, key);
        }

        var cursor = default(MapCursor);
        while (MapOperations.Next(map, &cursor, 1))
        {
            found++;
        }

        reader.Exit();
        return found;
    }

    private static int UseElements(nint handle)
    {
        var map = (MapHeader*)handle;
        ulong value = 1;
        int done = 0;
        for (uint number = 0; number < 20 * Capacity; number++)
        {
            done += MapOperations.Push(map, (byte*)&value, number % 8 == 0 ? MapUpdateFlags.Exist : MapUpdateFlags.Any) == 0 ? 1 : 0;
            done += MapOperations.Peek(map, (byte*)&value) == 0 ? 1 : 0;
            done += number % 3 == 0 && MapOperations.Pop(map, (byte*)&value) == 0 ? 1 : 0;
        }

        return done;
    }
}
