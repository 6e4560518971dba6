using System.Buffers.Binary;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Maps;

/// <summary>Lookups in a prefix map while prefixes come and go (README.md, "Maps and threads", and the essay in LpmTable.cs).</summary>
[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed unsafe class LpmMapHammerTests
{
    private const int Batch = 16;
    private const ulong Default = 1;
    private const uint Shared = 0x0a0b0c0d;
    private const int History = 1 << 16;

    // The controller moves prefixes of one address, and never leaves it to the default route. Every change is a new state; a lookup lies
    // between the last state that was complete before it and the last that had begun after it.
    private static readonly int[] SharedLengths = [4, 8, 12, 16, 20, 24, 28, 32];
    private readonly ulong[] _present = new ulong[SharedLengths.Length];
    private readonly ulong[] _truth = new ulong[History];
    private ulong _begun;
    private ulong _complete;

    // Each worker has prefixes of its own beside, of which it knows everything.
    private static readonly int[] OwnLengths = [16, 19, 25, 31];

    private readonly MapHammer _hammer = new();
    private nint _handle;

    [Test]
    public void TwoWorkersAndAController_OneMap_EveryAnswerWasTrueDuringTheLookup()
    {
        using var map = BpfMap.Create(new MapSpec("t", MapType.LpmTrie, 8, 8, 1024, MapCreateFlags.NoPreallocation));
        map.Update(Key(0, 0), BitConverter.GetBytes(Default), MapUpdateFlags.Any).Should().Be(0);
        var random = new Random(4);
        _handle = map.Handle;
        Insert(map, 3);

        _hammer.Run(StartWorker, _ => Control(map, random), MapHammer.Duration());

        TestContext.Out.WriteLine($"{_complete:N0} changes by the controller, {2 * Batch} operations in each batch");
        _complete.Should().BeGreaterThan(1000);
    }

    // A lookup goes through 500 lengths before it comes to the two that the controller exchanges all the time, so that it is overtaken
    // again and again, and ends under the lock. The map is large, for removed prefixes wait for the end of the batch.
    [Test]
    public void TwoWorkersAndAController_LongLookups_AnswerThoughTheyAreOvertaken()
    {
        const int dataBytes = 256;
        using var map = BpfMap.Create(new MapSpec("t", MapType.LpmTrie, 4 + dataBytes, 8, 65_536, MapCreateFlags.NoPreallocation));
        map.Update(new byte[4 + dataBytes], BitConverter.GetBytes(Default), MapUpdateFlags.Any).Should().Be(0);
        for (int length = 10; length < 510; length++)
        {
            byte[] other = LongKey(length, 0x80);
            map.Update(other, BitConverter.GetBytes(Default + 1), MapUpdateFlags.Any).Should().Be(0);
        }

        byte[][] exchanged = [LongKey(1, 0), LongKey(2, 0)];
        map.Update(exchanged[0], BitConverter.GetBytes(Default + 2), MapUpdateFlags.Any).Should().Be(0);
        _handle = map.Handle;
        _hammer.Run(
            worker => () => LookUpLong(worker, LongKey(dataBytes * 8, 0)),
            round =>
            {
                Add(map, exchanged[(round + 1) % 2], Default + 2);
                int result = map.Delete(exchanged[round % 2]);
                _hammer.Check(result == 0, $"the controller's delete says {result}");
            },
            MapHammer.Duration());

        byte[] LongKey(int length, byte first) => [.. BitConverter.GetBytes(length), first, .. new byte[dataBytes - 1]];
    }

    private static byte[] Key(int length, uint address)
    {
        var key = new byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(key, length);
        BinaryPrimitives.WriteUInt32BigEndian(key.AsSpan(4), address);
        return key;
    }

    private void Control(BpfMap map, Random random)
    {
        int which = random.Next(SharedLengths.Length);
        if (_present[which] == 0)
        {
            Insert(map, which);
        }
        else if (_present.Count(value => value != 0) > 1)
        {
            ulong state = Begin(which, 0);
            int result = map.Delete(Key(SharedLengths[which], Shared));
            _hammer.Check(result == 0, $"delete says {result}");
            Volatile.Write(ref _complete, state);
        }
    }

    private void Insert(BpfMap map, int which)
    {
        // Each value is given once, so that it says when it was put there.
        ulong state = Begin(which, (_complete + 1) << 8);
        Add(map, Key(SharedLengths[which], Shared), state << 8);
        Volatile.Write(ref _complete, state);
    }

    // On a busy machine a worker may be stopped within a batch for longer than an update waits.
    private void Add(BpfMap map, byte[] key, ulong value)
    {
        int result;
        do
        {
            result = map.Update(key, BitConverter.GetBytes(value), MapUpdateFlags.NoExist);
        }
        while (result == MapErrno.Busy);
        _hammer.Check(result == 0, $"the controller's update says {result}");
    }

    private ulong Begin(int which, ulong value)
    {
        ulong state = _complete + 1;
        _present[which] = value;
        _truth[state % History] = _present.Last(each => each != 0);
        Volatile.Write(ref _begun, state);
        return state;
    }

    private Action StartWorker(int worker)
    {
        var random = new Random(worker);
        var own = new ulong[16, OwnLengths.Length];
        ulong serial = 0;
        return () => Work(worker, random, own, ref serial);
    }

    private void Work(int worker, Random random, ulong[,] own, ref ulong serial)
    {
        ulong** held = stackalloc ulong*[Batch];
        ulong* answers = stackalloc ulong[Batch];
        for (int i = 0; i < Batch; i++)
        {
            held[i] = LookUpShared(worker);
            answers[i] = held[i] == null ? 0 : *held[i];
            UseOwn(worker, random, own, ++serial << 8);
        }

        // Pointers stay good until the end of the batch, also those to prefixes that are gone.
        for (int i = 0; i < Batch; i++)
        {
            _hammer.Check(held[i] == null || Volatile.Read(ref *held[i]) == answers[i], $"a held value of state {answers[i] >> 8} belongs to another prefix");
        }
    }

    private ulong* LookUpShared(int worker)
    {
        ulong key = 32 | (ulong)BinaryPrimitives.ReverseEndianness(Shared) << 32;
        ulong first = Volatile.Read(ref _complete);
        ulong* found = LookUp(key, worker);
        ulong answer = found == null ? 0 : *found;
        ulong last = Volatile.Read(ref _begun);
        _hammer.Check(answer > Default, $"worker {worker} is sent to {answer}, though a longer prefix was always there");
        bool wasTrue = false;
        for (ulong state = first; state <= last && !wasTrue; state++)
        {
            wasTrue = _truth[state % History] == answer;
        }

        // Stopped for long, a worker may find its states overwritten.
        bool isKnown = Volatile.Read(ref _begun) - first < History;
        _hammer.Check(wasTrue || !isKnown, $"worker {worker} gets the prefix of state {answer >> 8}, in states {first} to {last}");
        return found;
    }

    private void LookUpLong(int worker, byte[] key)
    {
        fixed (byte* bytes = key)
        {
            var found = (ulong*)MapOperations.Lookup((MapHeader*)_handle, bytes, (uint)worker);
            _hammer.Check(found != null && *found == Default + 2, $"worker {worker} finds neither of two prefixes, one of which is always there");
        }
    }

    private void UseOwn(int worker, Random random, ulong[,] own, ulong value)
    {
        int place = random.Next(own.GetLength(0));
        int which = random.Next(OwnLengths.Length);
        uint address = ((uint)(100 + worker) << 24) | ((uint)place << 16) | 0xabcd;
        ulong key = (uint)OwnLengths[which] | (ulong)BinaryPrimitives.ReverseEndianness(address) << 32;
        var header = (MapHeader*)_handle;
        if (random.Next(3) == 0)
        {
            long result = MapOperations.Delete(header, (byte*)&key);
            _hammer.Check(result == (own[place, which] == 0 ? MapErrno.NotFound : 0), $"worker {worker}: delete says {result}");
            own[place, which] = 0;
        }
        else
        {
            long result = MapOperations.Update(header, (byte*)&key, (byte*)&value, MapUpdateFlags.Any, (uint)worker);
            _hammer.Check(result == 0 || (result == MapErrno.Busy && own[place, which] == 0), $"worker {worker}: update says {result}");
            own[place, which] = result == 0 ? value : own[place, which];
        }

        ulong expected = Default;
        for (int i = 0; i <= which; i++)
        {
            expected = own[place, i] == 0 ? expected : own[place, i];
        }

        ulong* answer = LookUp(key, worker);
        _hammer.Check(answer != null && *answer == expected, $"worker {worker} does not find its own prefix of {expected}");
    }

    private ulong* LookUp(ulong key, int worker) => (ulong*)MapOperations.Lookup((MapHeader*)_handle, (byte*)&key, (uint)worker);
}
