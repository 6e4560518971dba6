using System.Diagnostics;
using System.Runtime.CompilerServices;
using Oko.Bpf.Jit;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Execution;

/// <summary>What ran the program.</summary>
public enum FilterEngine
{
    /// <summary>Compiled, as in the switch.</summary>
    Il,

    /// <summary>The interpreter.</summary>
    Interpreter,
}

/// <summary>The figures of one benchmark.</summary>
/// <param name="MedianNanoseconds">Median over the rounds of the time per packet.</param>
/// <param name="BestNanoseconds">The same of the fastest round.</param>
/// <param name="Accepted">Packets that matched, over all measured rounds.</param>
/// <param name="AllocatedBytes">Bytes that the managed heap gave out during the measured rounds.</param>
public readonly record struct FilterFigures(double MedianNanoseconds, double BestNanoseconds, long Accepted, long AllocatedBytes);

// SAFETY: the packets live as long as their set, which the caller holds; the context is on the stack of the method that uses it.

/// <summary>Runs a filter over packets, again and again, as a worker does: in batches of 32, for each of which the clock is read once
/// and the maps' writers are told. The clock is not the real one but moves on by a microsecond per packet, so that each
/// engine sees the same times and must accept the same packets. One thread.</summary>
public static unsafe class FilterBenchmark
{
    private const int BatchPackets = 32;
    private const ulong StartNanoseconds = 1_000_000_000;
    private const ulong BatchNanoseconds = BatchPackets * 1000;
    private const int WarmUpRounds = 3;
    private const int Compilations = 7;

    private interface IEngine
    {
        bool Matches(FilterContext* context);
    }

    /// <summary>Measures.</summary>
    /// <param name="filter">The filter; its maps keep what the packets leave there.</param>
    /// <param name="engine">What runs it.</param>
    /// <param name="packets">At least one packet.</param>
    /// <param name="rounds">Measured rounds over all packets, at least 1; three more before them are not measured.</param>
    public static FilterFigures Run(LoadedFilter filter, FilterEngine engine, PacketSet packets, int rounds) => engine == FilterEngine.Il
        ? Run(new CompiledEngine(filter), packets, rounds)
        : Run(new InterpreterEngine(filter), packets, rounds);

    /// <summary>Median time to compile the filter's program once more, in milliseconds.</summary>
    public static double CompileMilliseconds(LoadedFilter filter)
    {
        var times = new double[Compilations];
        for (var index = 0; index < times.Length; index++)
        {
            var start = Stopwatch.GetTimestamp();
            IlCompiler.Compile(filter.Program, filter.Maps);
            times[index] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        Array.Sort(times);
        return times[times.Length / 2];
    }

    private static FilterFigures Run<TEngine>(TEngine engine, PacketSet packets, int rounds)
        where TEngine : struct, IEngine
    {
        using var reader = MapReaders.Register();
        var clock = StartNanoseconds;
        var times = new double[rounds];
        for (var round = 0; round < WarmUpRounds; round++)
        {
            RunOnce(engine, packets.Records, reader, ref clock);
        }

        long accepted = 0;
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        for (var round = 0; round < rounds; round++)
        {
            var start = Stopwatch.GetTimestamp();
            accepted += RunOnce(engine, packets.Records, reader, ref clock);
            times[round] = Stopwatch.GetElapsedTime(start).TotalNanoseconds / packets.Count;
        }

        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        Array.Sort(times);
        return new FilterFigures(times[rounds / 2], times[0], accepted, allocated);
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static long RunOnce<TEngine>(TEngine engine, ReadOnlySpan<PacketRecord> packets, MapReader reader, ref ulong clock)
        where TEngine : struct, IEngine
    {
        long accepted = 0;
        var context = new FilterContext { InPort = 1 };
        while (packets.Length > 0)
        {
            var batch = packets[..Math.Min(BatchPackets, packets.Length)];
            packets = packets[batch.Length..];
            clock += BatchNanoseconds;
            context.TimeNanoseconds = clock;
            reader.Enter();
            accepted += RunBatch(engine, batch, &context);
            reader.Exit();
        }

        return accepted;
    }

    // On its own so that what it needs stays in registers; adds without a branch, which could not be foreseen.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static int RunBatch<TEngine>(TEngine engine, ReadOnlySpan<PacketRecord> packets, FilterContext* context)
        where TEngine : struct, IEngine
    {
        int accepted = 0;
        foreach (ref readonly var packet in packets)
        {
            context->Packet = (byte*)packet.First;
            context->PacketEnd = (byte*)packet.First + packet.Length;
            context->Length = (ulong)packet.Length;
            context->Protocol = packet.Protocol;
            accepted += Unsafe.BitCast<bool, byte>(engine.Matches(context));
        }

        return accepted;
    }

    private readonly struct CompiledEngine(LoadedFilter filter) : IEngine
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool Matches(FilterContext* context) => filter.Matches(context);
    }

    private readonly struct InterpreterEngine(LoadedFilter filter) : IEngine
    {
        private readonly Interpreter _interpreter = new(filter.Program, filter.Maps);

        public bool Matches(FilterContext* context) =>
            filter.IsMatch(_interpreter.Run(context, filter.WorstCaseInstructions).Result);
    }
}
