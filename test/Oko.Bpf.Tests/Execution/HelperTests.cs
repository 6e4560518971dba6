using System.Text;
using Oko.Bpf.Execution;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Bpf.Tests.Loading;

namespace Oko.Bpf.Tests.Execution;

/// <summary>Helpers as compilers call them, in both engines; each program says itself whether the helper did what it should.</summary>
public sealed class HelperTests
{
    [TestCase("helpers", "loop")]
    [TestCase("helpers", "each")]
    [TestCase("helpers", "csum")]
    [TestCase("helpers", "compare")]
    [TestCase("helpers", "number")]
    [TestCase("okohash", "entry")]
    [TestCase("mapkinds", "percpu")]
    [TestCase("mapkinds", "recent")]
    [TestCase("mapkinds", "longest")]
    [TestCase("mapkinds", "fifo")]
    [TestCase("mapkinds", "seen")]
    [TestCase("mapkinds", "events")]
    [TestCase("mapkinds", "heavy")]
    public unsafe void Helper_InBothEngines_DoesWhatItShould(string name, string entry)
    {
        var program = FilterLoader.Load(TestObject.Read(name), entry);
        using var packet = new TestPacket(Encoding.ASCII.GetBytes(name == "okohash" ? "Four score and seven years ago" : "GET / HTTP/1.0"));
        var context = packet.Context;
        context.Worker = 3;
        context.TimeNanoseconds = 123_456_789_000;

        using (var filter = LoadedFilter.Create(program))
        {
            filter.Run(&context).Should().Be(1);
        }

        var maps = program.Maps.Select(BpfMap.Create).ToList();
        foreach (var (index, bytes) in program.InitialValues)
        {
            maps[index].Update(new byte[4], bytes, MapUpdateFlags.Any);
        }

        var interpreter = new Interpreter(program, maps);
        var outcome = interpreter.RunChecked(&context, out var violation);
        violation.Should().BeNull();
        outcome.Result.Should().Be(1);
        outcome.Instructions.Should().BeLessThanOrEqualTo(program.WorstCaseInstructions);
        maps.ForEach(map => map.Dispose());
    }
}
