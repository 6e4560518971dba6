using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Maps;

[TestFixture]
public sealed unsafe class QueueMapTests
{
    [Test]
    public void Operations_RandomSequence_AgreeWithList(
        [Values(MapType.Queue, MapType.Stack)] MapType type, [Values(1u, 7u)] uint capacity, [Values(1u, 8u, 12u)] uint valueSize)
    {
        int seed = (int)((capacity * 100) + valueSize);
        var random = new Random(seed);
        using var map = BpfMap.Create(new MapSpec("q", type, 0, valueSize, capacity, 0));
        var header = (MapHeader*)map.Handle;
        var model = new List<byte[]>();
        var taken = new byte[valueSize];
        for (int step = 0; step < 20_000; step++)
        {
            string where = $"seed {seed}, step {step}";
            var value = new byte[valueSize];
            random.NextBytes(value);
            int next = type == MapType.Queue ? 0 : model.Count - 1;
            byte[] expected = model.Count == 0 ? new byte[valueSize] : model[next];
            fixed (byte* given = value, target = taken)
            {
                switch (random.Next(8))
                {
                    case < 2:
                        MapOperations.Pop(header, target).Should().Be(model.Count == 0 ? MapErrno.NotFound : 0, where);
                        taken.Should().Equal(expected, where);
                        model.RemoveRange(Math.Max(next, 0), Math.Min(model.Count, 1));
                        break;
                    case 2:
                        MapOperations.Peek(header, target).Should().Be(model.Count == 0 ? MapErrno.NotFound : 0, where);
                        taken.Should().Equal(expected, where);
                        break;
                    case 3:
                        taken.AsSpan().Clear();
                        map.TryLookup([], taken).Should().Be(model.Count != 0, where);
                        taken.Should().Equal(expected, where);
                        break;
                    case 4 when step % 100 == 0:
                        map.Clear();
                        model.Clear();
                        break;
                    default:
                        var flags = (ulong)random.Next(4);
                        bool isFull = model.Count == capacity;
                        int error = flags is MapUpdateFlags.NoExist or > MapUpdateFlags.Exist ? MapErrno.Invalid
                            : isFull && flags == MapUpdateFlags.Any ? MapErrno.Full : 0;
                        long result = step % 2 == 0 ? MapOperations.Push(header, given, flags) : map.Update([], value, flags);
                        result.Should().Be(error, where);
                        if (error == 0)
                        {
                            model.RemoveRange(0, isFull ? 1 : 0);
                            model.Add(value);
                        }

                        break;
                }
            }

            map.Count.Should().Be(model.Count, where);
        }

        IEnumerable<byte[]> inOrder = type == MapType.Queue ? model : Enumerable.Reverse(model);
        map.Snapshot().Select(entry => Convert.ToHexString(entry.Value)).Should().Equal(inOrder.Select(Convert.ToHexString));
    }

    [Test]
    public void Operations_NotOffered_SayWhich()
    {
        using var map = BpfMap.Create(new MapSpec("q", MapType.Queue, 0, 8, 7, 0));

        map.Access.Should().HaveFlag(MapAccess.Update).And.NotHaveFlag(MapAccess.Delete);
        map.Delete([]).Should().Be(MapErrno.NotSupported);
        map.Update([], new byte[8], MapUpdateFlags.NoExist).Should().Be(MapErrno.Invalid);
    }
}
