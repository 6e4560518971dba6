using System.Buffers.Binary;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Testing;

namespace Oko.Bpf.Tests.Maps;

[TestFixture]
public sealed unsafe class HashMapTests
{
    [Test]
    public void Operations_RandomSequence_AgreeWithDictionary(
        [Values(1u, 3u, 4u, 7u, 8u, 12u, 16u, 29u)] uint keySize, [Values(1u, 8u, 13u)] uint valueSize)
    {
        int seed = (int)((keySize * 100) + valueSize);
        var random = new Random(seed);
        const int capacity = 50;
        using var map = BpfMap.Create(new MapSpec("m", MapType.Hash, keySize, valueSize, capacity, 0));
        var model = new Dictionary<string, byte[]>();

        for (int i = 0; i < 20_000; i++)
        {
            byte[] key = Key(random.Next(100), keySize);
            string name = Convert.ToHexString(key);
            bool known = model.TryGetValue(name, out byte[]? expected);
            switch (random.Next(4))
            {
                case 0:
                    map.Delete(key).Should().Be(known ? 0 : MapErrno.NotFound, $"seed {seed}, step {i}");
                    model.Remove(name);
                    break;
                case 1:
                    var found = new byte[valueSize];
                    map.TryLookup(key, found).Should().Be(known, $"seed {seed}, step {i}");
                    found.Should().Equal(expected ?? new byte[valueSize]);
                    break;
                default:
                    var value = new byte[valueSize];
                    random.NextBytes(value);
                    ulong flags = (ulong)random.Next(3);
                    int error = known
                        ? flags == MapUpdateFlags.NoExist ? MapErrno.Exists : 0
                        : flags == MapUpdateFlags.Exist ? MapErrno.NotFound : model.Count == capacity ? MapErrno.Full : 0;
                    map.Update(key, value, flags).Should().Be(error, $"seed {seed}, step {i}");
                    if (error == 0)
                    {
                        model[name] = value;
                    }

                    break;
            }
        }

        map.Count.Should().Be(model.Count);
        map.Snapshot().Should().BeEquivalentTo(
            model.Select(entry => (Convert.FromHexString(entry.Key), entry.Value)), options => options.ComparingByValue<(byte[], byte[])>()
                .Using<(byte[] Key, byte[] Value)>(pair =>
                {
                    pair.Subject.Key.Should().Equal(pair.Expectation.Key);
                    pair.Subject.Value.Should().Equal(pair.Expectation.Value);
                }).WhenTypeIs<(byte[] Key, byte[] Value)>());
    }

    [Test]
    public void Update_UnknownFlags_IsInvalid()
    {
        using BpfMap map = Small();

        map.Update(new byte[4], new byte[8], 3).Should().Be(MapErrno.Invalid);
    }

    [Test]
    public void Update_FullMap_SaysTooBigUntilSomethingIsDeleted()
    {
        using BpfMap map = Small(capacity: 3);
        for (int i = 0; i < 3; i++)
        {
            map.Update(Key(i, 4), new byte[8], MapUpdateFlags.Any).Should().Be(0);
        }

        map.Update(Key(3, 4), new byte[8], MapUpdateFlags.Any).Should().Be(MapErrno.Full);
        map.RefusedUpdates.Should().Be(1);
        map.Update(Key(2, 4), new byte[8], MapUpdateFlags.Any).Should().Be(0, "the key is there");
        map.Delete(Key(0, 4)).Should().Be(0);
        map.Update(Key(3, 4), new byte[8], MapUpdateFlags.Any).Should().Be(0);
    }

    [Test]
    public void Churn_FullMapOfManyKeys_KeepsEveryKeyFindable()
    {
        const int capacity = 1000;
        using BpfMap map = Small(capacity);
        var random = new Random(7);
        var present = new List<int>(Enumerable.Range(0, capacity));
        present.ForEach(i => map.Update(Key(i, 4), BitConverter.GetBytes((long)i), MapUpdateFlags.NoExist).Should().Be(0));

        for (int next = capacity; next < capacity * 100; next++)
        {
            int victim = random.Next(present.Count);
            map.Delete(Key(present[victim], 4)).Should().Be(0);
            map.Update(Key(next, 4), BitConverter.GetBytes((long)next), MapUpdateFlags.NoExist).Should().Be(0);
            present[victim] = next;
        }

        var value = new byte[8];
        foreach (int key in present)
        {
            map.TryLookup(Key(key, 4), value).Should().BeTrue();
            BitConverter.ToInt64(value).Should().Be(key);
        }
    }

    [Test]
    public void Churn_UntilTheIndexIsTidied_LosesNoKeyAndHidesNone()
    {
        const uint capacity = 245_760; // As many as fit in an index of 2^19 words: the fullest a map can be.
        const uint stable = 1000;
        using BpfMap map = Small(capacity);
        var header = (MapHeader*)map.Handle;
        ulong* index = header->Index;
        var random = new Random(11);
        var keys = new uint[capacity];
        for (uint i = 0; i < capacity; i++)
        {
            keys[i] = i;
            Insert(header, i);
        }

        using var stop = new CancellationTokenSource();
        Task<int> reader = Task.Run(() => CountMisses((MapHeader*)map.Handle, stable, stop.Token));
        int tidied = 0;
        uint next = capacity;
        for (; tidied < 2 && next < 20 * capacity; next++)
        {
            int victim = random.Next((int)stable, (int)capacity);
            uint key = keys[victim];
            HashTable.Delete(header, (byte*)&key).Should().Be(0);
            keys[victim] = next;
            Insert(header, next);
            tidied += header->Index == index ? 0 : 1;
            index = header->Index;
        }

        stop.Cancel();
        reader.Result.Should().Be(0);
        tidied.Should().Be(2, "else this test tests nothing");
        map.Count.Should().Be((int)capacity);
        var present = new HashSet<uint>(keys);
        long wrong = 0;
        for (uint key = 0; key < next; key++)
        {
            byte* value = HashTable.Lookup(header, (byte*)&key);
            bool right = present.Contains(key) ? value != null && *(long*)value == key : value == null;
            wrong += right ? 0 : 1;
        }

        wrong.Should().Be(0, "keys that stay are found, deleted ones are not");
    }

    [Test]
    public void Delete_WhileAProgramRuns_EntryIsNotGivenToAnotherKey()
    {
        using BpfMap map = Small(capacity: 1);
        var header = (MapHeader*)map.Handle;
        using MapReader reader = MapReaders.Register();
        map.Update(Key(1, 4), BitConverter.GetBytes(1L), MapUpdateFlags.Any);

        reader.Enter();
        uint key = 1;
        long* held = (long*)MapOperations.Lookup(header, (byte*)&key, 0);
        int inserted = 0;
        long result;
        do
        {
            HashTable.Delete(header, (byte*)&key);
            key++;
            long value = 1000 + key;
            result = HashTable.Update(header, (byte*)&key, (byte*)&value, MapUpdateFlags.Any);
            inserted += result == 0 ? 1 : 0;
        }
        while (result == 0);

        result.Should().Be(MapErrno.Busy);
        inserted.Should().Be((int)HashMap.QuarantineEntries(1));
        (*held).Should().Be(1, "the program still looks at it");

        reader.Exit();
        reader.Enter();
        HashTable.Update(header, (byte*)&key, (byte*)&key, MapUpdateFlags.Any).Should().Be(0, "the batch is over");
    }

    [Test]
    public void Lookup_WhileOthersWrite_AlwaysFindsKeysThatStay()
    {
        using BpfMap map = Small(capacity: 64);
        const int stable = 20;
        for (int i = 0; i < stable; i++)
        {
            map.Update(Key(i, 4), BitConverter.GetBytes((long)i), MapUpdateFlags.Any);
        }

        using var stop = new CancellationTokenSource();
        Task writer = Task.Run(() =>
        {
            var random = new Random(3);
            while (!stop.IsCancellationRequested)
            {
                int key = random.Next(stable, 200);
                if (map.Update(Key(key, 4), BitConverter.GetBytes((long)key), MapUpdateFlags.Any) == MapErrno.Full)
                {
                    map.Snapshot().Select(entry => BitConverter.ToInt32(entry.Key)).Where(old => old >= stable).ToList()
                        .ForEach(old => map.Delete(Key(old, 4)));
                }

                map.Delete(Key(random.Next(stable, 200), 4));
            }
        });

        int misses = 0;
        int wrong = 0;
        var header = (MapHeader*)map.Handle;
        using (MapReader reader = MapReaders.Register())
        {
            for (int batch = 0; batch < 20_000; batch++)
            {
                reader.Enter();
                for (uint key = 0; key < 200; key += 7)
                {
                    byte* value = HashTable.Lookup(header, (byte*)&key);
                    misses += value == null && key < stable ? 1 : 0;
                    wrong += value != null && *(long*)value != key ? 1 : 0;
                }

                reader.Exit();
            }
        }

        stop.Cancel();
        writer.Wait();
        misses.Should().Be(0);
        wrong.Should().Be(0, "a found value belongs to its key for the whole batch");
    }

    [Test]
    public void Clear_FilledMap_IsEmptyAndUsableAgain()
    {
        using BpfMap map = Small(capacity: 5000);
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < 5000; i++)
            {
                map.Update(Key(i, 4), new byte[8], MapUpdateFlags.Any).Should().Be(0);
            }

            map.Count.Should().Be(5000);
            map.Clear();
            map.Count.Should().Be(0);
            map.Snapshot().Should().BeEmpty();
        }
    }

    [Test]
    public void TryLookup_HitAndMiss_AllocateNothing()
    {
        using BpfMap map = Small();
        byte[] key = Key(1, 4);
        byte[] other = Key(2, 4);
        var value = new byte[8];
        map.Update(key, value, MapUpdateFlags.Any);
        map.TryLookup(key, value);

        Allocations.Of(() =>
        {
            for (int i = 0; i < 1000; i++)
            {
                map.TryLookup(key, value);
                map.TryLookup(other, value);
            }
        }).Should().Be(0);
    }

    [Test]
    public void Create_TwoMaps_HaveDifferentSeeds()
    {
        using BpfMap first = Small();
        using BpfMap second = Small();

        (((MapHeader*)first.Handle)->Seed0 == ((MapHeader*)second.Handle)->Seed0).Should().BeFalse();
    }

    private static void Insert(MapHeader* map, uint key)
    {
        long value = key;
        HashTable.Update(map, (byte*)&key, (byte*)&value, MapUpdateFlags.NoExist).Should().Be(0);
    }

    private static int CountMisses(MapHeader* map, uint keys, CancellationToken stop)
    {
        using MapReader reader = MapReaders.Register();
        int misses = 0;
        while (!stop.IsCancellationRequested)
        {
            reader.Enter();
            for (uint key = 0; key < keys; key++)
            {
                byte* value = HashTable.Lookup(map, (byte*)&key);
                misses += value != null && *(long*)value == key ? 0 : 1;
            }

            reader.Exit();
        }

        return misses;
    }

    private static BpfMap Small(uint capacity = 16) => BpfMap.Create(new MapSpec("m", MapType.Hash, 4, 8, capacity, 0));

    private static byte[] Key(int number, uint size)
    {
        var key = new byte[Math.Max(4, size)];
        BinaryPrimitives.WriteInt32LittleEndian(key, number);
        return key[..(int)size];
    }
}
