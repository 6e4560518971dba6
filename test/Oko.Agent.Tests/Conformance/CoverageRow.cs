namespace Oko.Agent.Tests.Conformance;

/// <summary>One line of coverage.txt.</summary>
/// <param name="Name">Name in the specification.</param>
/// <param name="Refusal">Name of the error that answers whoever uses it, or null.</param>
/// <param name="IsNever">Whether the switch never says or sets it.</param>
/// <param name="Tests">Classes of tests, with ".Method" where one method is meant; "ryu:PATTERN" for files of the Ryu switch tests.</param>
/// <param name="Note">What there is to add, or empty.</param>
internal sealed record CoverageRow(string Name, string? Refusal, bool IsNever, IReadOnlyList<string> Tests, string Note)
{
    /// <summary>Prefix of the tests that are files of the Ryu switch tests.</summary>
    public const string Ryu = "ryu:";

    private const string Refused = "refused:", Never = "never";

    /// <summary>All lines of a file; # begins a comment.</summary>
    public static IReadOnlyList<CoverageRow> ReadAll(string path) =>
        [.. File.ReadLines(path).Where(line => line.Length != 0 && line[0] != '#').Select(Parse)];

    private static CoverageRow Parse(string line)
    {
        var (text, note) = line.Split(" -- ", 2) is [var left, var right] ? (left, right.Trim()) : (line, string.Empty);
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(word => word.TrimEnd(',')).ToArray();
        var refusal = words.Skip(1).FirstOrDefault(word => word.StartsWith(Refused, StringComparison.Ordinal))?[Refused.Length..];
        var tests = words.Skip(1).Where(word => word != Never && !word.StartsWith(Refused, StringComparison.Ordinal));
        return new CoverageRow(words[0], refusal, words.Contains(Never), [.. tests], note);
    }
}
