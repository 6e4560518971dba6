using System.Formats.Tar;
using System.IO.Compression;
using System.IO.Enumeration;
using System.Text.RegularExpressions;
using Oko.Agent.Tests.Controllers;
using Oko.Agent.Tests.Errors;
using Oko.OpenFlow.Protocol;

namespace Oko.Agent.Tests.Conformance;

/// <summary>Keeps the coverage table of RESULTS.md complete, true and up to date.</summary>
public sealed partial class CoverageTests
{
    private static readonly string Folder = Path.Combine(SourceTree.Root, "test", "conformance");

    private static IReadOnlyList<CoverageRow> Rows { get; } = CoverageRow.ReadAll(Path.Combine(Folder, "coverage.txt"));

    [Test]
    public void Rows_AndItems_AreTheSameInTheSameOrder() =>
        Rows.Select(row => row.Name).Should().Equal(CoverageItems.Sections.SelectMany(section => section.Names));

    [Test]
    public void Rows_Tests_Exist()
    {
        var sources = Directory.EnumerateFiles(Path.GetDirectoryName(Folder)!, "*.cs", SearchOption.AllDirectories)
            .Select(File.ReadAllText)
            .SelectMany(text => TestClass().Matches(text).Select(match => (Class: match.Groups[1].Value, Text: text)))
            .ToLookup(source => source.Class, source => source.Text);
        var files = RyuFiles().ToArray();

        Rows.SelectMany(row => row.Tests).Distinct().Where(test => !Exists(test)).Should().BeEmpty("each test that coverage.txt names must exist");
        Rows.Where(row => row.Tests.Count == 0 && !row.IsNever).Should().BeEmpty("what is implemented is tested");

        bool Exists(string test)
        {
            if (test.StartsWith(CoverageRow.Ryu, StringComparison.Ordinal))
            {
                return files.Any(file => FileSystemName.MatchesSimpleExpression(test.AsSpan(CoverageRow.Ryu.Length), file, ignoreCase: false));
            }

            var parts = test.Split('.');
            return sources[parts[0]].Any(text => parts.Length == 1 || text.Contains($" {parts[1]}(", StringComparison.Ordinal));
        }
    }

    [Test]
    public void Rows_Refusals_AreErrorsThatTestsProduce()
    {
        var produced = ErrorCases.All.Select(scenario => scenario.Error.Name).ToHashSet();

        Rows.Select(row => row.Refusal).OfType<string>().Should().OnlyContain(name => produced.Contains(name));
    }

    [Test]
    public async Task Results_CoverageTable_IsWhatTheSwitchAndTheTestsSay()
    {
        await using var bench = await SwitchBench.StartAsync();
        await using var controller = await bench.ConnectAsync();
        var table = CoverageTable.Render(Rows, await SwitchFeatures.ReadMissingAsync(controller));
        var path = Path.Combine(Folder, "RESULTS.md");
        var (figures, coverage) = Split(File.Exists(path) ? await File.ReadAllTextAsync(path) : string.Empty);
        if (Environment.GetEnvironmentVariable("OKO_WRITE_COVERAGE") is not null)
        {
            await File.WriteAllTextAsync(path, figures + table);
            return;
        }

        coverage.Should().Be(table, "RESULTS.md is written by test/conformance/run --coverage whenever the switch or its tests change");
    }

    private static (string Figures, string Coverage) Split(string results)
    {
        var start = results.IndexOf(CoverageTable.Heading, StringComparison.Ordinal);
        return start < 0 ? (results, string.Empty) : (results[..start], results[start..]);
    }

    private static IEnumerable<string> RyuFiles()
    {
        using var packed = File.OpenRead(Path.Combine(Folder, "ryu", "ryu-of13.tar.gz"));
        using var unpacked = new GZipStream(packed, CompressionMode.Decompress);
        using var archive = new TarReader(unpacked);
        while (archive.GetNextEntry() is { } entry)
        {
            yield return entry.Name["ryu-of13/".Length..];
        }
    }

    [GeneratedRegex(@"\bclass (\w+Tests)\b")]
    private static partial Regex TestClass();
}
