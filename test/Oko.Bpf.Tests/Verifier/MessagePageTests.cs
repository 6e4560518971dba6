using System.Text.RegularExpressions;

namespace Oko.Bpf.Tests.Verifier;

/// <summary>The page for filter authors knows every message of the verifier.</summary>
public sealed partial class MessagePageTests
{
    [TestCaseSource(typeof(VerdictTests), nameof(VerdictTests.Refusals))]
    public void Message_OfARefusedProgram_StandsOnThePage(string reason) => Patterns.Any(pattern => pattern.IsMatch(reason)).Should().BeTrue("'{0}'", reason);

    [Test]
    public void Message_InTheSources_StandsOnThePage()
    {
        var missing = new List<string>();
        foreach (var file in Directory.EnumerateFiles(Path.Combine(VerdictTests.Repository, "Oko.Bpf", "Verifier"), "*.cs"))
        {
            foreach (Match message in Literal().Matches(File.ReadAllText(file)))
            {
                // What is inserted counts as something; messages that are put together from parts show in refused programs.
                var text = Regex.Replace(message.Groups[1].Value.Replace("{does}", "reads", StringComparison.Ordinal), @"\{[^{}]*\}", "something");
                if (!text.Contains('{', StringComparison.Ordinal) && !Patterns.Any(pattern => pattern.IsMatch(text)))
                {
                    missing.Add(text);
                }
            }
        }

        missing.Should().BeEmpty();
    }

    private static List<Regex> Patterns { get; } =
    [
        .. File.ReadLines(Path.Combine(VerdictTests.Repository, "Oko.Agent", "docs", "verifier-messages.md"))
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .SelectMany(line => Regex.Matches(line.Split('|')[1], "`([^`]+)`"))
            .Select(match => new Regex("^" + Regex.Escape(match.Groups[1].Value).Replace("…", ".+", StringComparison.Ordinal) + "$")),
    ];

    [GeneratedRegex("""(?:Refuse|refuse|RefuseAt)\((?:slot, |from, |next\.From, )?VerifierVerdict\.\w+,\s*\$?"([^"]+)",""")]
    private static partial Regex Literal();
}
