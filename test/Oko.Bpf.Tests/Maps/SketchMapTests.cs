using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Maps;

[TestFixture]
public sealed unsafe class SketchMapTests
{
    [Test]
    public void BloomFilter_AddedItems_AreNeverDeniedAndOthersSeldomConfirmed()
    {
        using var map = BpfMap.Create(new MapSpec("b", MapType.BloomFilter, 0, 12, 1000, 0));
        var header = (MapHeader*)map.Handle;
        int wrong = 0;
        byte* item = stackalloc byte[12];
        for (int i = 0; i < 11_000; i++)
        {
            *(int*)(item + 8) = i;
            if (i < 1000)
            {
                MapOperations.Push(header, item, 0).Should().Be(0);
            }

            wrong += i >= 1000 && MapOperations.Peek(header, item) == 0 ? 1 : 0;
        }

        for (int i = 0; i < 1000; i++)
        {
            *(int*)(item + 8) = i;
            MapOperations.Peek(header, item).Should().Be(0);
        }

        wrong.Should().BeLessThan(500);
        MapOperations.Pop(header, item).Should().Be(MapErrno.NotSupported);
        MapOperations.Push(header, item, 1).Should().Be(MapErrno.Invalid);
        map.Clear();
        MapOperations.Peek(header, item).Should().Be(MapErrno.NotFound);
    }

    [TestCase(4u)]
    [TestCase(8u)]
    public void CountMin_TwoThreads_EstimatesAreNeverTooLowAndExactWithoutCollisions(uint valueSize)
    {
        using var map = BpfMap.Create(new MapSpec("c", MapType.CountMinSketch, 4, valueSize, 4096, 0));
        nint handle = map.Handle;
        Parallel.For(0, 2, _ =>
        {
            ulong delta = 3;
            for (int i = 0; i < 100_000; i++)
            {
                uint key = (uint)i % 10;
                MapOperations.Update((MapHeader*)handle, (byte*)&key, (byte*)&delta, 0, 0);
            }
        });

        for (uint key = 0; key < 10; key++)
        {
            uint wanted = key;
            byte* cell = MapOperations.Lookup((MapHeader*)handle, (byte*)&wanted, 5);
            (valueSize == 8 ? *(ulong*)cell : *(uint*)cell).Should().Be(60_000);
        }

        var value = new byte[valueSize];
        map.TryLookup([3, 0, 0, 0], value).Should().BeTrue();
        value[..4].Should().Equal(BitConverter.GetBytes(60_000));
        map.Delete([3, 0, 0, 0]).Should().Be(MapErrno.NotSupported);
    }
}
