using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Oko.Bpf.Execution;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Bpf.Tests.Execution;
using Oko.Bpf.Text;
using Oko.Bpf.Verifier;

namespace Oko.Bpf.Tests.Verifier;

/// <summary>Small programs with the verdict they must get: one a line in <c>test/TestData/verifier</c>, whose README has the form.</summary>
public sealed class VerdictTests
{
    private static readonly ImmutableArray<MapSpec> Maps =
    [
        new("m", MapType.Hash, 4, 16, 8, 0), new("a", MapType.Array, 4, 8, 4, 0), new("r", MapType.Array, 4, 16, 1, MapCreateFlags.ReadOnlyForPrograms),
        new("q", MapType.Queue, 0, 8, 4, 0), new("b", MapType.RingBuffer, 0, 0, 4096, 0), new("f", MapType.BloomFilter, 0, 4, 100, 0),
    ];

    private static readonly ImmutableDictionary<int, byte[]> InitialValues = ImmutableDictionary<int, byte[]>.Empty
        .Add(2, [34, 0, 0, 0, 39, 0, 0, 0, (byte)'G', (byte)'E', (byte)'T', 0, 1, 1, 1, 1]);

    private static IEnumerable<TestCaseData> Cases =>
        from one in All
        select new TestCaseData(one.Verdict, one.Message, one.Convention, one.Program).SetName($"Program_{one.File}_{one.Line}");

    /// <summary>The folder of the checkout.</summary>
    public static string Repository
    {
        get
        {
            var folder = new DirectoryInfo(TestContext.CurrentContext.TestDirectory);
            while (!File.Exists(Path.Combine(folder.FullName, "OkoSwitch.sln")))
            {
                folder = folder.Parent ?? throw new DirectoryNotFoundException("OkoSwitch.sln stands in no folder above the tests");
            }

            return folder.FullName;
        }
    }

    /// <summary>The reasons of all refusals, each once.</summary>
    public static IEnumerable<string> Refusals => All.Where(one => one.Verdict != "accepted")
        .Select(one => ((VerificationException)Record(() => ProgramVerifier.Verify(Input(one.Convention, one.Program)))!).Report.Reason).Distinct();

    private static IEnumerable<Case> All =>
        Directory.EnumerateFiles(Path.Combine(Repository, "test", "TestData", "verifier"), "*.txt").Order().SelectMany(Read);

    [Test]
    public void Cases_AreManyOfEachVerdict()
    {
        Cases.Should().HaveCountGreaterThan(150);
        foreach (var verdict in new[] { "accepted", "unsafe", "cannot prove", "not supported" })
        {
            Cases.Count(one => one.Arguments[0] as string == verdict).Should().BeGreaterThan(5, verdict);
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void Program(string verdict, string message, string convention, string program)
    {
        var input = Input(convention, program);
        if (verdict == "accepted")
        {
            RunInBothEngines(ProgramVerifier.Verify(input));
            return;
        }

        var report = FluentActions.Invoking(() => ProgramVerifier.Verify(input)).Should().Throw<VerificationException>().Which.Report;
        report.Message.Should().Contain(message);
        Regex.Replace(report.Verdict.ToString(), "(?<=[a-z])([A-Z])", match => " " + match.Value).ToLowerInvariant().Should().Be(verdict, report.Message);
        report.ToString(verbose: true).Should().StartWith(report.Message).And.Contain("registers:");
    }

    // What was accepted compiles, breaks no rule when each access is looked at, and comes to the same result in both engines.
    private static unsafe void RunInBothEngines(VerifiedProgram program)
    {
        using var compiled = LoadedFilter.Create(program);
        using var interpreted = LoadedFilter.Create(program);
        var interpreter = new Interpreter(program, interpreted.Maps);
        foreach (var bytes in new[] { 0, 14, 60, 300 })
        {
            using var packet = new TestPacket([.. Enumerable.Range(0, bytes).Select(at => (byte)at)]);
            FilterContext context = packet.Context, same = context;
            var outcome = interpreter.RunChecked(&context, out var violation);
            violation.Should().BeNull();
            outcome.Instructions.Should().BeLessThanOrEqualTo(program.WorstCaseInstructions);
            if (!program.Instructions.Any(one => one.IsHelperCall && one.Immediate is 5 or 7 or 8))
            {
                compiled.Run(&same).Should().Be(outcome.Result);
            }
        }
    }

    private static VerifierInput Input(string convention, string program) => new()
    {
        Name = "test", Convention = Enum.Parse<EntryConvention>(convention, ignoreCase: true), Instructions = Assembler.Assemble(program.Replace(";", "\n", StringComparison.Ordinal)),
        Maps = Maps, InitialValues = InitialValues,
    };

    private static Exception? Record(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (VerificationException exception)
        {
            return exception;
        }
    }

    private static IEnumerable<Case> Read(string file)
    {
        var definitions = new Dictionary<string, string>();
        var number = 0;
        foreach (var text in File.ReadLines(file))
        {
            number++;
            var line = text.Trim();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            var expanded = Regex.Replace(line, @"\$([\w-]+)", match => definitions[match.Groups[1].Value]);
            if (Regex.Match(expanded, @"^define ([\w-]+) = (.*)$") is { Success: true } definition)
            {
                definitions[definition.Groups[1].Value] = definition.Groups[2].Value;
                continue;
            }

            var parts = expanded.Split(" | ", 3);
            var verdict = parts[0].Split(": ", 2);
            yield return new Case(Path.GetFileNameWithoutExtension(file), number, verdict[0], verdict.ElementAtOrDefault(1) ?? string.Empty, parts[1], parts[2]);
        }
    }

    private sealed record Case(string File, int Line, string Verdict, string Message, string Convention, string Program);
}
