using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Maps;

/// <summary>A queue or stack under load (README.md, "Maps and threads"): everybody pushes, and everybody takes.</summary>
[TestFixture(MapType.Queue)]
[TestFixture(MapType.Stack)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed unsafe class QueueMapHammerTests(MapType type)
{
    private const uint Capacity = 64;
    private const int Batch = 32;
    private const int Controller = 3;
    private const int Users = 4;

    private readonly MapHammer _hammer = new();
    private readonly Tally[] _tallies = [.. Enumerable.Range(0, Users).Select(_ => new Tally())];
    private nint _handle;

    [Test]
    public void TwoWorkersAndAController_OneMap_EachElementIsTakenOnce()
    {
        using var map = BpfMap.Create(new MapSpec("q", type, 0, 16, Capacity, 0));
        _handle = map.Handle;
        var random = new Random(6);
        _hammer.Run(StartWorker, round => Control(map, random, round), MapHammer.Duration());

        while (Take(0))
        {
        }

        for (int user = 1; user < Users; user++)
        {
            long taken = _tallies.Sum(tally => tally.Taken[user]);
            taken.Should().Be((long)_tallies[user].Pushed, $"user {user} pushed so many").And.BePositive();
            ulong digest = _tallies.Aggregate(0ul, (sum, tally) => unchecked(sum + tally.TakenDigest[user]));
            digest.Should().Be(_tallies[user].PushedDigest, "each was taken once");
        }

        map.Count.Should().Be(0);
    }

    [Test]
    public void Snapshot_WhileElementsComeAndGo_HasEachThatStaysOnceAndInOrder()
    {
        using var map = BpfMap.Create(new MapSpec("q", type, 0, 16, Capacity, 0));
        _handle = map.Handle;
        _hammer.Run(StartWorker, _ => CheckSnapshot(map), MapHammer.Duration());
    }

    // The user's number and a serial number; the second word confirms the first.
    private static ulong Element(int user, ulong serial) => ((ulong)user << 56) | serial;

    private static int UserOf(ulong element) => (int)(element >> 56);

    // Sums of these differ, with next to no doubt, when an element is missing or comes twice.
    private static ulong Digest(ulong element) => unchecked(element * 0x9e37_79b9_7f4a_7c15 ^ (element >> 7) * 0xc2b2_ae3d_27d4_eb4f);

    private Action StartWorker(int worker)
    {
        var random = new Random(worker);
        return () => Work(worker, random);
    }

    private void Work(int user, Random random)
    {
        // Now mostly full, now mostly empty.
        int pushes = random.Next(8);
        for (int i = 0; i < Batch; i++)
        {
            if (random.Next(8) < pushes)
            {
                Push(user);
            }
            else
            {
                Take(user);
            }
        }
    }

    private void Control(BpfMap map, Random random, long round)
    {
        if (round % 2 == 0)
        {
            Work(Controller, random);
            return;
        }

        var value = new byte[16];
        bool isThere = map.TryLookup([], value);
        _hammer.Check(!isThere || BitConverter.ToUInt64(value) == ~BitConverter.ToUInt64(value, 8), $"the controller peeks at half an element");
        _hammer.Check(map.Count <= Capacity, $"{map.Count} elements");
    }

    // While the controller looks, its own elements can only go. Those that are still there afterwards were there all the time.
    private void CheckSnapshot(BpfMap map)
    {
        for (int i = 0; i < Capacity / 2; i++)
        {
            Push(Controller);
        }

        var entries = map.Snapshot();
        var elements = entries.Select(entry => BitConverter.ToUInt64(entry.Value)).ToList();
        var own = elements.Where(element => UserOf(element) == Controller).ToList();
        _hammer.Check(entries.All(entry => BitConverter.ToUInt64(entry.Value) == ~BitConverter.ToUInt64(entry.Value, 8)), $"a snapshot has half an element");
        _hammer.Check(elements.Distinct().Count() == elements.Count, $"a snapshot has an element twice");
        _hammer.Check(own.SequenceEqual(type == MapType.Queue ? own.Order() : own.OrderDescending()), $"a snapshot is in the wrong order");
        ulong* value = stackalloc ulong[2];
        for (int i = 0; i < 2 * Capacity && MapOperations.Pop((MapHeader*)_handle, (byte*)value) == 0; i++)
        {
            ulong element = value[0];
            _hammer.Check(UserOf(element) != Controller || own.Contains(element), $"a snapshot lacks an element that stayed");
        }
    }

    private void Push(int user)
    {
        Tally tally = _tallies[user];
        ulong element = Element(user, tally.Pushed);
        ulong* value = stackalloc ulong[2];
        value[0] = element;
        value[1] = ~element;
        long result = MapOperations.Push((MapHeader*)_handle, (byte*)value, MapUpdateFlags.Any);
        _hammer.Check(result is 0 or MapErrno.Full, $"push says {result}");
        if (result == 0)
        {
            tally.Pushed++;
            tally.PushedDigest += Digest(element);
        }
    }

    private bool Take(int user)
    {
        ulong* value = stackalloc ulong[2];
        long result = MapOperations.Peek((MapHeader*)_handle, (byte*)value);
        _hammer.Check(result == 0 ? value[0] == ~value[1] : value[0] == 0 && value[1] == 0, $"user {user} peeks at half an element");
        result = MapOperations.Pop((MapHeader*)_handle, (byte*)value);
        if (result != 0)
        {
            _hammer.Check(result == MapErrno.NotFound, $"pop says {result}");
            return false;
        }

        int from = UserOf(value[0]);
        _hammer.Check(value[0] == ~value[1] && from is > 0 and < Users, $"user {user} takes half an element");
        Tally tally = _tallies[user];
        _hammer.Check(type == MapType.Stack || tally.Taken[from] == 0 || value[0] > tally.Last[from], $"user {user} takes {value[0]} after {tally.Last[from]}");
        tally.Last[from] = value[0];
        tally.Taken[from]++;
        tally.TakenDigest[from] += Digest(value[0]);
        return true;
    }

    /// <summary>What one user has pushed, and taken of each user.</summary>
    private sealed class Tally
    {
        public ulong Pushed { get; set; }

        public ulong PushedDigest { get; set; }

        public long[] Taken { get; } = new long[Users];

        public ulong[] TakenDigest { get; } = new ulong[Users];

        public ulong[] Last { get; } = new ulong[Users];
    }
}
