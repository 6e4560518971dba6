using Oko.Bpf.Execution;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Bpf.Tests.Loading;

namespace Oko.Bpf.Tests.Execution;

/// <summary>An object in Oko's form with its bloom filter and count-min sketch. What it prints is the process's: one test at a time.</summary>
[NonParallelizable]
public sealed unsafe class OkoSketchTests
{
    private static readonly bool[] FromTheThirdOn = [false, false, true, true, true];

    [TestCase(true)]
    [TestCase(false)]
    public void SourcesArePrintedOnce_WhenTheyMatchFirst(bool compiled)
    {
        while (TraceBuffer.TryRead(out _))
        {
        }

        var program = FilterLoader.Load(TestObject.Read("okosketch"), entry: null);
        using var filter = LoadedFilter.Create(program);
        var interpreter = new Interpreter(program, filter.Maps);
        foreach (byte last in (byte[])[1, 2])
        {
            var bytes = new byte[60];
            (bytes[26], bytes[29]) = (10, last);
            using var packet = new TestPacket(bytes);
            for (var round = 0; round < FromTheThirdOn.Length; round++)
            {
                FilterContext context = packet.Context;
                context.TimeNanoseconds = 40_000_000_000;
                string? violation = null;
                var result = compiled ? filter.Run(&context) : interpreter.RunChecked(&context, out violation).Result;
                violation.Should().BeNull();
                result.Should().Be(FromTheThirdOn[round] ? 1UL : 0UL);
            }

            TraceBuffer.TryRead(out var line).Should().BeTrue();
            line.Should().Be($"source a00000{last}: 3 packets");
        }

        TraceBuffer.TryRead(out _).Should().BeFalse();
        var (told, packets) = (filter.Maps.Single(map => map.Name == "told"), filter.Maps.Single(map => map.Name == "packets"));
        (told.Type, packets.Type).Should().Be((MapType.KeyedBloomFilter, MapType.CountMinSketch));
        Value(told, [10, 0, 0, 1]).Should().Be(1);
        Value(told, [10, 0, 0, 3]).Should().Be(0);
        Value(packets, [10, 0, 0, 2]).Should().Be(5);
        told.Update([10, 0, 0, 3], [1, 0, 0, 0], MapUpdateFlags.Any).Should().Be(0);
        Value(told, [10, 0, 0, 3]).Should().Be(1);
        told.Update([10, 0, 0, 4], [2, 0, 0, 0], MapUpdateFlags.Any).Should().Be(MapErrno.Invalid, "1 is the one value to add");
    }

    private static uint Value(BpfMap map, byte[] key)
    {
        var value = new byte[4];
        map.TryLookup(key, value).Should().BeTrue();
        return BitConverter.ToUInt32(value);
    }
}
