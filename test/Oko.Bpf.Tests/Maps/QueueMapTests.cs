using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Maps;

[TestFixture]
public sealed unsafe class QueueMapTests
{
    [Test]
    public void Operations_RandomSequence_AgreeWithList([Values(MapType.Queue, MapType.Stack)] MapType type)
    {
        var random = new Random(22);
        using var map = BpfMap.Create(new MapSpec("q", type, 0, 12, 7, 0));
        var header = (MapHeader*)map.Handle;
        var model = new List<byte[]>();
        var taken = new byte[12];
        for (int step = 0; step < 20_000; step++)
        {
            var value = new byte[12];
            random.NextBytes(value);
            ulong flags = random.Next(4) == 0 ? MapUpdateFlags.Exist : MapUpdateFlags.Any;
            int next = type == MapType.Queue ? 0 : model.Count - 1;
            fixed (byte* given = value, target = taken)
            {
                switch (random.Next(4))
                {
                    case 0:
                        MapOperations.Pop(header, target).Should().Be(model.Count == 0 ? MapErrno.NotFound : 0);
                        taken.Should().Equal(model.Count == 0 ? new byte[12] : model[next], $"step {step}");
                        model.RemoveRange(Math.Max(next, 0), Math.Min(model.Count, 1));
                        break;
                    case 1:
                        MapOperations.Peek(header, target).Should().Be(model.Count == 0 ? MapErrno.NotFound : 0);
                        taken.Should().Equal(model.Count == 0 ? new byte[12] : model[next], $"step {step}");
                        break;
                    default:
                        bool isFull = model.Count == 7;
                        bool isRefused = isFull && flags == MapUpdateFlags.Any;
                        MapOperations.Push(header, given, flags).Should().Be(isRefused ? MapErrno.Full : 0);
                        if (!isRefused)
                        {
                            model.RemoveRange(0, isFull ? 1 : 0);
                            model.Add(value);
                        }

                        break;
                }
            }
        }

        IEnumerable<byte[]> expected = type == MapType.Queue ? model : Enumerable.Reverse(model);
        map.Snapshot().Select(entry => Convert.ToHexString(entry.Value)).Should().Equal(expected.Select(Convert.ToHexString));
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
