using Oko.System.Tests.Lab;

namespace Oko.System.Tests;

/// <summary>The sample for Mininet, as a user runs it, with a network namespace in the place of the machine's own.</summary>
public sealed class MininetTests
{
    [TestCase]
    [TestCase("--own-namespaces")]
    public void PingAll_ThreeSwitchesSixHosts_LosesNothing(params string[] arguments)
    {
        if (Environment.UserName != "root")
        {
            Assert.Ignore("needs root: it makes network namespaces");
        }

        Command.Need("mn", "osken-manager", "unshare");
        var script = Path.Combine(SwitchProcess.Repository, "samples", "mininet", "pingall.py");
        var result = Command.Run(90, "unshare", ["--net", "sh", "-c", "ip link set lo up && exec /usr/bin/python3 \"$@\"", "sh", script, .. arguments]);
        result.ExitCode.Should().Be(0, result.All);
        result.All.Should().Contain("0% dropped (30/30 received)");
    }
}
