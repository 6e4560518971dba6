using System.Text.RegularExpressions;
using Oko.System.Tests.Lab;

namespace Oko.System.Tests;

/// <summary>The filters of <c>samples/filters</c>: on each packet of its capture, the built binary says what a model in Python says that
/// sees the packets through tshark.</summary>
public sealed class SampleFilterTests
{
    private static string Samples => Path.Combine(SwitchProcess.Repository, "samples", "filters");

    [TestCaseSource(nameof(Tested))]
    public void Filter_OnEachPacketOfItsCapture_SaysWhatItsModelSays(string name)
    {
        Command.Need("clang", "tshark", "python3");
        var result = Command.Run(120, Path.Combine(Samples, "verify"), name);
        result.ExitCode.Should().Be(0, result.All);
        result.Output.Should().Contain($"{name}: ").And.Contain("all as the model says");
        TestContext.Out.WriteLine(result.Output);
    }

    [Test]
    public void Filters_BesideTheSameCCompiledByGcc_AcceptTheSamePackets()
    {
        Command.Need("clang", "gcc", "python3");
        var table = Command.Check(120, "python3", Path.Combine(SwitchProcess.Repository, "test", "bench", "filters", "compare-native"), "--repetitions", "1", "--rounds", "1");
        Regex.Matches(table, "^(stateful firewall|rate limiter|p0f, (mixed|SYNs)) +[0-9]", RegexOptions.Multiline).Should().HaveCount(4);
    }

    [Test]
    public void P0fSignatures_AreWhatTheCompilerMakesOfTheDatabase()
    {
        Command.Need("python3");
        var folder = Path.Combine(Samples, "p0f");
        Command.Check(20, Path.Combine(folder, "compile"), Path.Combine(folder, "example.fp"))
            .Should().Be(File.ReadAllText(Path.Combine(folder, "signatures.h")), "run ./compile example.fp > signatures.h");
    }

    [TestCase("sig = *:64:0:*:mss*4,7:mss:df:0", "line 2: a signature before the first label")]
    [TestCase("label = s:unix:Linux", "line 2: label 's:unix:Linux': write s:class:name:flavor")]
    [TestCase("label = s:a:b:c\nsig = *:64:0:*:mss*4,7:mss:df", "line 3: 7 fields; a signature has 8")]
    [TestCase("label = s:a:b:c\nsig = *:64:0:*:mss*4,7:mss,eol:df:0", "line 3: option 'eol': allowed are nop")]
    [TestCase("label = s:a:b:c\nsig = *:64:0:*:mss*4,7:mss,?8:df:0", "line 3: option '?8': write ts")]
    [TestCase("label = s:a:b:c\nsig = *:64:0:*:mss*4,7:mss,?256:df:0", "line 3: kind of option ? '256': allowed are 0 to 255")]
    [TestCase("label = s:a:b:c\nsig = *:64:0:*:*,7:?9,?9,?9,?9,?9,?9,?9,?9,?9:df:0", "line 3: 9 options ?N; at most 8")]
    [TestCase("label = s:a:b:c\nsig = *:300:0:*:mss*4,7:mss:df:0", "line 3: ttl '300': allowed are 1 to 255")]
    [TestCase("label = s:a:b:c\nsig = *:200+56:0:*:mss*4,7:mss:df:0", "line 3: sum of ttl and distance '256': allowed are 1 to 255")]
    [TestCase("label = s:a:b:c\nsig = *:54+?:0:*:mss*4,7:mss:df:0", "line 3: ttl '54+?': the distance is not known; find it out and write 54+HOPS")]
    [TestCase("label = s:a:b:c\nsig = *:64:0:*:mss*1001,7:mss:df:0", "line 3: multiple of mss '1001': allowed are 1 to 1000")]
    [TestCase("label = s:a:b:c\nsig = 6:64:0:*:mss*4,7:mss:df:0", "line 3: quirk 'df': not in packets of IP version 6")]
    [TestCase("label = s:a\nsig = *:64:0:*:1,7:mss:df:0\nsig = *:64:0", "line 2: label 's:a': write s:class:name:flavor, or g:class:name:flavor for a generic one\nline 4: 3 fields")]
    [TestCase("label = s:a:b:c\nsig = *:64:0:*:mss*4,7:mss:fd:0", "line 3: quirk 'fd': allowed are df id+")]
    [TestCase("label = s:a:b:c", "no signatures in a section [tcp:request]")]
    public void P0fCompiler_WrongDatabase_SaysLineAndWhatIsAllowed(string text, string expected)
    {
        Command.Need("python3");
        var file = Path.Combine(TestContext.CurrentContext.WorkDirectory, TestContext.CurrentContext.Test.ID + ".fp");
        File.WriteAllText(file, "[tcp:request]\n" + text + "\n");
        var result = Command.Run(20, Path.Combine(Samples, "p0f", "compile"), file);
        result.ExitCode.Should().Be(1);
        result.All.Should().StartWith(expected).And.NotContain("Traceback");
    }

    [Test]
    public void P0fCompiler_Skip_LeavesOutWhatItReports()
    {
        Command.Need("python3");
        var file = Path.Combine(TestContext.CurrentContext.WorkDirectory, "skip.fp");
        File.WriteAllText(file, "[tcp:request]\nlabel = s:a:b:c\nsig = *:64:0:*:1,7:mss:df:0\nsig = *:64:0:*:2,7:wrong:df:0\n");
        var result = Command.Run(20, Path.Combine(Samples, "p0f", "compile"), "--skip", file);
        result.ExitCode.Should().Be(0, result.All);
        result.Errors.Should().StartWith("line 4: option 'wrong'");
        Regex.Matches(result.Output, "return 1;").Should().ContainSingle();
    }

    [Test]
    public void P0fDatabase_ThatComesWithP0f_CompilesWholeAndMatchesAsItsModelSays()
    {
        Command.Need("clang", "tshark", "python3");
        var database = FindP0fDatabase();
        var compiled = Command.Run(20, Path.Combine(Samples, "p0f", "compile"), database);
        compiled.ExitCode.Should().Be(0, compiled.All);
        compiled.Errors.Should().BeEmpty();
        var section = Regex.Match(File.ReadAllText(database), @"^\[tcp:request\]$(.*?)^\[", RegexOptions.Singleline | RegexOptions.Multiline).Value;
        var signatures = Regex.Matches(section, @"^sig\s*=", RegexOptions.Multiline).Count;
        signatures.Should().BeGreaterThan(50);
        Regex.Matches(compiled.Output, @"^\t\t\treturn [1-9]", RegexOptions.Multiline).Should().HaveCount(signatures, "each line is in the program");
        var verified = Command.Run(240, "env", $"P0F_DATABASE={database}", Path.Combine(Samples, "verify"), "p0f");
        verified.ExitCode.Should().Be(0, verified.All);
        TestContext.Out.WriteLine(verified.Output);
    }

    [TestCaseSource(nameof(Tested))]
    public void Controller_OfTheFilter_InstallsIt(string name)
    {
        using var network = new Network("okofilt", 2);
        var target = Filters.CompileSample(name);
        using var controller = OsKen.StartSample(network, 6653, $"samples/filters/{name}/controller.py", target);
        using var oko = SwitchProcess.StartWithListener(network, 2, "--controller", "tcp:127.0.0.1:6653");
        Await.Until(() => controller.Log.Contains($"{name} is in force", StringComparison.Ordinal), 60, "installation", () => controller.Log);
        Await.Until(() => oko.Oko("flow", "list").Contains("filter=1", StringComparison.Ordinal), 20, "entry with the filter");
        oko.Oko("filter", "list").Should().Contain(name);
        if (name != "stateful-firewall")
        {
            network.Ping(1, 2, count: 5).Should().Be(5, "what the filter does not match is forwarded");
        }

        controller.Log.Should().NotContain("Traceback").And.NotContain("refused");
    }

    [Test]
    public void Readme_CommandsAsPrinted_BlockTheFlood()
    {
        if (Environment.UserName != "root")
        {
            Assert.Ignore("needs root: it makes network namespaces");
        }

        Command.Need("bash", "clang", "curl", "dotnet", "nstat", "python3");
        var blocks = Regex.Matches(File.ReadAllText(Path.Combine(Samples, "README.md")), "^```sh\n(.*?)^```$", RegexOptions.Singleline | RegexOptions.Multiline);
        blocks.Count.Should().BePositive();
        // Whatever fails, processes and namespaces go.
        var script = Path.Combine(TestContext.CurrentContext.WorkDirectory, "walk-through.sh");
        File.WriteAllText(script, string.Join('\n',
            [$"cd '{SwitchProcess.Repository}'", "trap 'kill $(jobs -p) 2>/dev/null || true; samples/demo/network down; rm -rf /tmp/okodemo' EXIT", .. blocks.Select(block => block.Groups[1].Value)]));
        var result = Command.Run(420, "bash", "-eu", script);
        result.ExitCode.Should().Be(0, result.All);
        TestContext.Out.WriteLine(result.Output);
        result.Output.Should().Contain("h2: HTTP 200");
        var dropped = Regex.Match(result.Output, "n_packets=(\\d+), n_bytes=\\d+, priority=100,filter=1 actions=drop");
        dropped.Success.Should().BeTrue(result.All);
        int.Parse(dropped.Groups[1].Value).Should().BeGreaterThan(2500, "of 5,000 SYNs 200 may pass, and 100 per second").And.BeLessThanOrEqualTo(5001);
        Regex.Matches(result.Output, "5000 SYNs sent").Should().HaveCount(2);
    }

    [Test]
    public void Table1_OnTheDemonstrationsHosts_EachEntryDoesWhatItIsFor()
    {
        if (Environment.UserName != "root")
        {
            Assert.Ignore("needs root: it makes network namespaces");
        }

        Command.Need("clang", "curl", "ping", "python3");
        var result = Command.Run(120, Path.Combine(Samples, "table-1", "run"));
        result.ExitCode.Should().Be(0, result.All);
        TestContext.Out.WriteLine(result.Output);
        foreach (var entry in new[] { @"arp +500 +arp +- +NORMAL", @"scanners +400 +tcp,tcp_dst=80 +p0f +drop", @"too fast +300 +ip,nw_src=10\.77\.0\.3 +rate-limiter +drop",
            @"connections +200 +tcp +stateful-firewall +NORMAL", @"icmp +100 +icmp +- +NORMAL", @"the rest +0 +any +- +drop" })
        {
            result.Output.Should().MatchRegex($"(?m)^{entry} +[1-9][0-9]*$");
        }
    }

    /// <summary>p0f's database is not ours to copy: the installed one, or out of Debian's package.</summary>
    private static string FindP0fDatabase()
    {
        const string installed = "/etc/p0f/p0f.fp";
        if (File.Exists(installed))
        {
            return installed;
        }

        Command.Need("apt-get", "dpkg");
        var folder = Directory.CreateDirectory(Path.Combine(TestContext.CurrentContext.WorkDirectory, "p0f-package")).FullName;
        var download = Command.Run(60, "sh", "-c", $"cd '{folder}' && apt-get download -qq p0f && dpkg -x p0f_*.deb .");
        if (download.ExitCode != 0)
        {
            Assert.Ignore($"there is no {installed}, and the package p0f cannot be downloaded: {download.Errors.Trim()}");
        }

        return folder + installed;
    }

    private static IEnumerable<string> Tested() =>
        Directory.GetFiles(Samples, "test.py", SearchOption.AllDirectories).Select(file => Path.GetFileName(Path.GetDirectoryName(file)!)).Order();
}
