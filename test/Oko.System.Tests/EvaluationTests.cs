using System.Xml.Linq;
using Oko.System.Tests.Lab;

namespace Oko.System.Tests;

/// <summary>The evaluation of the paper, in its quick mode: that it runs to the end and writes what it promises.</summary>
public sealed class EvaluationTests
{
    [Test]
    public void Evaluation_Quick_WritesTableAndFigures()
    {
        Command.Need("clang", "python3");
        var folder = Directory.CreateTempSubdirectory("oko-evaluation-").FullName;
        try
        {
            var capture = Path.Combine(folder, "own.pcap");
            Command.Check(60, "python3", Path.Combine(SwitchProcess.Repository, "test", "evaluation", "traffic.py"), capture, "--packets", "3000", "--seed", "7");
            Command.Check(300, "python3", Path.Combine(SwitchProcess.Repository, "test", "evaluation", "run"), "--quick", "--no-build", "--pcap", capture, "--output", folder);
            var report = File.ReadAllText(Path.Combine(folder, "RESULTS.md"));
            report.Should().Contain("## Generated trace").And.Contain("## Own.pcap").And.NotContain("nan").And.NotContain("inf");
            foreach (var program in new[] { "stateful firewall", "p0f signatures", "rate limiter" })
            {
                report.Should().Contain($"| {program} | in the switch | ").And.Contain($"| {program} | neighbouring process, rings without copies | ")
                    .And.Contain($"| {program} | isolated, with copies | ");
            }

            foreach (var figure in new[] { "figure-2.svg", "figure-2-own.svg" })
            {
                report.Should().Contain($"({figure})");
                var bars = XDocument.Load(Path.Combine(folder, figure)).Descendants().Count(element => element.Name.LocalName == "rect");
                bars.Should().BeGreaterThan(3 * 3 + 3 * 2, "three programs have five bars each, and the paper's outlines");
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
