using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Maps;

/// <summary>The contract of README.md, "Maps and threads", under load: 5 seconds, or OKO_HAMMER_SECONDS.</summary>
[TestFixture]
public sealed unsafe class HashMapHammerTests
{
    // Keys below Counters are counted in by atomics, those below Stay are changed only, the others come and go.
    private const ulong Counters = 64;
    private const ulong Stay = 128;
    private const ulong Keys = 1024;
    private const int Batch = 32;
    private const int ValueBytes = 24;

    private readonly MapHammer _hammer = new();
    private nint _handle;
    private long _counted;

    [Test]
    public void TwoWorkersAndAController_OneMap_KeepTheContract()
    {
        using var map = BpfMap.Create(new MapSpec("m", MapType.Hash, 8, ValueBytes, (uint)Keys, 0));
        for (ulong key = 0; key < Stay; key++)
        {
            map.Update(BitConverter.GetBytes(key), Value(key, 0), MapUpdateFlags.Any).Should().Be(0);
        }

        _handle = map.Handle;
        var random = new Random(3);
        _hammer.Run(StartWorker, round => Control(map, random, round), MapHammer.Duration(usualSeconds: 5));

        long total = map.Snapshot().Where(entry => BitConverter.ToUInt64(entry.Key) < Counters)
            .Sum(entry => BitConverter.ToInt64(entry.Value, 16));
        total.Should().Be(_counted).And.BePositive();
        TestContext.Out.WriteLine($"{Batch} operations in each batch, {_counted:N0} counted");
    }

    private static byte[] Value(ulong key, uint number)
    {
        var value = new byte[ValueBytes];
        BitConverter.TryWriteBytes(value, key);
        BitConverter.TryWriteBytes(value.AsSpan(8), Pattern(number));
        return value;
    }

    // Both halves say the same, so that a torn word shows.
    private static ulong Pattern(uint number) => ((ulong)~number << 32) | number;

    private static bool IsWhole(ulong word) => (uint)(word >> 32) == ~(uint)word;

    private void Control(BpfMap map, Random random, long round)
    {
        var key = (ulong)random.NextInt64((long)Counters, (long)Keys);
        byte[] bytes = BitConverter.GetBytes(key);
        var value = new byte[ValueBytes];
        switch (round % 4)
        {
            case 0:
                map.Update(bytes, Value(key, (uint)round), MapUpdateFlags.Any);
                break;
            case 1 when key >= Stay:
                map.Delete(bytes);
                break;
            case 2 when round % 1000 == 2:
                var entries = map.Snapshot();
                _hammer.Check(entries.Count(entry => BitConverter.ToUInt64(entry.Key) < Stay) == (int)Stay, $"a snapshot lacks a key that stays");
                _hammer.Check(entries.All(entry => entry.Key.AsSpan().SequenceEqual(entry.Value.AsSpan(0, 8))), $"a snapshot has a wrong entry");
                break;
            default:
                bool isThere = map.TryLookup(bytes, value);
                _hammer.Check(isThere || key >= Stay, $"the controller does not find {key}");
                _hammer.Check(!isThere || BitConverter.ToUInt64(value) == key, $"the controller finds another entry for {key}");
                _hammer.Check(!isThere || IsWhole(BitConverter.ToUInt64(value, 8)), $"the controller reads a torn word of {key}");
                break;
        }
    }

    private Action StartWorker(int worker)
    {
        var random = new Random(worker);
        uint operations = 0;
        return () => Work(worker, random, ref operations);
    }

    private void Work(int worker, Random random, ref uint operations)
    {
        ulong** held = stackalloc ulong*[Batch];
        ulong* heldKeys = stackalloc ulong[Batch];
        ulong* value = stackalloc ulong[3];
        long counted = 0;
        int holding = 0;
        var header = (MapHeader*)_handle;
        if (operations % (64 * Batch) == 0)
        {
            WalkAll(worker);
        }

        for (int i = 0; i < Batch; i++, operations++)
        {
            var key = (ulong)random.NextInt64((long)Keys);
            int choice = random.Next(4);
            if (key >= Stay && choice == 0)
            {
                MapOperations.Delete(header, (byte*)&key);
            }
            else if (key >= Counters && choice == 1)
            {
                value[0] = key;
                value[1] = Pattern(operations);
                long result = MapOperations.Update(header, (byte*)&key, (byte*)value, MapUpdateFlags.Any, (uint)worker);
                _hammer.Check(result is 0 or MapErrno.Busy, $"update says {result}");
            }
            else
            {
                var found = (ulong*)MapOperations.Lookup(header, (byte*)&key, (uint)worker);
                _hammer.Check(found != null || key >= Stay, $"worker {worker} does not find {key}");
                if (found != null)
                {
                    held[holding] = found;
                    heldKeys[holding++] = key;
                    if (key < Counters)
                    {
                        Interlocked.Increment(ref found[2]);
                        counted++;
                    }
                }
            }
        }

        // Pointers stay good until the end of the batch, whoever has deleted the entry meanwhile.
        for (int i = 0; i < holding; i++)
        {
            _hammer.Check(Volatile.Read(ref held[i][0]) == heldKeys[i], $"a held value of {heldKeys[i]} belongs to another key");
            _hammer.Check(IsWhole(Volatile.Read(ref held[i][1])), $"a torn word of {heldKeys[i]}");
        }

        Interlocked.Add(ref _counted, counted);
    }

    // bpf_for_each_map_elem: what it comes by stays good until the end of the batch, too.
    private void WalkAll(int worker)
    {
        var header = (MapHeader*)_handle;
        ulong** entries = stackalloc ulong*[2 * (int)Keys];
        ulong* keys = stackalloc ulong[2 * (int)Keys];
        int count = 0, staying = 0;
        MapCursor cursor = default;
        while (MapOperations.Next(header, &cursor, (uint)worker))
        {
            entries[count] = (ulong*)cursor.Value;
            keys[count] = *(ulong*)cursor.Key;
            staying += keys[count++] < Stay ? 1 : 0;
        }

        _hammer.Check(staying == (int)Stay, $"worker {worker} comes by {staying} keys that stay");
        for (int i = 0; i < count; i++)
        {
            _hammer.Check(Volatile.Read(ref *entries[i]) == keys[i], $"worker {worker} comes by {keys[i]}, and its value belongs to another key");
        }
    }
}
