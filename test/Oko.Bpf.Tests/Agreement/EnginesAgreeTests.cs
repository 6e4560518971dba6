using System.Diagnostics;
using Oko.Bpf.Execution;
using Oko.Bpf.Isa;
using Oko.Bpf.Jit;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Bpf.Tests.Execution;
using Oko.Bpf.Verifier;

namespace Oko.Bpf.Tests.Agreement;

/// <summary>
/// Random programs: checked interpreter, interpreter, compiled code and, where it takes the program too, the kernel agree on the result and on what
/// is in the maps. <c>OKO_SEED</c> runs one seed alone, <c>OKO_PROGRAMS</c> another number of programs.
/// </summary>
public sealed unsafe class EnginesAgreeTests
{
    private const int Programs = 100_000, Packets = 3, Threads = 2;

    private int _accepted, _byTheKernel, _withLoops, _withCalls;

    [Test]
    public void RandomPrograms_InAllEngines_DoTheSame()
    {
        if (Environment.GetEnvironmentVariable("OKO_SEED") is { Length: > 0 } seed)
        {
            using var alone = new Bench();
            Run(alone, int.Parse(seed));
            return;
        }

        var programs = int.TryParse(Environment.GetEnvironmentVariable("OKO_PROGRAMS"), out var wanted) ? wanted : Programs;
        var clock = Stopwatch.StartNew();
        Exception? failure = null;
        var threads = Enumerable.Range(0, Threads).Select(number => new Thread(() =>
        {
            try
            {
                using var bench = new Bench();
                for (var at = number; at < programs && failure is null; at += Threads)
                {
                    Run(bench, at);
                }
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        failure.Should().BeNull();
        TestContext.Out.WriteLine($"seeds 0 to {programs - 1}: {_accepted} accepted ({_withLoops} with loops, {_withCalls} with calls), {_byTheKernel} run by the kernel too, {clock.Elapsed.TotalSeconds:f0} s");
        _accepted.Should().BeGreaterThan(programs * 8 / 10);
        using var kernel = KernelMachine.Open(GeneratedProgram.Maps, out var reason);
        if (kernel is null)
        {
            Assert.Warn("not compared with the kernel: " + reason);
        }
        else
        {
            _byTheKernel.Should().BeGreaterThan(programs / 2);
        }
    }

    private void Run(Bench bench, int seed)
    {
        var source = GeneratedProgram.Make(seed);
        VerifiedProgram program;
        try
        {
            program = ProgramVerifier.Verify(new VerifierInput { Name = "random", Convention = EntryConvention.Xdp, Instructions = source, Maps = GeneratedProgram.Maps });
        }
        catch (VerificationException)
        {
            return;
        }

        Interlocked.Increment(ref _accepted);
        _ = program.FunctionStarts.Length > 1 ? Interlocked.Increment(ref _withCalls) : 0;
        _ = source.Any(one => one.IsConditionalJump && one.Offset < 0) ? Interlocked.Increment(ref _withLoops) : 0;
        var handle = bench.Kernel is { } kernel && !KernelIsWrongAbout(source) ? kernel.Load(source) : -1;
        bench.Reset(handle >= 0);
        var compiled = IlCompiler.Compile(program, bench.Maps(2)).Method;
        var checking = new Interpreter(program, bench.Maps(0));
        var trusting = new Interpreter(program, bench.Maps(1));
        var random = new Random(seed);
        for (var round = 0; round < Packets; round++)
        {
            var bytes = new byte[round == 0 ? 20 : random.Next(GeneratedProgram.PacketBytes, 100)];
            random.NextBytes(bytes);
            using var packet = new TestPacket(bytes);
            var context = packet.Context;
            var outcome = checking.RunChecked(&context, out var violation);
            if (violation is not null || outcome.Instructions > program.WorstCaseInstructions)
            {
                Fail(seed, source, $"packet {round}: {violation ?? $"{outcome.Instructions} instructions, proven were {program.WorstCaseInstructions}"}");
            }

            Same(seed, source, "interpreter", outcome.Result, trusting.Run(&context).Result);
            Same(seed, source, "compiled code", outcome.Result, compiled(&context));
            if (handle >= 0)
            {
                Same(seed, source, "kernel", (uint)outcome.Result, KernelMachine.Run(handle, bytes));
            }
        }

        if (bench.FindDifference(handle >= 0) is { } difference)
        {
            Fail(seed, source, difference);
        }

        if (handle >= 0)
        {
            Interlocked.Increment(ref _byTheKernel);
            KernelMachine.Unload(handle);
        }
    }

    // Linux 6.18 does not follow numbers through an atomic operation that fetches from the stack, when it marks those that decide a branch
    // (seed 84539): it prunes a path that it should walk, takes the other side of the branch for dead, and removes it.
    private static bool KernelIsWrongAbout(Instruction[] source) =>
        source.Any(one => one is { IsAtomic: true, Dst: Register.FramePointer } && (one.Immediate & AtomicOperation.Fetch) != 0);

    private static void Same(int seed, Instruction[] source, string engine, ulong expected, ulong actual)
    {
        if (expected != actual)
        {
            Fail(seed, source, $"checked interpreter 0x{expected:x}, {engine} 0x{actual:x}");
        }
    }

    private static void Fail(int seed, Instruction[] source, string what) =>
        throw new InvalidOperationException($"seed {seed}: {what}\n{string.Join('\n', source.Select((one, at) => $"{at}: {one}"))}");

    /// <summary>Maps of one thread, a set per engine.</summary>
    private sealed class Bench : IDisposable
    {
        private const int Sets = 3;

        private static readonly string[] Engines = ["checked interpreter", "interpreter", "compiled code", "kernel"];

        private readonly BpfMap[][] _maps = [.. Enumerable.Range(0, Sets).Select(_ => GeneratedProgram.Maps.Select(BpfMap.Create).ToArray())];

        public KernelMachine? Kernel { get; } = KernelMachine.Open(GeneratedProgram.Maps, out _);

        public BpfMap[] Maps(int set) => _maps[set];

        public void Reset(bool withKernel)
        {
            foreach (var map in _maps.SelectMany(set => set))
            {
                map.Clear();
            }

            if (withKernel)
            {
                Kernel!.Reset();
            }
        }

        /// <summary>Where the engines' maps differ, or null.</summary>
        public string? FindDifference(bool withKernel)
        {
            Span<byte> expected = stackalloc byte[16], actual = stackalloc byte[16];
            for (var map = 0; map < GeneratedProgram.Maps.Length; map++)
            {
                for (uint key = 0; key < GeneratedProgram.Keys; key++)
                {
                    var isThere = Lookup(0, map, key, expected);
                    for (var set = 1; set < Sets + (withKernel ? 1 : 0); set++)
                    {
                        if (Lookup(set, map, key, actual) != isThere || (isThere && !actual.SequenceEqual(expected)))
                        {
                            return $"map {map}, key {key}: {Engines[0]} {(isThere ? Convert.ToHexString(expected) : "has none")}, {Engines[set]} {Convert.ToHexString(actual)}";
                        }
                    }
                }
            }

            return null;
        }

        public void Dispose()
        {
            foreach (var map in _maps.SelectMany(set => set))
            {
                map.Dispose();
            }

            Kernel?.Dispose();
        }

        private bool Lookup(int set, int map, uint key, Span<byte> value)
        {
            value.Clear();
            return set == Sets ? Kernel!.TryLookup(map, key, value) : _maps[set][map].TryLookup(BitConverter.GetBytes(key), value);
        }
    }
}
