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
        WithFile(ManyFlows(10_000), file =>
        {
            _switch.Ofctl("add-flows", file);
            _switch.Ofctl("dump-aggregate").Should().Contain("flow_count=10000");
            _switch.Ofctl("dump-flows", "--no-stats").Split('\n').Count(line => line.Contains("actions=", StringComparison.Ordinal))
                .Should().Be(10_000);
            _switch.Ofctl("mod-flows", "udp,actions=output:1");
            _switch.Ofctl("dump-flows", "--no-stats").Should().NotContain("output:2");
        });
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
        Command.Need("tcpdump");
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
        // Its own control socket: the folder of the Open vSwitch service exists only once that service ran.
        var control = Path.Combine(TestContext.CurrentContext.WorkDirectory, "monitor.ctl");
        using var monitor = Command.Start("ip", ["netns", "exec", _network.SwitchSpace, "timeout", "20", "stdbuf", "-oL", "-eL",
            "ovs-ofctl", "-O", "OpenFlow13", "--unixctl", control, "monitor", "tcp:127.0.0.1:6654", "65534"]);
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
    public void Groups_AllVerbs_Work()
    {
        _switch.Ofctl("del-groups");
        _switch.Ofctl("add-group", "group_id=5,type=select,bucket=weight:2,output:1,bucket=weight:1,output:2");
        _switch.Ofctl("add-group", "group_id=6,type=ff,bucket=watch_port:1,actions=output:1,bucket=watch_port:2,actions=output:2");
        _switch.Ofctl("add-flow", "priority=1,actions=group:5");
        _switch.Ofctl("dump-groups").Should().Contain("group_id=5,type=select").And.Contain("group_id=6,type=ff");
        _switch.Ofctl("dump-group-stats", "group_id=5").Should().Contain("group_id=5").And.Contain("ref_count=1").And.NotContain("group_id=6");
        _switch.Ofctl("dump-group-features").Should().Contain("max_groups=0x10000").And.Contain("fast failover group");
        _switch.Ofctl("mod-group", "group_id=5,type=indirect,bucket=output:2");
        _switch.Ofctl("dump-groups").Should().Contain("group_id=5,type=indirect");
        _switch.Ofctl("del-groups", "group_id=5");
        _switch.Ofctl("dump-flows", "--no-stats").Should().NotContain("group:5", "entries go with their group");
        _switch.Ofctl("del-groups");
        _switch.Ofctl("dump-groups").Should().NotContain("group_id");
    }

    [Test]
    public void Meters_AllVerbs_Work()
    {
        _switch.Ofctl("add-meter", "meter=1,kbps,burst,stats,band=type=drop,rate=1000,burst_size=50");
        _switch.Ofctl("add-meter", "meter=2,pktps,band=type=dscp_remark,rate=10,prec_level=1");
        _switch.Ofctl("add-flow", "priority=1,actions=meter:1,output:2");
        _switch.Ofctl("dump-meters").Should().Contain("meter=1 kbps burst stats").And.Contain("type=dscp_remark rate=10");
        _switch.Ofctl("dump-meter", "meter=2").Should().NotContain("meter=1 ");
        _switch.Ofctl("meter-stats", "meter=1").Should().Contain("flow_count:1");
        _switch.Ofctl("meter-features").Should().Contain("max_meter:65536").And.Contain("dscp_remark");
        _switch.Ofctl("mod-meter", "meter=1,pktps,band=type=drop,rate=7");
        _switch.Ofctl("dump-meter", "meter=1").Should().Contain("rate=7");
        _switch.Ofctl("del-meter", "meter=1");
        _switch.Ofctl("dump-flows", "--no-stats").Should().NotContain("meter:1", "entries go with their meter");
        _switch.Ofctl("del-meters");
        _switch.Ofctl("dump-meters").Should().NotContain("meter=");
    }

    [Test]
    public void Queues_AllVerbs_Work()
    {
        _switch.Ofctl("queue-get-config").Should().Contain("queue 0");
        _switch.Ofctl("queue-get-config", "2").Should().Contain("port=2").And.Contain("queue 0");
        _switch.Ofctl("queue-stats").Should().Contain("port 1 queue 0").And.Contain("port 2 queue 0");
        _switch.Ofctl("queue-stats", "2", "0").Should().NotContain("port 1");
        _switch.TryOfctl("queue-stats", "1", "77").All.Should().Contain("OFPQOFC_BAD_QUEUE");
        _switch.Ofctl("add-flow", "priority=1,actions=set_queue:0,output:2");
        _switch.Ofctl("dump-flows", "--no-stats").Should().Contain("set_queue:0");
    }

    [Test]
    public void Fragments_Modes_AreSetAndRead()
    {
        _switch.Ofctl("get-frags").Should().Contain("normal");
        _switch.Ofctl("set-frags", "drop");
        _switch.Ofctl("get-frags").Should().Contain("drop");
        _switch.TryOfctl("set-frags", "reassemble").All.Should().Contain("OFPSCFC_BAD_FLAGS");
        _switch.Ofctl("set-frags", "normal");
        _switch.Ofctl("get-frags").Should().Contain("normal");
    }

    [Test]
    public void Flows_ModifiedReplacedAndCompared_AreWhatTheFileSays()
    {
        WithFile("priority=5,ip,actions=output:1\npriority=6,ip,actions=drop\n", old => WithFile("priority=6,ip,actions=output:2\npriority=7,arp,actions=FLOOD\n", wanted =>
        {
            _switch.Ofctl("add-flows", old);
            _switch.Ofctl("mod-flows", "priority=5,ip,actions=output:2");
            _switch.Ofctl("dump-flows", "--no-stats", "ip").Should().Contain("priority=5,ip actions=output:2");
            _switch.TryOfctl("diff-flows", wanted).Output.Should().Contain("-priority=5,ip").And.Contain("+priority=7,arp");
            _switch.Ofctl("replace-flows", wanted);
            _switch.Ofctl("diff-flows", wanted).Should().BeEmpty();
        }));
    }

    [Test]
    public void Bundle_AddAndReplaceFlows_HappenAsOne()
    {
        WithFile("priority=5,ip,actions=output:1\npriority=6,ip,actions=drop\n", file =>
        {
            _switch.Ofctl("--bundle", ["add-flows", _switch.Address, file]);
            _switch.Ofctl("diff-flows", file).Should().BeEmpty();
        });
        WithFile("priority=6,ip,actions=output:2\npriority=7,arp,actions=FLOOD\n", file =>
        {
            _switch.Ofctl("--bundle", ["replace-flows", _switch.Address, file]);
            _switch.Ofctl("diff-flows", file).Should().BeEmpty();
            WithFile("priority=8,ip,actions=output:1\npriority=9,ip,actions=group:555\n", failing =>
            {
                var result = _switch.TryOfctl("--bundle", ["add-flows", _switch.Address, failing]);
                result.ExitCode.Should().NotBe(0);
                result.All.Should().Contain("OFPBAC_BAD_OUT_GROUP").And.Contain("group:555").And.Contain("OFPBFC_MSG_FAILED");
            });
            _switch.Ofctl("diff-flows", file).Should().BeEmpty("a bundle that fails changes nothing");
        });
    }

    [Test]
    public void Bundle_FlowsGroupsAndPacketOuts_HappenAsOne()
    {
        WithFile("""
            group group_id=5,type=all,bucket=output:1
            flow priority=9,ip,actions=group:5
            packet-out in_port=controller,packet=ffffffffffff02000000000108060001080006040001020000000001c0a80001000000000000c0a80002,actions=output:2
            """, file => _switch.Ofctl("--bundle", ["bundle", _switch.Address, file]));
        _switch.Ofctl("dump-flows", "--no-stats").Should().Contain("actions=group:5");
        _switch.Ofctl("--bundle", ["del-groups", _switch.Address]);
        _switch.Ofctl("dump-groups").Should().NotContain("group_id");
    }

    [Test]
    public void Bundle_FiftyThousandFlows_AreAllThere() =>
        WithFile(ManyFlows(50_000), file =>
        {
            _switch.Ofctl("--bundle", ["add-flows", _switch.Address, file]);
            _switch.Ofctl("dump-aggregate").Should().Contain("flow_count=50000");
        });

    [TestCase("dump-tlv-map")]
    [TestCase("del-tlv-map")]
    [TestCase("ct-flush-zone", "1")]
    [TestCase("dump-ipfix-bridge")]
    [TestCase("mod-group", "--may-create", "group_id=7,type=all")]
    public void Extensions_OfOpenVSwitch_AreRefusedPolitely(string verb, params string[] arguments)
    {
        _switch.TryOfctl(verb, arguments).All.Should().MatchRegex("OFPBRC_BAD_VENDOR|OFPGMFC_BAD_COMMAND");
        _switch.Ofctl("probe");
    }

    [Test]
    public void Snoop_Switch_HearsNothingAndIsKept()
    {
        var result = Command.Run(20, "ip", "netns", "exec", _network.SwitchSpace, "timeout", "2", "ovs-ofctl", "-O", "OpenFlow13", "snoop", _switch.Address);
        result.All.Should().NotContain("OFPT_ERROR").And.NotContain("connection");
        _switch.Ofctl("probe");
    }

    [Test]
    public void PingAndBenchmark_Switch_Answers()
    {
        _switch.Ofctl("ping").Should().Contain("64 bytes from");
        _switch.Ofctl("benchmark", "100", "1000").Should().Contain("Finished in");
    }

    private static string ManyFlows(int count) => string.Join('\n', Enumerable.Range(0, count).Select(i =>
        $"priority={i % 100 + 1},udp,nw_src=10.{i / 250 % 250}.{i % 250}.1,tp_dst={i % 60000},actions=output:{i % 2 + 1}"));

    private static void WithFile(string text, Action<string> use)
    {
        var file = Path.GetTempFileName();
        File.WriteAllText(file, text);
        try
        {
            use(file);
        }
        finally
        {
            File.Delete(file);
        }
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
