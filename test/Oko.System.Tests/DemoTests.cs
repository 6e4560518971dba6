using Oko.System.Tests.Lab;

namespace Oko.System.Tests;

/// <summary>The demonstration of the README, as a newcomer runs it.</summary>
public sealed class DemoTests
{
    [TestCase]
    [TestCase("--standalone")]
    public void Demo_AsRoot_EveryClaimHolds(params string[] arguments)
    {
        if (Environment.UserName != "root")
        {
            Assert.Ignore("needs root: it makes network namespaces");
        }

        // run would build again; the build of the test run is the one to test.
        Command.Need("clang", "osken-manager");
        var result = Command.Run(90, "/usr/bin/python3", [Path.Combine(SwitchProcess.Repository, "samples", "demo", "demo.py"), .. arguments]);
        result.ExitCode.Should().Be(0, result.All);
        result.Output.Split('\n').Length.Should().BeLessThanOrEqualTo(40);
        TestContext.Out.WriteLine(result.Output);
    }
}
