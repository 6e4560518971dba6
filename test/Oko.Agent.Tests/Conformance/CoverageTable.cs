using System.Text;
using Oko.Agent.Tests.Errors;
using Oko.OpenFlow.Protocol;

namespace Oko.Agent.Tests.Conformance;

/// <summary>The part "Message coverage" of RESULTS.md.</summary>
internal static class CoverageTable
{
    /// <summary>The heading it begins with; it reaches to the end of the file.</summary>
    public const string Heading = "## Message coverage";

    /// <summary>Writes the table.</summary>
    /// <param name="rows">Lines of coverage.txt.</param>
    /// <param name="missing">What the switch says that it lacks.</param>
    public static string Render(IReadOnlyList<CoverageRow> rows, IReadOnlyDictionary<string, string?> missing)
    {
        var byName = rows.ToDictionary(row => row.Name);
        var text = new StringBuilder();
        text.Append(Heading).Append("\n\n")
            .Append("What OpenFlow 1.3.5 consists of, and what controllers need beyond its letter, with the tests that show it: classes of the test projects, or files of the Ryu switch tests.\n");
        foreach (var (title, names) in CoverageItems.Sections)
        {
            text.Append($"\n### {title}\n\n| name | implemented | tested by |\n| --- | --- | --- |\n");
            foreach (var name in names)
            {
                text.Append($"| {name} | {Status(byName[name], missing)} | {Tests(byName[name], missing)} |\n");
            }
        }

        text.Append("\n### Errors\n\n`ErrorReplyTests` provokes each of them by the bytes of a request, or says why none can.\n\n");
        text.Append("| error | meaning | requests that bring it |\n| --- | --- | --- |\n");
        foreach (var error in ErrorCatalogue.All)
        {
            text.Append($"| {error.Name} | {error.Meaning} | {Situations(error)} |\n");
        }

        return text.ToString();
    }

    private static string Status(CoverageRow row, IReadOnlyDictionary<string, string?> missing)
    {
        var isMissing = missing.TryGetValue(row.Name, out var error);
        error ??= row.Refusal;
        var status = error is not null ? $"refused: {error}" : isMissing || row.IsNever ? "never" : "yes";
        return row.Note.Length == 0 ? status : $"{status}; {row.Note}";
    }

    private static string Tests(CoverageRow row, IReadOnlyDictionary<string, string?> missing) => missing.GetValueOrDefault(row.Name) is not null
        ? nameof(ErrorReplyTests)
        : string.Join(", ", row.Tests.Select(test => test.StartsWith(CoverageRow.Ryu, StringComparison.Ordinal) ? $"`{test[CoverageRow.Ryu.Length..]}`" : test));

    private static string Situations(ErrorDescription error)
    {
        var situations = ErrorCases.All.Where(scenario => scenario.Error == error).Select(scenario => scenario.Situation).ToArray();
        return situations.Length != 0
            ? string.Join("; ", situations)
            : ErrorCases.NeverSent.SingleOrDefault(entry => ErrorCase.Describe(entry.Key) == error) is { Key: not null } never
                ? $"none: {never.Value}"
                : "a HELLO without a common version";
    }
}
