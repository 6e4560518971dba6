using System.Diagnostics;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Maps;

/// <summary>Bloom filter and count-min sketch under load (README.md, "Maps and threads"): what was added is never denied, and no count
/// is too low.</summary>
[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed unsafe class SketchMapHammerTests
{
    private const int Users = 4;
    private const int Controller = 3;
    private const uint Keys = 64;
    private const int Batch = 32;
    private const uint Items = 2000;

    private readonly MapHammer _hammer = new();

    // Per user: how many items are added for certain; how much is added to each key for certain.
    private readonly uint[] _items = new uint[Users];
    private readonly ulong[,] _added = new ulong[Users, Keys];

    [Test]
    public void BloomFilter_ThreeThreads_NeverDenyWhatWasAdded()
    {
        // A filter that is full says yes to everything, so there is a new one every few milliseconds.
        TimeSpan duration = MapHammer.Duration();
        int filters = 0;
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < duration; filters++)
        {
            using var map = BpfMap.Create(new MapSpec("b", MapType.BloomFilter, 0, 8, 3 * Items, 0));
            nint handle = map.Handle;
            Array.Clear(_items);
            int denied = 0;
            Thread[] threads = [.. Enumerable.Range(1, 3).Select(user => new Thread(() => Interlocked.Add(ref denied, AddItems(handle, user))))];
            Array.ForEach(threads, thread => thread.Start());
            Array.ForEach(threads, thread => thread.Join());
            denied.Should().Be(0);
            _items.Skip(1).Should().OnlyContain(items => items == Items);
        }

        TestContext.Out.WriteLine($"{duration.TotalSeconds} s: {filters:N0} filters, {3 * Items:N0} items in each");
    }

    [TestCase(4u)]
    [TestCase(8u)]
    public void CountMin_TwoWorkersAndAController_NoEstimateIsTooLow(uint valueSize)
    {
        using var map = BpfMap.Create(new MapSpec("c", MapType.CountMinSketch, 4, valueSize, 1024, 0));
        nint handle = map.Handle;
        var random = new Random(8);
        _hammer.Run(
            worker =>
            {
                var workersRandom = new Random(worker);
                return () => CountSome(handle, worker, workersRandom);
            },
            round => Control(map, random, round),
            MapHammer.Duration());

        for (uint key = 0; key < Keys; key++)
        {
            Estimate(map, key).Should().BeGreaterThanOrEqualTo(Added(key));
        }
    }

    private static ulong Estimate(BpfMap map, uint key)
    {
        var value = new byte[8];
        map.TryLookup(BitConverter.GetBytes(key), value.AsSpan(0, map.ValueSize)).Should().BeTrue();
        return BitConverter.ToUInt64(value);
    }

    private static ulong Item(int user, uint number) => ((ulong)user << 32) | number;

    private int AddItems(nint handle, int user)
    {
        var map = (MapHeader*)handle;
        var random = new Random(user);
        int denied = 0;
        for (uint number = 0; number < Items; number++)
        {
            ulong item = Item(user, number);
            MapOperations.Push(map, (byte*)&item, MapUpdateFlags.Any);
            denied += MapOperations.Peek(map, (byte*)&item) == 0 ? 0 : 1;
            Volatile.Write(ref _items[user], number + 1);
            int other = random.Next(1, Users);
            uint items = Volatile.Read(ref _items[other]);
            if (items != 0)
            {
                item = Item(other, (uint)random.Next((int)items));
                denied += MapOperations.Peek(map, (byte*)&item) == 0 ? 0 : 1;
            }
        }

        // What was lost by a race with the last ones shows now.
        for (uint number = 0; number < Items; number++)
        {
            ulong item = Item(user, number);
            denied += MapOperations.Peek(map, (byte*)&item) == 0 ? 0 : 1;
        }

        return denied;
    }

    private void CountSome(nint handle, int worker, Random random)
    {
        var map = (MapHeader*)handle;
        for (int i = 0; i < Batch; i++)
        {
            var key = (uint)random.Next((int)Keys);
            if (random.Next(2) == 0)
            {
                var delta = (ulong)random.Next(3);
                long result = MapOperations.Update(map, (byte*)&key, (byte*)&delta, MapUpdateFlags.Any, (uint)worker);
                _hammer.Check(result == 0, $"update says {result}");
                Volatile.Write(ref _added[worker, key], _added[worker, key] + delta);
            }
            else
            {
                ulong added = Added(key);
                byte* cell = MapOperations.Lookup(map, (byte*)&key, (uint)worker);
                ulong estimate = map->ValueSize == 8 ? *(ulong*)cell : *(uint*)cell;
                _hammer.Check(estimate >= added, $"worker {worker} gets {estimate} for {key}, which has {added}");
            }
        }
    }

    private void Control(BpfMap map, Random random, long round)
    {
        var key = (uint)random.Next((int)Keys);
        if (round % 2 == 0)
        {
            map.Update(BitConverter.GetBytes(key), BitConverter.GetBytes(5ul).AsSpan(0, map.ValueSize), MapUpdateFlags.Any);
            Volatile.Write(ref _added[Controller, key], _added[Controller, key] + 5);
        }
        else
        {
            ulong added = Added(key);
            ulong estimate = Estimate(map, key);
            _hammer.Check(estimate >= added, $"the controller gets {estimate} for {key}, which has {added}");
        }
    }

    private ulong Added(uint key)
    {
        ulong sum = 0;
        for (int user = 1; user < Users; user++)
        {
            sum += Volatile.Read(ref _added[user, key]);
        }

        return sum;
    }
}
