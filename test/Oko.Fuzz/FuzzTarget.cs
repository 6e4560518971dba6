using System.Diagnostics;
using System.Text.RegularExpressions;
using Oko.Bpf.Elf;
using Oko.Bpf.Execution;
using Oko.Bpf.Helpers;
using Oko.Bpf.Isa;
using Oko.Bpf.Jit;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Bpf.Verifier;

namespace Oko.Fuzz;

// What must hold for any bytes:
//
//   load       each program of the object is accepted or refused, with one of the two documented exceptions, in time
//   run        an accepted program breaks no rule when the interpreter checks each access, and executes no more than was proven
//   compile    compiled code comes to the same results and leaves the same in the maps
//
// A program that was run before, byte by byte, is not run again: most changes of an object do not reach the program.

/// <summary>Loads and runs one input after the other. One per thread.</summary>
internal sealed partial class FuzzTarget(FuzzOptions options) : IDisposable
{
    private const int MostPrograms = 4, MostKnown = 1 << 20;
    private const long MostMapBytes = 16 << 20;

    private readonly PacketBuffer _packets = new();
    private readonly HashSet<ulong> _known = [];
    private readonly List<ulong> _features = [];

    /// <summary>Programs that were accepted, and those of them that were new and were run.</summary>
    public (long Accepted, long Run) Programs { get; private set; }

    /// <summary>The longest time that loading one program took.</summary>
    public TimeSpan Slowest { get; private set; }

    /// <summary>What the last input did: messages it got, and pairs of instructions in accepted programs.</summary>
    public IEnumerable<ulong> Features => _features;

    /// <summary>Looks at an input.</summary>
    /// <param name="input">An object, or what is left of one.</param>
    /// <param name="random">Chooses among programs, and makes the contents of maps.</param>
    /// <param name="beforeNative">Called before compiled code of this input runs: a fault of that would end the process.</param>
    /// <returns>What is wrong, or null.</returns>
    public string? Run(byte[] input, Random random, Action beforeNative)
    {
        _features.Clear();
        foreach (var name in Names(input, random))
        {
            if (Load(input, name, out var program) is { } fault)
            {
                return fault;
            }

            if (program is null)
            {
                continue;
            }

            Programs = (Programs.Accepted + 1, Programs.Run);
            if (_known.Count == MostKnown)
            {
                _known.Clear();
            }

            if (!_known.Add(IdentityOf(program)) || program.Maps.Any(map => BpfMap.FindFault(map) is not null) || program.Maps.Sum(BpfMap.MapMemoryBytes) > MostMapBytes)
            {
                continue;
            }

            Programs = (Programs.Accepted, Programs.Run + 1);
            AddFeaturesOf(program);
            if (Compare(program, random, beforeNative) is { } difference)
            {
                return $"program {program.Name}: {difference}\n{string.Join('\n', program.Instructions.Select((one, slot) => $"{slot}: {one}"))}";
            }
        }

        return null;
    }

    /// <inheritdoc/>
    public void Dispose() => _packets.Dispose();

    // The names of all functions, whether they are programs or not; no name at all is what most users give.
    private static IEnumerable<string?> Names(byte[] input, Random random)
    {
        List<string> names = [];
        try
        {
            names = [.. new ElfReader(input).Symbols.Where(symbol => symbol.Kind == ElfSymbol.Function && symbol.Name.Length > 0).Select(symbol => symbol.Name).Distinct().Take(1000)];
        }
        catch (ElfFormatException)
        {
            // The loader must say the same.
        }

        while (names.Count >= MostPrograms)
        {
            names.RemoveAt(random.Next(names.Count));
        }

        return names.Prepend(null);
    }

    private string? Load(byte[] input, string? name, out VerifiedProgram? program)
    {
        program = null;
        for (var attempt = 0; attempt < 3; attempt++)
        {
            var clock = Stopwatch.StartNew();
            try
            {
                program = FilterLoader.Load(input, name);
            }
            catch (ElfFormatException exception)
            {
                AddFeature(1, exception.Message);
            }
            catch (VerificationException exception)
            {
                AddFeature(2, exception.Report.ToString(verbose: true).Length > 0 ? exception.Report.Reason : string.Empty);
            }
            catch (Exception exception)
            {
                return $"loading program {name ?? "without a name"}: {exception}";
            }

            if (clock.Elapsed < options.LoadLimit)
            {
                Slowest = clock.Elapsed > Slowest ? clock.Elapsed : Slowest;
                return null;
            }
        }

        // Three times: other processes may have had the processor.
        return $"loading program {name ?? "without a name"} takes more than {options.LoadLimit.TotalSeconds} s";
    }

    private unsafe string? Compare(VerifiedProgram program, Random random, Action beforeNative)
    {
        var seed = random.Next();
        _packets.Fill(random, [.. program.Instructions.Select(one => one.Immediate).Where(number => number is > 0 and < 256).Append(0)]);
        using var interpreted = new MapSet(program, seed);
        using var used = new MapSet(program, seed);
        var interpreter = new Interpreter(program, interpreted.Maps);
        FilterMethod compiled;
        try
        {
            compiled = IlCompiler.Compile(program, used.Maps).Method;
        }
        catch (Exception exception)
        {
            return $"compiling: {exception}";
        }

        var results = new ulong[PacketBuffer.Count];
        for (var packet = 0; packet < PacketBuffer.Count; packet++)
        {
            var context = _packets.Context(packet);
            var outcome = interpreter.RunChecked(&context, out var violation);
            if (violation is not null || outcome.Instructions > program.WorstCaseInstructions)
            {
                return $"packet {packet}: {violation ?? $"{outcome.Instructions} instructions, proven were {program.WorstCaseInstructions}"}";
            }

            results[packet] = outcome.Result;
        }

        beforeNative();
        var isComparable = IsComparable(program);
        for (var packet = 0; packet < PacketBuffer.Count; packet++)
        {
            var context = _packets.Context(packet);
            var result = compiled(&context);
            if (isComparable && result != results[packet])
            {
                return $"packet {packet}: interpreter 0x{results[packet]:x}, compiled code 0x{result:x}";
            }
        }

        return isComparable ? interpreted.FindDifference(used) : null;
    }

    // Hashes are seeded, each map with its own; what depends on them (which entry an LRU drops, the order of a walk, what a sketch
    // overestimates) differs between two maps. The trace is full sooner or later.
    private static bool IsComparable(VerifiedProgram program)
    {
        if (program.Maps.Any(map => map.Type is MapType.LruHash or MapType.BloomFilter or MapType.CountMinSketch))
        {
            return false;
        }

        var helpers = HelperTable.For(program.OkoHelpers);
        return !program.Instructions.Any(one => one.IsHelperCall && helpers.Find(one.Immediate)?.Id is HelperId.GetPrandomU32 or HelperId.ForEachMapElem or HelperId.TracePrintk);
    }

    private static ulong IdentityOf(VerifiedProgram program)
    {
        var hash = new HashCode();
        foreach (var one in program.Instructions)
        {
            hash.Add(one);
        }

        foreach (var map in program.Maps)
        {
            hash.Add((map.Type, map.KeySize, map.ValueSize, map.MaxEntries, map.Flags));
        }

        return ((ulong)(uint)program.Instructions.Length << 32) | (uint)hash.ToHashCode();
    }

    private void AddFeaturesOf(VerifiedProgram program)
    {
        Instruction previous = default;
        foreach (var one in program.Instructions)
        {
            _features.Add((3UL << 32) | ((uint)previous.Opcode << 16) | one.Opcode);
            _features.Add((4UL << 32) | ((uint)(ushort)one.Offset << 8) | one.Opcode);
            previous = one;
        }
    }

    private void AddFeature(ulong kind, string message) =>
        _features.Add((kind << 32) | (uint)string.GetHashCode(Variable().Replace(message, "#"), StringComparison.Ordinal));

    [GeneratedRegex("'[^']*'|0x[0-9a-f]+|[0-9]+")]
    private static partial Regex Variable();
}
