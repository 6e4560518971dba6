using Oko.Bpf.Execution;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Bpf.Tests.Loading;

namespace Oko.Bpf.Tests.Execution;

/// <summary>What programs print. The ring belongs to the process, so one test at a time.</summary>
[NonParallelizable]
public sealed unsafe class TraceBufferTests
{
    [SetUp]
    public void SetUp() => ReadAll();

    [Test]
    public void TracePrintk_InBothEngines_PutsArgumentsIn()
    {
        VerifiedProgram program = FilterLoader.Load(TestObject.Read("trace"), entry: null);
        using var filter = LoadedFilter.Create(program);
        using var packet = new TestPacket(new byte[60]);
        FilterContext context = packet.Context;
        context.InPort = 7;
        context.TimeNanoseconds = 10_000_000_000;
        filter.Run(&context).Should().Be(7, "that is the size of the second format");
        ReadAll().Should().Equal("port -7, address 0a000001, 12345678901% of all", "second");
        new Interpreter(program, filter.Maps).RunChecked(&context, out string? violation).Result.Should().Be(7);
        violation.Should().BeNull();
        ReadAll().Should().Equal("port -7, address 0a000001, 12345678901% of all", "second");
    }

    [TestCase("%s and %d\u0001", "%s and 2.")]
    [TestCase("%c%c", "\u0001\u0002", Description = "not printable")]
    [TestCase("%p %x %X", "0x1 2 FFFFFFFF")]
    [TestCase("%d %d %d %d", "1 2 -1 %d")]
    [TestCase("%lx %ld%%", "1 2%")]
    [TestCase("%", "%")]
    public void TryRead_Format_IsReadAsThePrograms(string format, string expected)
    {
        Write(format, 20_000_000_000).Should().Be(format.Length);
        ReadAll().Should().Equal(expected.Replace('\u0001', '.').Replace('\u0002', '.'));
    }

    [Test]
    public void Write_TooMuch_IsLostAndCounted()
    {
        long lost = TraceBuffer.Lost;
        int kept = 0;
        for (int line = 0; line < 3 * TraceBuffer.LinesPerSecond; line++)
        {
            kept += Write("x", 30_000_000_000) == 1 ? 1 : 0;
            if (line % 100 == 0)
            {
                ReadAll();
            }
        }

        kept.Should().Be(TraceBuffer.LinesPerSecond);
        (TraceBuffer.Lost - lost).Should().Be(2 * TraceBuffer.LinesPerSecond);
        Write("x", 31_000_000_000).Should().Be(1, "a second later there is room again");
        Enumerable.Range(0, 900).Count(_ => Write("x", 32_000_000_000) == 1).Should().BeLessThan(900, "nobody reads");
        ReadAll();
        Write(string.Empty, 33_000_000_000).Should().Be(MapErrno.Invalid);
        Write(new string('x', 129), 33_000_000_000).Should().Be(MapErrno.Invalid);
    }

    private static long Write(string format, ulong now)
    {
        byte[] bytes = [.. format.Select(letter => (byte)letter), 0];
        fixed (byte* first = bytes)
        {
            return TraceBuffer.Write(first, (ulong)format.Length, 1, 2, ulong.MaxValue, now);
        }
    }

    private static List<string> ReadAll()
    {
        var lines = new List<string>();
        while (TraceBuffer.TryRead(out string line))
        {
            lines.Add(line);
        }

        return lines;
    }
}
