using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Text;

namespace Oko.OpenFlow.Tests.Text;

/// <summary>What is ours in the flow syntax, and what is refused with which words.</summary>
public sealed class FlowTextParserTests
{
    [Test]
    public void ParseFlow_FilterGiven_IsFieldOfTheMatch()
    {
        var flow = FlowTextParser.ParseFlow("priority=200,udp,filter=7,actions=drop", FlowModCommand.Add);

        flow.Match.FilterId.Should().Be(7);
        flow.Match.Entries[^1].Field.Should().BeSameAs(OxmCatalogue.Filter);
        FlowTextFormatter.FormatMatch(flow.Match, flow.Priority).Should().Be("priority=200,udp,filter=7");
    }

    [Test]
    public void ParseFlow_PartsInAnyOrder_GiveTheSameMatch() =>
        FlowTextParser.ParseMatch("tp_dst=80,nw_src=1.2.3.4,tcp").Should().Be(FlowTextParser.ParseMatch("tcp,nw_src=1.2.3.4,tcp_dst=80"));

    [Test]
    public void ParseFlow_FieldsThatOpenVSwitchLacks_AreKnownByTheirNames()
    {
        const string Text = "ipv6,in_port=1,in_phy_port=2,ipv6_exthdr=0x1/0x3";

        FlowTextFormatter.FormatMatch(FlowTextParser.ParseMatch(Text)).Should().Be(Text);
        FlowTextFormatter.FormatMatch(FlowTextParser.ParseMatch("dl_type=0x88e7,pbb_isid=5")).Should().Be("dl_type=0x88e7,pbb_isid=5");
    }

    [Test]
    public void ParseFlow_EveryStandardField_SurvivesPrintingAndReading()
    {
        foreach (var field in OxmCatalogue.Basics)
        {
            // Values that fit their field and satisfy the prerequisites of all others.
            var match = FlowTextParser.ParseMatch(ExampleOf(field));

            match.Find(field).Should().NotBeNull($"{field} was asked for");
            FlowTextParser.ParseMatch(FlowTextFormatter.FormatMatch(match)).Should().Be(match, $"{field} must survive");
        }
    }

    [Test]
    public void ParseFlow_ExplicitApplyActions_IsTheSameAsBareActions()
    {
        var flow = FlowTextParser.ParseFlow("actions=apply_actions(output:1,pop_vlan),write_actions(copy_ttl_in,output:2)", FlowModCommand.Add);

        flow.Instructions.Should().HaveCount(2);
        flow.Instructions[0].Should().BeOfType<ApplyActionsInstruction>().Which.Actions.Should().Equal(new OutputAction(new PortNumber(1), 0), new PopVlanAction());
        flow.Instructions[1].Should().BeOfType<WriteActionsInstruction>().Which.Actions.Should().Equal(new CopyTtlInAction(), new OutputAction(new PortNumber(2), 0));
    }

    [Test]
    public void ParseActions_ListForPacketOut_NeedsNoFlow() =>
        FlowTextParser.ParseActions("mod_tp_dst:80,CONTROLLER:128", "udp").Should().Equal(
            new SetFieldAction(new OxmEntry(OxmCatalogue.UdpDst, 80)), new OutputAction(PortNumber.Controller, 128));

    [Test]
    public void ParseStatsRequest_EmptyText_SelectsAll() =>
        FlowTextParser.ParseStatsRequest(string.Empty).Should().Be(
            new FlowStatsRequest(TableId.All, PortNumber.Any, GroupId.Any, new Cookie(0), 0, FlowMatch.Any));

    [Test]
    public void Format_DurationsOfDifferentPrecision_ShowNoMoreDecimalsThanNeeded()
    {
        static string Of(long ticks) => FlowTextFormatter.Format(new FlowStatsEntry { Duration = TimeSpan.FromTicks(ticks), Priority = 1 });

        Of(20_000_000).Should().Contain("duration=2s,");
        Of(20_010_000).Should().Contain("duration=2.001s,");
        Of(20_000_010).Should().Contain("duration=2.000001s,");
        Of(20_000_001).Should().Contain("duration=2.000000100s,");
    }

    [TestCase("foo=1,actions=drop", "*\"foo\" is unknown*")]
    [TestCase("priority=70000,actions=drop", "*priority=70000*0 to 65535*")]
    [TestCase("priority=,actions=drop", "*priority needs a value*")]
    [TestCase("table=255,actions=drop", "*0 to 254*")]
    [TestCase("in_port=eth0,actions=drop", "*port number*")]
    [TestCase("dl_src=1:2:3,actions=drop", "*no Ethernet address*00:11:22:33:44:55*")]
    [TestCase("ip,nw_src=10.1,actions=drop", "*no IPv4 address*")]
    [TestCase("ip,nw_src=10.0.0.0/33,actions=drop", "*0 to 32 bits*")]
    [TestCase("ipv6,ipv6_src=10.0.0.1,actions=drop", "*no IPv6 address*")]
    [TestCase("tp_dst=80,actions=drop", "*add tcp*")]
    [TestCase("tcp_dst=80,actions=drop", "*tcp_dst needs ip_proto=6*")]
    [TestCase("nw_dst=1.2.3.4,actions=drop", "*add ip or arp*")]
    [TestCase("ip,ipv6_src=::1,actions=drop", "*ipv6_src needs eth_type=0x86dd*")]
    [TestCase("ip,arp,actions=drop", "*has another value already*")]
    [TestCase("tcp,tp_src=0x1000/0xf000,actions=drop", "*takes no mask*")]
    [TestCase("dl_vlan=5000,actions=drop", "*0 to 4095*")]
    [TestCase("vlan_tci=0x3000/0x3000,actions=drop", "*priority bits*")]
    [TestCase("filter=0,actions=drop", "*filter ids run from 1*")]
    [TestCase("filter=1/3,actions=drop", "*takes no mask*")]
    [TestCase("cookie=1/1,actions=drop", "*cookie without mask*")]
    [TestCase("out_port=1,actions=drop", "*out_port selects*")]
    [TestCase("ip", "*actions= is missing*")]
    [TestCase("actions=", "*nothing stands after*")]
    [TestCase("actions=foo", "*action foo is unknown*")]
    [TestCase("actions=resubmit(,1)", "*action resubmit is unknown*")]
    [TestCase("actions=output:1,drop", "*drop*")]
    [TestCase("actions=output:0", "*no port to send to*")]
    [TestCase("actions=output:ANY", "*no port to send to*")]
    [TestCase("actions=goto_table:1,output:1", "*too late*")]
    [TestCase("actions=clear_actions,output:1", "*too late*")]
    [TestCase("actions=meter:1,meter:2", "*twice*")]
    [TestCase("actions=output:1,apply_actions(output:2)", "*all of them inside or none*")]
    [TestCase("actions=apply_actions(output:2),output:1", "*all actions inside or none*")]
    [TestCase("actions=write_actions(output:2", "*not closed*")]
    [TestCase("actions=output:2)", "*without '('*")]
    [TestCase("actions=push_vlan:0x9100", "*0x8100*")]
    [TestCase("actions=set_field:5->vlan_vid", "*4101*")]
    [TestCase("actions=set_field:5->metadata", "*write_metadata*")]
    [TestCase("actions=set_field:5->filter", "*no header field*")]
    [TestCase("actions=set_field:5", "*\"->\"*")]
    [TestCase("actions=set_field:5->foo", "*no match field*")]
    [TestCase("actions=set_field:1/1->tun_id", "*whole fields*")]
    [TestCase("ip,actions=mod_tp_dst:5", "*add tcp*")]
    [TestCase("ip,actions=mod_nw_tos:33", "*multiple of 4*")]
    [TestCase("actions=pop_vlan:5", "*takes no value*")]
    [TestCase("actions=CONTROLLER(userdata=1)", "*max_len*")]
    [TestCase("actions=CONTROLLER:70000", "*0 to 65535*")]
    public void ParseFlow_WrongText_SaysWhatAndWhatIsAllowed(string text, string message) =>
        FluentActions.Invoking(() => FlowTextParser.ParseFlow(text, FlowModCommand.Add)).Should().Throw<FormatException>().WithMessage(message);

    [TestCase("priority=5,ip", FlowModCommand.Delete, "*strict*")]
    [TestCase("idle_timeout=5,ip", FlowModCommand.Delete, "*timeouts*")]
    [TestCase("ip,actions=drop", FlowModCommand.DeleteStrict, "*actions=*")]
    public void ParseFlow_PartWithoutMeaningForTheCommand_IsRefused(string text, FlowModCommand command, string message) =>
        FluentActions.Invoking(() => FlowTextParser.ParseFlow(text, command)).Should().Throw<FormatException>().WithMessage(message);

    private static string ExampleOf(OxmField field) => field.Number switch
    {
        0 => "in_port=3",
        1 => "in_port=3,in_phy_port=4",
        2 => "metadata=0x10/0xf0",
        3 => "eth_dst=01:00:00:00:00:00/01:00:00:00:00:00",
        4 => "eth_src=00:00:00:00:00:01",
        5 => "eth_type=0x88cc",
        6 => "vlan_vid=0x1005",
        7 => "vlan_pcp=3",
        8 => "ip,ip_dscp=8",
        9 => "ipv6,ip_ecn=1",
        10 => "ip,ip_proto=47",
        11 => "ip,ipv4_src=10.0.0.0/8",
        12 => "ip,ipv4_dst=10.0.0.0/255.0.255.0",
        13 => "tcp,tcp_src=1",
        14 => "tcp6,tcp_dst=1",
        15 => "udp,udp_src=1",
        16 => "udp6,udp_dst=1",
        17 => "sctp,sctp_src=1",
        18 => "sctp6,sctp_dst=1",
        19 => "icmp,icmpv4_type=8",
        20 => "icmp,icmpv4_code=1",
        21 => "arp,arp_op=2",
        22 => "arp,arp_spa=1.2.3.4",
        23 => "arp,arp_tpa=1.2.3.0/24",
        24 => "arp,arp_sha=00:00:00:00:00:01",
        25 => "arp,arp_tha=00:00:00:00:00:02",
        26 => "ipv6,ipv6_src=2001:db8::/32",
        27 => "ipv6,ipv6_dst=::1",
        28 => "ipv6,ipv6_flabel=0x5/0xf",
        29 => "icmp6,icmpv6_type=128",
        30 => "icmp6,icmpv6_code=0",
        31 => "icmp6,icmpv6_type=135,ipv6_nd_target=fe80::1",
        32 => "icmp6,icmpv6_type=135,ipv6_nd_sll=00:00:00:00:00:01",
        33 => "icmp6,icmpv6_type=136,ipv6_nd_tll=00:00:00:00:00:01",
        34 => "mpls,mpls_label=16",
        35 => "mplsm,mpls_tc=1",
        36 => "mpls,mpls_bos=1",
        37 => "eth_type=0x88e7,pbb_isid=0x10/0xff0",
        38 => "tunnel_id=5",
        _ => "ipv6,ipv6_exthdr=1",
    };
}
