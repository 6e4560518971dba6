using System.Diagnostics;
using Oko.Bpf.Execution;
using Oko.Bpf.Jit;
using Oko.Bpf.Loading;

namespace Oko.Bpf.Tests.Jit;

/// <summary>Functions over RyuJIT's limits.</summary>
[TestFixture]
public sealed unsafe class FunctionPartsTests
{
    private const int Instructions = 6000;

    [Test]
    public void Compile_RandomProgramsOf6000Instructions_RunAsInTheInterpreter([Range(1, 5)] int seed)
    {
        VerifiedProgram program = Program(seed, timed: false);
        FilterMethod method = IlCompiler.Compile(program, []).Method;

        OnPacket(seed, context => method(context).Should().Be(new Interpreter(program, []).Run(context).Result, $"seed {seed}"));
    }

    [Test]
    public void Compile_ProgramOf6000Instructions_IsFasterInPartsThanWhole()
    {
        VerifiedProgram program = Program(1, timed: true);
        FilterMethod parts = IlCompiler.Compile(program, []).Method;
        FilterMethod whole = IlCompiler.Compile(program, [], int.MaxValue, int.MaxValue).Method;

        OnPacket(1, context =>
        {
            double ratio = Enumerable.Range(0, 20).Min(_ => Time(parts, context)) / Enumerable.Range(0, 20).Min(_ => Time(whole, context));
            TestContext.Out.WriteLine($"time in parts / whole: {ratio:F2}");
            ratio.Should().BeLessThan(0.8);
        });
    }

    private delegate void ContextAction(FilterContext* context);

    private static VerifiedProgram Program(int seed, bool timed) => RawProgram.Wrap(RandomProgram.Create(new Random(seed), Instructions, timed));

    private static void OnPacket(int seed, ContextAction action)
    {
        var packet = new byte[64];
        new Random(seed).NextBytes(packet);
        fixed (byte* bytes = packet)
        {
            FilterContext context = new() { Packet = bytes, PacketEnd = bytes + packet.Length, Length = (ulong)packet.Length };
            action(&context);
        }
    }

    private static double Time(FilterMethod method, FilterContext* context)
    {
        long start = Stopwatch.GetTimestamp();
        for (int run = 0; run < 20; run++)
        {
            method(context);
        }

        return Stopwatch.GetElapsedTime(start).TotalMicroseconds;
    }
}
