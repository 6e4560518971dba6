using Oko.System.Tests.Lab;

namespace Oko.System.Tests;

/// <summary>Three os-ken processes on one switch: each is master in turn and dies as one, and the next takes over.</summary>
public sealed class FailoverTests
{
    private const int RoleRequestFailed = 11, Stale = 0, BadRequest = 1, IsSlave = 10;
    private const uint ToController = 0xFFFFFFFD;

    [Test]
    public void ThreeControllers_MasterDiesTwice_NextTakesOverAndNothingIsLost()
    {
        using var network = new Network("okofail", 3);
        using var first = OsKen.StartHttp(network, 7001);
        using var second = OsKen.StartHttp(network, 7002);
        using var third = OsKen.StartHttp(network, 7003);
        using var oko = SwitchProcess.StartWithListener(network, 3, "--datapath-id", "0000000000000001", "--fail-mode", "secure",
            "--controller", "tcp:127.0.0.1:7001", "--controller", "tcp:127.0.0.1:7002", "--controller", "tcp:127.0.0.1:7003");
        foreach (var controller in new[] { first, second, third })
        {
            Await.Until(() => controller.Get("stats/switches").GetArrayLength() == 1, 20, "connection to each os-ken");
        }

        TakeRole(first, "MASTER", 1).Should().BeEmpty();
        TakeRole(second, "SLAVE", 1).Should().BeEmpty();
        TakeRole(third, "SLAVE", 1).Should().BeEmpty();
        AddFlow(first, 1, 2).Should().BeEmpty();
        AddFlow(first, 2, 1).Should().BeEmpty();
        AddFlow(second, 1, 1).Should().Equal([(BadRequest, IsSlave)], "a slave may not write");
        var entries = oko.Ofctl("--no-stats", "dump-flows", oko.Address);

        // Traffic for the whole time in which masters die.
        using var traffic = Command.Start("ip", ["netns", "exec", network.HostSpace(1), "ping", "-n", "-q", "-i", "0.005", "-c", "1000", "-W", "1", Network.Address(2)]);
        first.Kill();
        TakeRole(second, "MASTER", 2).Should().BeEmpty();
        Role(second).Should().Be("MASTER");
        TakeRole(third, "MASTER", 1).Should().Equal([(RoleRequestFailed, Stale)], "generation 1 is over");
        Role(third).Should().Be("SLAVE");
        oko.Ofctl("--no-stats", "dump-flows", oko.Address).Should().Be(entries);

        // Packets go to the master, and the state of ports to everybody.
        AddFlow(second, 3, ToController).Should().BeEmpty();
        network.Ping(3, 1, count: 1).Should().Be(0);
        Await.Until(() => Events(second, "OFPPacketIn") > 0, 10, "packet-in at the master");
        Network.In(network.HostSpace(3), 10, "ip", "link", "set", "eth0", "down");
        Await.Until(() => Events(second, "OFPPortStatus") > 0 && Events(third, "OFPPortStatus") > 0, 10, "port status at master and slave");
        Events(third, "OFPPacketIn").Should().Be(0);

        second.Kill();
        TakeRole(third, "MASTER", 3).Should().BeEmpty();
        AddFlow(third, 4, 1).Should().BeEmpty();
        traffic.StandardOutput.ReadToEnd().Should().Contain("1000 packets transmitted, 1000 received");

        // Who comes back late with an old generation does not become master.
        using var firstAgain = OsKen.StartHttp(network, 7001);
        Await.Until(() => firstAgain.Get("stats/switches").GetArrayLength() == 1, 30, "the first one's return");
        TakeRole(firstAgain, "MASTER", 1).Should().Equal((RoleRequestFailed, Stale));
        Role(third).Should().Be("MASTER");
        third.Log.Should().NotContain("Traceback");
    }

    private static List<(int Type, int Code)> TakeRole(OsKen controller, string role, ulong generation) =>
        Errors(controller.Post("stats/role", new { dpid = 1, role, generation_id = generation }));

    private static List<(int Type, int Code)> AddFlow(OsKen controller, uint inPort, uint outPort) =>
        Errors(controller.Post("stats/flowentry/add", new Dictionary<string, object>
        {
            ["dpid"] = 1,
            ["match"] = new { in_port = inPort },
            ["actions"] = new[] { new { type = "OUTPUT", port = outPort } },
        }));

    private static List<(int Type, int Code)> Errors(global::System.Text.Json.JsonElement errors) =>
        [.. errors.EnumerateArray().Select(error => (error.GetProperty("type").GetInt32(), error.GetProperty("code").GetInt32()))];

    private static string Role(OsKen controller) => controller.Get("stats/role/1").GetProperty("1").EnumerateArray().Single().GetProperty("role").GetString()!;

    private static int Events(OsKen controller, string kind) => controller.Get("stats/events/1").TryGetProperty(kind, out var count) ? count.GetInt32() : 0;
}
