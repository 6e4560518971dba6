using System.Text.Json;
using Oko.System.Tests.Lab;

namespace Oko.System.Tests;

/// <summary>
/// os-ken's ofctl library over HTTP, as users of <c>ofctl_rest</c> drive a switch: what is written is read back, by os-ken's
/// own encoder and parser.
/// </summary>
public sealed class OsKenOfctlTests
{
    private Network _network = null!;
    private OsKen _controller = null!;
    private SwitchProcess _switch = null!;

    [OneTimeSetUp]
    public void Start()
    {
        _network = new Network("okoofc", 2);
        _controller = OsKen.StartHttp(_network, 6653);
        _switch = SwitchProcess.StartWithListener(_network, 2, "--controller", "tcp:127.0.0.1:6653", "--datapath-id", "0000000000000001");
        Await.Until(() => _controller.Get("stats/switches").GetArrayLength() == 1, 20, "connection to os-ken");
    }

    [OneTimeTearDown]
    public void Stop()
    {
        _switch?.Dispose();
        _controller?.Dispose();
        _network?.Dispose();
    }

    [TearDown]
    public void NothingWasUnreadable() => _controller.Log.Should().NotContain("Traceback");

    [Test]
    public void Flows_AddedModifiedDeleted_AreReadBack()
    {
        Dictionary<string, object> Flow(params object[] actions) => new()
        {
            ["dpid"] = 1, ["cookie"] = 7, ["priority"] = 100, ["idle_timeout"] = 300, ["flags"] = 1,
            ["match"] = new { in_port = 1, eth_type = 0x0800, ipv4_dst = "10.99.0.0/255.255.255.0", ip_proto = 6, tcp_dst = 80 },
            ["actions"] = actions,
        };
        Write("flowentry/add", Flow(new { type = "PUSH_VLAN", ethertype = 0x8100 }, new { type = "SET_FIELD", field = "vlan_vid", value = 4100 }, Output(2)));
        var entry = Read("flow").EnumerateArray().Single();
        entry.GetProperty("actions").ToString().Should().Be("""["PUSH_VLAN:33024", "SET_FIELD: {vlan_vid:4100}", "OUTPUT:2"]""");
        entry.GetProperty("match").ToString().Should().Be(
            """{"in_port": 1, "dl_type": 2048, "nw_proto": 6, "nw_dst": "10.99.0.0/255.255.255.0", "tp_dst": 80}""");
        (Number(entry, "cookie"), Number(entry, "priority"), Number(entry, "idle_timeout"), Number(entry, "flags")).Should().Be((7, 100, 300, 1));
        Write("flowentry/modify_strict", Flow(Output(1)));
        Read("flow").EnumerateArray().Single().GetProperty("actions").ToString().Should().Be("""["OUTPUT:1"]""");
        Number(Read("aggregateflow").EnumerateArray().Single(), "flow_count").Should().Be(1);
        Number(Read("table").EnumerateArray().First(), "active_count").Should().Be(1);
        Write("flowentry/delete_strict", Flow());
        Read("flow").GetArrayLength().Should().Be(0);
    }

    [Test]
    public void Flow_ToAGroupThatIsNotThere_IsRefused() =>
        Errors("flowentry/add", new { dpid = 1, match = new { }, actions = new[] { new { type = "GROUP", group_id = 99 } } })
            .Should().Be("""[{"type": 2, "code": 9}]""", "OFPET_BAD_ACTION, OFPBAC_BAD_OUT_GROUP");

    [Test]
    public void Groups_AddedModifiedDeleted_AreReadBack()
    {
        object Group(string type, params object[] buckets) => new { dpid = 1, type, group_id = 5, buckets };
        Write("groupentry/add", Group("SELECT", new { weight = 3, actions = new[] { Output(1) } }, new { weight = 1, actions = new[] { Output(2) } }));
        var description = Read("groupdesc").EnumerateArray().Single();
        description.GetProperty("type").GetString().Should().Be("SELECT");
        description.GetProperty("buckets").EnumerateArray().Select(bucket => (Number(bucket, "weight"), bucket.GetProperty("actions").ToString()))
            .Should().Equal((3, """["OUTPUT:1"]"""), (1, """["OUTPUT:2"]"""));
        Read("group/5").EnumerateArray().Single().GetProperty("bucket_stats").GetArrayLength().Should().Be(2);
        Write("groupentry/modify", Group("FF", new { watch_port = 2, actions = new[] { Output(2) } }));
        Read("groupdesc").EnumerateArray().Single().GetProperty("type").GetString().Should().Be("FF");
        Errors("groupentry/add", Group("ALL")).Should().Be("""[{"type": 6, "code": 0}]""", "OFPGMFC_GROUP_EXISTS");
        Write("groupentry/delete", Group("ALL"));
        Read("groupdesc").GetArrayLength().Should().Be(0);
        Read("groupfeatures").EnumerateArray().Single().GetProperty("types").GetArrayLength().Should().Be(4);
    }

    [Test]
    public void Meters_AddedModifiedDeleted_AreReadBack()
    {
        object Meter(string unit, int rate) => new
        {
            dpid = 1, meter_id = 3, flags = new[] { unit, "BURST", "STATS" }, bands = new[] { new { type = "DROP", rate, burst_size = 10 } },
        };
        Write("meterentry/add", Meter("KBPS", 1000));
        var configuration = Read("meterconfig/3").EnumerateArray().Single();
        configuration.GetProperty("flags").EnumerateArray().Select(flag => flag.GetString()).Should().BeEquivalentTo("KBPS", "BURST", "STATS");
        var band = configuration.GetProperty("bands").EnumerateArray().Single();
        (Number(band, "rate"), Number(band, "burst_size")).Should().Be((1000, 10));
        Write("meterentry/modify", Meter("PKTPS", 50));
        Number(Read("meterconfig/3").EnumerateArray().Single().GetProperty("bands").EnumerateArray().Single(), "rate").Should().Be(50);
        Number(Read("meter/3").EnumerateArray().Single(), "flow_count").Should().Be(0);
        Read("meterfeatures").EnumerateArray().Single().GetProperty("capabilities").EnumerateArray().Select(flag => flag.GetString())
            .Should().BeEquivalentTo("KBPS", "PKTPS", "BURST", "STATS");
        Write("meterentry/delete", Meter("KBPS", 1));
        Read("meterconfig").GetArrayLength().Should().Be(0);
    }

    [Test]
    public void Ports_DescribedCountedAndConfigured()
    {
        var port = Port(1);
        port.GetProperty("name").GetString().Should().Be("p1");
        var address = port.GetProperty("hw_addr").GetString();
        Read("port").EnumerateArray().Select(statistics => Number(statistics, "port_no")).Should().BeEquivalentTo([1L, 2L]);
        // OFPPC_NO_FWD on and off again.
        foreach (var config in new[] { 0x20, 0 })
        {
            Errors("portdesc/modify", new { dpid = 1, port_no = 1, hw_addr = address, config, mask = 0x20, advertise = 0 }).Should().Be("[]");
            Number(Port(1), "config").Should().Be(config);
        }
    }

    [Test]
    public void Queues_StatisticsAndConfiguration_AreAnswered()
    {
        Read("queue").ValueKind.Should().Be(JsonValueKind.Array);
        Read("queueconfig").ValueKind.Should().Be(JsonValueKind.Array);
    }

    [Test]
    public void Description_AndTableFeatures_AreReadableInFull()
    {
        _controller.Get("stats/desc/1").GetProperty("1").GetProperty("mfr_desc").GetString().Should().Be("OkoSwitch");
        var tables = Read("tablefeatures").EnumerateArray().ToList();
        tables.Should().HaveCount(64);
        tables[0].GetProperty("properties").EnumerateArray().Select(property => property.GetProperty("type").GetString())
            .Should().Contain(["INSTRUCTIONS", "INSTRUCTIONS_MISS", "NEXT_TABLES", "NEXT_TABLES_MISS", "WRITE_ACTIONS", "WRITE_ACTIONS_MISS",
                "APPLY_ACTIONS", "APPLY_ACTIONS_MISS", "MATCH", "WILDCARDS", "WRITE_SETFIELD", "WRITE_SETFIELD_MISS", "APPLY_SETFIELD",
                "APPLY_SETFIELD_MISS"]).And.NotContain("UNKNOWN");
    }

    [Test]
    public void Role_EqualMasterEqual_IsTaken()
    {
        foreach (var role in new[] { "EQUAL", "MASTER", "EQUAL" })
        {
            Errors("role", new { dpid = 1, role }).Should().Be("[]");
            Read("role").EnumerateArray().Single().GetProperty("role").GetString().Should().Be(role);
        }
    }

    private static object Output(int port) => new { type = "OUTPUT", port };

    private static long Number(JsonElement element, string name) => element.GetProperty(name).GetInt64();

    private JsonElement Port(int number) => Read("portdesc").EnumerateArray().Single(port => port.GetProperty("port_no").ToString() == number.ToString());

    /// <summary>The answer of this switch to <c>/stats/KIND[/ARGUMENT]</c>.</summary>
    private JsonElement Read(string kind)
    {
        var words = kind.Split('/', 2);
        return _controller.Get(string.Join('/', ["stats", words[0], "1", .. words[1..]])).GetProperty("1");
    }

    private void Write(string what, object body) => Errors(what, body).Should().Be("[]");

    private string Errors(string what, object body) => _controller.Post("stats/" + what, body).ToString();
}
