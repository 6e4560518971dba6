using Oko.System.Tests.Lab;

namespace Oko.System.Tests;

/// <summary>Stock <c>ovs-ofctl -O OpenFlow13</c> against a listener: every verb an operator uses works and shows what is there.</summary>
public sealed class OvsOfctlTests
{
    private Network _network = null!;
    private SwitchProcess _switch = null!;

    [OneTimeSetUp]
    public void StartSwitch()
    {
        Command.Need("ovs-ofctl");
        _network = new Network("okoofctl", 2);
        // Secure: the table holds what the tests put there and nothing else.
        _switch = SwitchProcess.StartWithListener(_network, 2, "--fail-mode", "secure", "--datapath-id", "00000000000000c1");
    }

    [OneTimeTearDown]
    public void StopSwitch()
    {
        _switch?.Dispose();
        _network?.Dispose();
    }

    [SetUp]
    public void EmptyTables() => _switch.Ofctl("del-flows");

    [Test]
    public void Probe_Listener_Answers() => _switch.Ofctl("probe");

    [Test]
    public void Show_Switch_ListsIdentityAndPorts()
    {
        var text = _switch.Ofctl("show");
        text.Should().Contain("dpid:00000000000000c1").And.Contain("1(p1)").And.Contain("2(p2)").And.Contain("n_buffers:0");
    }

    [Test]
    public void DumpDesc_Switch_NamesTheProduct() => _switch.Ofctl("dump-desc").Should().Contain("Manufacturer: OkoSwitch");

    [Test]
    public void DumpPorts_AfterTraffic_CountsIt()
    {
        _switch.Ofctl("add-flow", "priority=0,actions=NORMAL");
        _network.Ping(1, 2).Should().Be(3);
        _switch.Ofctl("dump-ports").Should().MatchRegex(@"port +""?1""?: rx pkts=[1-9]").And.MatchRegex(@"port +""?2""?: rx pkts=[1-9]");
        _switch.Ofctl("dump-ports", "1").Should().NotMatchRegex(@"port +""?2""?:");
    }

    [Test]
    public void DumpPortsDesc_Switch_ShowsStates() => _switch.Ofctl("dump-ports-desc").Should().Contain("1(p1): addr:").And.Contain("2(p2): addr:");

    [Test]
    public void DumpTables_AfterAdd_CountsActiveEntries()
    {
        _switch.Ofctl("add-flow", "table=3,priority=7,actions=drop");
        _switch.Ofctl("dump-tables").Should().MatchRegex(@"table 3[^\n]*:\s+active=1");
    }

    [Test]
    public void DumpTableFeatures_Switch_ListsMatchFields() =>
        _switch.Ofctl("dump-table-features").Should().Contain("table 0").And.Contain("eth_{src,dst}").And.Contain("ipv6_{src,dst,label}").And.Contain("goto_table");

    [Test]
    public void AddFlow_ManyFields_ComeBackAsInstalled()
    {
        string[] entries =
        [
            "cookie=0x1,priority=10,tcp,in_port=1,dl_src=02:00:00:00:00:01,nw_src=10.0.0.0/8,tp_dst=80,actions=output:2",
            "cookie=0x2,priority=11,udp6,ipv6_dst=2001:db8::/32,tp_src=53,actions=set_field:2001:db8::1->ipv6_src,output:1",
            "cookie=0x3,priority=12,arp,arp_spa=10.0.0.1,arp_op=1,actions=CONTROLLER:128",
            "cookie=0x4,priority=13,dl_vlan=5,dl_vlan_pcp=3,actions=pop_vlan,output:2",
            "cookie=0x5,priority=14,in_port=2,actions=push_vlan:0x8100,set_field:4105->vlan_vid,IN_PORT",
            "cookie=0x6,priority=15,icmp6,icmp_type=135,icmp_code=0,nd_target=fe80::1,actions=FLOOD",
            "cookie=0x7,priority=16,sctp,tp_dst=99,actions=ALL",
            "cookie=0x8,table=1,priority=17,metadata=0x5/0xf,ip,nw_tos=32,actions=write_metadata:0x10/0xf0,goto_table:2",
            "cookie=0x9,priority=18,idle_timeout=100,hard_timeout=200,send_flow_rem,actions=write_actions(output:1),goto_table:1",
        ];
        foreach (var entry in entries)
        {
            _switch.Ofctl("add-flow", entry);
        }

        var dump = _switch.Ofctl("dump-flows", "--no-stats");
        foreach (var expected in new[]
        {
            "cookie=0x1, priority=10,tcp,in_port=1,dl_src=02:00:00:00:00:01,nw_src=10.0.0.0/8,tp_dst=80 actions=output:2",
            "udp6,ipv6_dst=2001:db8::/32,tp_src=53 actions=set_field:2001:db8::1->ipv6_src,output:1",
            "arp,arp_spa=10.0.0.1,arp_op=1 actions=CONTROLLER:128",
            "dl_vlan=5,dl_vlan_pcp=3 actions=pop_vlan,output:2",
            "in_port=2 actions=push_vlan:0x8100,set_field:4105->vlan_vid,IN_PORT",
            "icmp6,icmp_type=135,icmp_code=0,nd_target=fe80::1 actions=FLOOD",
            "sctp,tp_dst=99 actions=ALL",
            "table=1, priority=17,ip,metadata=0x5/0xf,nw_tos=32 actions=write_metadata:0x10/0xf0,goto_table:2",
            "idle_timeout=100, hard_timeout=200, send_flow_rem priority=18 actions=write_actions(output:1),goto_table:1",
        })
        {
            dump.Replace("\"", string.Empty).Should().Contain(expected);
        }
    }

    [Test]
    public void AddFlows_TenThousand_AreAllThere()
    {
        var file = Path.GetTempFileName();
        File.WriteAllLines(file, Enumerable.Range(0, 10_000).Select(i =>
            $"priority={i % 100 + 1},udp,nw_src=10.{i / 250 % 250}.{i % 250}.1,tp_dst={i % 60000},actions=output:{i % 2 + 1}"));
        try
        {
            _switch.Ofctl("add-flows", file);
            _switch.Ofctl("dump-aggregate").Should().Contain("flow_count=10000");
            _switch.Ofctl("dump-flows", "--no-stats").Split('\n').Count(line => line.Contains("actions=", StringComparison.Ordinal))
                .Should().Be(10_000);
            _switch.Ofctl("mod-flows", "udp,actions=output:1");
            _switch.Ofctl("dump-flows", "--no-stats").Should().NotContain("output:2");
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Test]
    public void StrictDelete_OneOfTwo_LeavesTheOther()
    {
        _switch.Ofctl("add-flow", "priority=5,ip,nw_dst=10.0.0.1,actions=output:1");
        _switch.Ofctl("add-flow", "priority=6,ip,nw_dst=10.0.0.1,actions=output:1");
        var result = Command.Run(30, "ip", "netns", "exec", _network.SwitchSpace, "ovs-ofctl", "-O", "OpenFlow13", "--strict", "del-flows",
            "tcp:127.0.0.1:6654", "priority=5,ip,nw_dst=10.0.0.1");
        result.ExitCode.Should().Be(0, result.All);
        _switch.Ofctl("dump-flows", "--no-stats").Should().Contain("priority=6").And.NotContain("priority=5");
    }

    [Test]
    public void PacketOut_ToPort_ArrivesAtTheHost()
    {
        const string frame = "ffffffffffff02000000000108004500001c000100004011" + "663d0a6300010a630002" + "03e807d000080000";
        using var capture = Command.Start("ip", ["netns", "exec", _network.HostSpace(2), "timeout", "10", "tcpdump", "-l", "-n", "-i", "eth0", "-c", "1", "udp port 2000"]);
        // tcpdump announces on standard error that it listens.
        while (capture.StandardError.ReadLine() is { } line && !line.Contains("listening on", StringComparison.Ordinal))
        {
        }

        _switch.Ofctl("packet-out", $"in_port=CONTROLLER,packet={frame},actions=output:2");
        capture.StandardOutput.ReadToEnd().Should().Contain("10.99.0.1.1000 > 10.99.0.2.2000");
        capture.WaitForExit();
    }

    [Test]
    public void Monitor_PacketToController_IsShown()
    {
        _switch.Ofctl("add-flow", "priority=1,arp,actions=CONTROLLER:65535");
        using var monitor = Command.Start("ip", ["netns", "exec", _network.SwitchSpace, "timeout", "20", "stdbuf", "-oL", "-eL",
            "ovs-ofctl", "-O", "OpenFlow13", "monitor", "tcp:127.0.0.1:6654", "65534"]);
        try
        {
            var lines = Task.Run(() =>
            {
                while (monitor.StandardError.ReadLine() is { } line)
                {
                    if (line.Contains("OFPT_PACKET_IN", StringComparison.Ordinal))
                    {
                        return line;
                    }
                }

                return "no packet-in";
            });
            // The host repeats its question every second, so it need not wait for the monitor.
            Network.TryIn(_network.HostSpace(1), 15, "ping", "-c", "3", "-W", "1", Network.Address(2));
            lines.Wait(TimeSpan.FromSeconds(20)).Should().BeTrue();
            lines.Result.Should().Contain("OFPT_PACKET_IN").And.MatchRegex("in_port=[12] ");
        }
        finally
        {
            monitor.Kill(entireProcessTree: true);
            monitor.WaitForExit();
        }
    }

    [Test]
    public void DumpFlows_WithFilterEntry_ShowsItWithoutTheFilter()
    {
        _switch.Oko("filter", "load", "1", Filters.CompileSample("blocklist"));
        try
        {
            _switch.Oko("flow", "add", "priority=100,ip,filter=1,actions=drop");
            _switch.Ofctl("add-flow", "priority=1,actions=output:2");
            var dump = _switch.Ofctl("dump-flows", "--no-stats");
            dump.Should().Contain("priority=100,ip actions=drop").And.Contain("priority=1 actions=output");
            _switch.Oko("flow", "list").Should().Contain("filter=1");
        }
        finally
        {
            _switch.Oko("filter", "unload", "1", "--force");
        }
    }

    [Test]
    public void ModPort_NoForward_StopsTraffic()
    {
        _switch.Ofctl("add-flow", "priority=0,actions=NORMAL");
        _network.Ping(1, 2).Should().Be(3);
        _switch.Ofctl("mod-port", "2", "no-forward");
        _network.Ping(1, 2, count: 2).Should().Be(0);
        _switch.Ofctl("mod-port", "2", "forward");
        _network.Ping(1, 2).Should().Be(3);
    }

    [Test]
    public void AddFlow_Wrong_IsRefusedAndTheSwitchGoesOn()
    {
        var result = _switch.TryOfctl("add-flow", "table=5,actions=group:1");
        result.ExitCode.Should().NotBe(0);
        result.All.Should().Contain("OFPT_ERROR");
        _switch.Ofctl("dump-flows", "--no-stats").Should().NotContain("group");
    }
}
