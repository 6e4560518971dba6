using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Maps;

/// <summary>Per-CPU maps under load (README.md, "Maps and threads"): workers count without atomics, each in its own copies.</summary>
[TestFixture(MapType.PerCpuArray)]
[TestFixture(MapType.PerCpuHash)]
public sealed unsafe class PerCpuMapHammerTests(MapType type)
{
    // Keys below Counters are counted in by both workers, the others are changed, and come and go, by everybody.
    private const uint Counters = 16;
    private const uint Keys = 256;
    private const int Batch = 32;

    private readonly MapHammer _hammer = new();
    private readonly ulong[,] _counted = new ulong[BpfMap.MaxWorkers, Counters];
    private readonly ulong[,] _seen = new ulong[BpfMap.MaxWorkers, Counters];
    private nint _handle;

    [Test]
    public void TwoWorkersAndAController_OneMap_EachWorkerHasItsOwnCopies()
    {
        using var map = BpfMap.Create(new MapSpec("m", type, 4, 16, Keys, 0));
        for (uint key = 0; key < Counters; key++)
        {
            map.Update(BitConverter.GetBytes(key), Values(map, key), MapUpdateFlags.Any).Should().Be(0);
        }

        _handle = map.Handle;
        var random = new Random(5);
        _hammer.Run(StartWorker, round => Control(map, random, round), MapHammer.Duration());

        var values = new byte[map.DumpValueSize];
        for (uint key = 0; key < Counters; key++)
        {
            map.TryLookup(BitConverter.GetBytes(key), values).Should().BeTrue();
            for (int worker = 0; worker < BpfMap.Workers; worker++)
            {
                BitConverter.ToUInt64(values, (worker * 16) + 8).Should().Be(_counted[worker, key]);
            }
        }

        _counted[1, 0].Should().BePositive();
        _counted[2, 0].Should().BePositive();
    }

    // Says whose copy it is; never 0, which is what a copy holds that nobody has set.
    private static ulong Owner(uint worker, uint key) => 0xc0de_0000_0000_0000 | ((ulong)worker << 32) | key;

    private static byte[] Values(BpfMap map, uint key)
    {
        var values = new byte[map.DumpValueSize];
        for (uint worker = 0; worker < BpfMap.Workers; worker++)
        {
            BitConverter.TryWriteBytes(values.AsSpan((int)worker * 16), Owner(worker, key));
        }

        return values;
    }

    private void Control(BpfMap map, Random random, long round)
    {
        var key = (uint)random.Next((int)Counters, (int)Keys);
        byte[] bytes = BitConverter.GetBytes(key);
        switch (round % 4)
        {
            case 0:
                int result = map.Update(bytes, Values(map, key), MapUpdateFlags.Any);
                _hammer.Check(result is 0 or MapErrno.Busy, $"the controller's update says {result}");
                break;
            case 1:
                map.Delete(bytes);
                break;
            case 2 when round % 400 == 2:
                var entries = map.Snapshot();
                entries.ToList().ForEach(entry => CheckDump(BitConverter.ToUInt32(entry.Key), entry.Value));
                _hammer.Check(entries.Count(entry => BitConverter.ToUInt32(entry.Key) < Counters) == Counters, $"a snapshot lacks counters");
                break;
            default:
                var values = new byte[map.DumpValueSize];
                uint looked = (uint)random.Next((int)Keys);
                bool isThere = map.TryLookup(BitConverter.GetBytes(looked), values);
                _hammer.Check(isThere || (looked >= Counters && type == MapType.PerCpuHash), $"the controller does not find {looked}");
                CheckDump(looked, values);
                break;
        }
    }

    // What a dump shows has been written, to this key, by this worker or for it; and counters do not go back.
    private void CheckDump(uint key, byte[] values)
    {
        for (uint worker = 0; worker < BpfMap.Workers; worker++)
        {
            CheckOwner(BitConverter.ToUInt64(values, (int)worker * 16), worker, key);
            if (key < Counters)
            {
                ulong count = BitConverter.ToUInt64(values, ((int)worker * 16) + 8);
                _hammer.Check(count >= _seen[worker, key], $"worker {worker}'s count of {key} goes back from {_seen[worker, key]} to {count}");
                _seen[worker, key] = count;
            }
        }
    }

    private void CheckOwner(ulong word, uint worker, uint key) =>
        _hammer.Check(word == 0 || word == Owner(worker, key), $"worker {worker}'s copy of {key} holds {word}");

    private Action StartWorker(int worker)
    {
        var random = new Random(worker);
        return () => Work((uint)worker, random);
    }

    private void Work(uint worker, Random random)
    {
        var header = (MapHeader*)_handle;
        ulong** held = stackalloc ulong*[Batch];
        uint* heldKeys = stackalloc uint[Batch];
        ulong* value = stackalloc ulong[2];
        int holding = 0;
        for (int i = 0; i < Batch; i++)
        {
            var key = (uint)random.Next((int)Keys);
            int choice = random.Next(4);
            if (key >= Counters && choice == 0 && type == MapType.PerCpuHash)
            {
                MapOperations.Delete(header, (byte*)&key);
            }
            else if (key >= Counters && choice == 1)
            {
                value[0] = Owner(worker, key);
                value[1] = 0;
                long result = MapOperations.Update(header, (byte*)&key, (byte*)value, MapUpdateFlags.Any, worker);
                _hammer.Check(result is 0 or MapErrno.Busy, $"update says {result}");
            }
            else
            {
                var found = (ulong*)MapOperations.Lookup(header, (byte*)&key, worker);
                _hammer.Check(found != null || (key >= Counters && type == MapType.PerCpuHash), $"worker {worker} does not find {key}");
                if (found != null)
                {
                    held[holding] = found;
                    heldKeys[holding++] = key;
                    if (key < Counters)
                    {
                        found[1]++;
                        _counted[worker, key]++;
                    }
                }
            }
        }

        for (int i = 0; i < holding; i++)
        {
            CheckOwner(Volatile.Read(ref held[i][0]), worker, heldKeys[i]);
        }
    }
}
