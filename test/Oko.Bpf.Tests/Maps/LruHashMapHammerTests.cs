using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Maps;

/// <summary>An LRU hash map that is always full, under load (README.md, "Maps and threads", and the essay in HashTable.Lru.cs).</summary>
[TestFixture]
public sealed unsafe class LruHashMapHammerTests
{
    // Everybody uses the favourites once per Batch inserts. So while the hand goes round once, each of them is used many times, and no
    // more than the favourites, 1024 / Batch held keys and a few stand in its way: fewer than its 64 second chances.
    private const ulong Favourites = 8;
    private const uint Capacity = 1024;
    private const int Batch = 32;

    private readonly MapHammer _hammer = new();
    private nint _handle;
    private long _inserted;

    [Test]
    public void TwoWorkersAndAController_FullMap_FavouritesStayAndNothingIsMixedUp()
    {
        using var map = BpfMap.Create(new MapSpec("m", MapType.LruHash, 8, 16, Capacity, 0));
        for (ulong key = 0; key < Favourites; key++)
        {
            map.Update(BitConverter.GetBytes(key), Value(key, 0), MapUpdateFlags.Any).Should().Be(0);
        }

        _handle = map.Handle;
        _hammer.Run(StartWorker, round => Control(map, (ulong)round), MapHammer.Duration());

        map.Count.Should().Be((int)Capacity);
        map.Snapshot().Should().OnlyContain(entry => BitConverter.ToUInt64(entry.Key) == BitConverter.ToUInt64(entry.Value));
        TestContext.Out.WriteLine($"{_inserted:N0} inserted by workers");
        _inserted.Should().BeGreaterThan(10 * Capacity, "else little was evicted");
    }

    private static byte[] Value(ulong key, ulong number) => [.. BitConverter.GetBytes(key), .. BitConverter.GetBytes(Pattern(number))];

    private static ulong Pattern(ulong number) => (~number << 32) | (uint)number;

    private static bool IsWhole(ulong word) => (uint)(word >> 32) == ~(uint)word;

    // Keys of nobody else: the upper bytes are the user's number.
    private static ulong Fresh(int user, ulong number) => ((ulong)user << 56) | (number + Favourites);

    private void Control(BpfMap map, ulong round)
    {
        if (round % Batch == 0)
        {
            for (ulong favourite = 0; favourite < Favourites; favourite++)
            {
                map.Update(BitConverter.GetBytes(favourite), Value(favourite, round), MapUpdateFlags.Exist);
            }
        }

        ulong key = Fresh(3, round);
        var value = new byte[16];
        int result = map.Update(BitConverter.GetBytes(key), Value(key, round), MapUpdateFlags.NoExist);
        _hammer.Check(result is 0 or MapErrno.Busy, $"the controller's update says {result}");
        _hammer.Check(map.Count <= Capacity, $"{map.Count} entries");
        ulong looked = round % Favourites;
        _hammer.Check(map.TryLookup(BitConverter.GetBytes(looked), value), $"the controller does not find favourite {looked}");
        _hammer.Check(BitConverter.ToUInt64(value) == looked, $"favourite {looked} has another's value");
        if (round % 1000 == 0)
        {
            var entries = map.Snapshot();
            _hammer.Check(entries.Count(entry => BitConverter.ToUInt64(entry.Key) < Favourites) == (int)Favourites, $"a snapshot lacks favourites");
            _hammer.Check(entries.All(entry => entry.Key.AsSpan().SequenceEqual(entry.Value.AsSpan(0, 8))), $"a snapshot has a wrong entry");
        }
    }

    private Action StartWorker(int worker)
    {
        ulong number = 0;
        return () => Work(worker, ref number);
    }

    private void Work(int worker, ref ulong number)
    {
        var header = (MapHeader*)_handle;
        ulong** favourites = stackalloc ulong*[(int)Favourites];
        ulong* value = stackalloc ulong[2];
        for (ulong favourite = 0; favourite < Favourites; favourite++)
        {
            favourites[favourite] = (ulong*)MapOperations.Lookup(header, (byte*)&favourite, (uint)worker);
            _hammer.Check(favourites[favourite] != null, $"worker {worker} does not find favourite {favourite}");
        }

        long inserted = 0;
        ulong* held = null;
        ulong heldKey = 0;
        for (int i = 0; i < Batch; i++, number++)
        {
            ulong key = Fresh(worker, number);
            value[0] = key;
            value[1] = Pattern(number);
            long result = MapOperations.Update(header, (byte*)&key, (byte*)value, MapUpdateFlags.NoExist, (uint)worker);
            _hammer.Check(result is 0 or MapErrno.Busy, $"update says {result}");
            inserted += result == 0 ? 1 : 0;
            uint count = Volatile.Read(ref header->Count);
            _hammer.Check(count <= Capacity, $"{count} entries");
            if (i == 0)
            {
                // It may have been evicted already: everybody inserts.
                heldKey = key;
                held = (ulong*)MapOperations.Lookup(header, (byte*)&key, (uint)worker);
            }
            else if (i == Batch / 2)
            {
                ulong old = Fresh(worker, number - 1);
                MapOperations.Delete(header, (byte*)&old);
            }
        }

        // Pointers stay good until the end of the batch, also those to evicted entries.
        _hammer.Check(held == null || (held[0] == heldKey && IsWhole(held[1])), $"a held value of {heldKey} belongs to another key");
        for (ulong favourite = 0; favourite < Favourites; favourite++)
        {
            ulong* found = favourites[favourite];
            _hammer.Check(found == null || (found[0] == favourite && IsWhole(Volatile.Read(ref found[1]))), $"favourite {favourite} is mixed up");
        }

        Interlocked.Add(ref _inserted, inserted);
    }
}
