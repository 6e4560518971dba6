using System.Text.Json;
using Oko.System.Tests.Lab;

namespace Oko.System.Tests;

/// <summary>Applications of os-ken against the built switch on veth pairs: learning, discovery of links, ofctl over HTTP.</summary>
public sealed class OsKenTests
{
    private const string Controller = "tcp:127.0.0.1:6653";

    [Test]
    public void LearningSwitch_TwoHosts_PingAndEntriesAppear()
    {
        using var network = new Network("okoosk", 2);
        using var controller = OsKen.Start(network, 6653, "samples/mininet/learning_switch.py");
        using var oko = SwitchProcess.StartWithListener(network, 2, "--controller", Controller);
        Await.Until(() => oko.Ofctl("dump-flows").Contains("CONTROLLER:65535", StringComparison.Ordinal), 20, "table-miss entry");
        network.Ping(1, 2, count: 5).Should().Be(5);
        var flows = oko.Ofctl("dump-flows", "--no-names");
        flows.Should().Contain($"priority=1,in_port=1,dl_src={Network.Mac(1)},dl_dst={Network.Mac(2)} actions=output:2")
            .And.Contain($"priority=1,in_port=2,dl_src={Network.Mac(2)},dl_dst={Network.Mac(1)} actions=output:1");
        controller.Log.Should().NotContain("Traceback");
    }

    [Test]
    public void Topology_TwoSwitchesOneCable_TwoLinksAreFoundAndLostWithTheCable()
    {
        using var network = new Network("okotop", 2);
        Network.In(network.SwitchSpace, 10, "ip", "link", "add", "c1", "type", "veth", "peer", "name", "c2");
        Network.In(network.SwitchSpace, 10, "ip", "link", "set", "c1", "up");
        Network.In(network.SwitchSpace, 10, "ip", "link", "set", "c2", "up");
        using var controller = OsKen.StartHttp(network, 6653, "--observe-links");
        using var first = Start(network, 1);
        using var second = Start(network, 2);
        Await.Until(() => controller.Get("v1.0/topology/links").GetArrayLength() == 2, 30, "two links");
        controller.Get("v1.0/topology/links").EnumerateArray().Select(link => (End(link, "src"), End(link, "dst"))).Should().BeEquivalentTo(
            [(("0000000000000001", "00000002"), ("0000000000000002", "00000002")), (("0000000000000002", "00000002"), ("0000000000000001", "00000002"))]);
        controller.Get("v1.0/topology/switches").EnumerateArray()
            .Should().OnlyContain(found => found.GetProperty("ports").GetArrayLength() == 2);
        Network.In(network.SwitchSpace, 10, "ip", "link", "set", "c1", "down");
        Await.Until(() => controller.Get("v1.0/topology/links").GetArrayLength() == 0, 30, "loss of the links");
        controller.Log.Should().NotContain("Traceback");
    }

    private static SwitchProcess Start(Network network, int number) => SwitchProcess.Start(network,
        "--datapath-id", $"{number:x16}", "--port", $"p{number}=1", "--port", $"c{number}=2", "--controller", Controller);

    private static (string? Switch, string? Port) End(JsonElement link, string name) =>
        (link.GetProperty(name).GetProperty("dpid").GetString(), link.GetProperty(name).GetProperty("port_no").GetString());
}
