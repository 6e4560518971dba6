using System.Text.RegularExpressions;
using System.Xml.Linq;
using Oko.System.Tests.Lab;

namespace Oko.System.Tests;

/// <summary>The evaluation of the paper, in its quick mode: that it runs to the end and writes what it promises.</summary>
public sealed class EvaluationTests
{
    [Test]
    public void Traffic_Generated_HasPacketsThatEachFilterKnowsAndOthers()
    {
        Command.Need("clang", "python3");
        var capture = Path.Combine(TestContext.CurrentContext.WorkDirectory, "evaluation.pcap");
        Command.Check(60, "python3", Path.Combine(SwitchProcess.Repository, "test", "evaluation", "traffic.py"), capture, "--packets", "3000");
        foreach (var name in new[] { "p0f", "stateful-firewall" })
        {
            var verdicts = Command.Check(60, SwitchProcess.Binary, "filter", "run", Filters.CompileSample(name), "--packets", capture, "--format", "json");
            Regex.Matches(verdicts, "\"match\": true").Should().HaveCountGreaterThan(50, name);
            Regex.Matches(verdicts, "\"match\": false").Should().HaveCountGreaterThan(5, name);
        }
    }

    [Test]
    public void Evaluation_Quick_WritesTablesAndFigures()
    {
        Command.Need("clang", "python3");
        var folder = Directory.CreateTempSubdirectory("oko-evaluation-").FullName;
        try
        {
            var capture = Path.Combine(folder, "own.pcap");
            Command.Check(60, "python3", Path.Combine(SwitchProcess.Repository, "test", "evaluation", "traffic.py"), capture, "--packets", "3000", "--seed", "7");
            Command.Check(300, "python3", Path.Combine(SwitchProcess.Repository, "test", "evaluation", "run"), "--quick", "--no-build", "--pcap", capture, "--output", folder);
            var report = File.ReadAllText(Path.Combine(folder, "RESULTS.md"));
            report.Should().Contain("## Generated trace\n").And.Contain("## Own.pcap\n").And.NotContain("nan").And.NotContain("inf");
            string[] figures = ["figure-2.svg", "figure-2-own.svg"];
            if (Environment.UserName == "root")
            {
                report.Should().Contain("## Generated trace, over veth\n").And.Contain("## Own.pcap, over veth\n").And.Contain("are the network interfaces'");
                figures = [.. figures, "figure-2-veth.svg", "figure-2-own-veth.svg"];
            }
            else
            {
                report.Should().Contain("The part over veth pairs is left out: network interfaces and AF_XDP need root.");
            }

            foreach (var program in new[] { "stateful firewall", "p0f signatures", "rate limiter" })
            {
                report.Should().Contain($"| {program} | in the switch | ").And.Contain($"| {program} | neighbouring process, rings without copies | ")
                    .And.Contain($"| {program} | isolated, with copies | ");
            }

            foreach (var figure in figures)
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
