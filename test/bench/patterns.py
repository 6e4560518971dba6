"""What `forward` measures with: entries, and the packets that run through them (options of pktload)."""
import collections
import random

from lab import FORWARD

Pattern = collections.namedtuple('Pattern', 'meaning load entries')


def entry_per_flow(count):
    """The flows of `pktload -f count`, each with an entry of its own."""
    return ['in_port=1,udp,nw_src=10.98.%d.%d,tp_src=%d,actions=output:2' % (flow >> 8, flow & 255, 1024 + flow) for flow in range(count)]


def rules_over_random_sources(count):
    """Rules spread over what `pktload -f random` draws from; nearly all packets take the last one."""
    draw = random.Random(1)
    return ['priority=100,in_port=1,udp,nw_src=10.%d.%d.%d,tp_src=%d,actions=output:2' % (
        draw.randrange(256), draw.randrange(256), draw.randrange(256), draw.randrange(1, 65536)) for _ in range(count)
    ] + ['priority=1,in_port=1,actions=output:2']


def faucet(hosts):
    """Tables in the order of Faucet's pipeline: port ACL, VLAN, VLAN ACL, eth_src, IPv4 routes, addresses of the switch, eth_dst, flood. A
    packet of `pktload -f hosts:N` comes untagged, gets its VLAN, is asked for in tables 0, 1, 2, 3 and 6, and leaves untagged."""
    entries = ['table=0,priority=%d,in_port=1,%s,tp_dst=%d,actions=drop' % (20480 - number, ('udp', 'tcp')[number % 2], 5000 + number)
               for number in range(50)]
    entries.append('table=0,priority=1,actions=goto_table:1')
    entries += ['table=1,priority=8192,dl_dst=01:80:c2:00:00:0%x,actions=drop' % number for number in (0, 2, 14)]
    entries += ['table=1,priority=4096,in_port=%d,vlan_tci=0x0000/0x1fff,actions=push_vlan:0x8100,set_field:4196->vlan_vid,goto_table:2' % port
                for port in (1, 2)]
    entries += ['table=2,priority=%d,dl_vlan=100,ip,nw_src=192.168.%d.0/24,nw_dst=10.99.0.0/16,actions=drop' % (20480 - number, number)
                for number in range(100)]
    entries.append('table=2,priority=1,actions=goto_table:3')
    entries.append('table=3,priority=20490,dl_src=0e:00:00:00:00:01,actions=drop')
    entries.append('table=3,priority=16384,dl_vlan=100,ip,dl_dst=0e:00:00:00:00:01,actions=goto_table:4')
    entries += ['table=3,priority=8191,in_port=1,dl_vlan=100,dl_src=02:01:00:00:%02x:%02x,actions=goto_table:6' % (host >> 8, host & 255)
                for host in range(hosts)]
    entries += ['table=4,priority=12312,dl_vlan=100,ip,nw_dst=10.100.%d.0/24,actions=set_field:0e:00:00:00:00:01->eth_src,dec_ttl,goto_table:6' % number
                for number in range(100)]
    entries.append('table=5,priority=12320,dl_vlan=100,arp,arp_tpa=10.98.0.254,actions=CONTROLLER:65535')
    entries += ['table=6,priority=8192,dl_vlan=100,dl_dst=02:02:00:00:%02x:%02x,actions=pop_vlan,output:2' % (host >> 8, host & 255)
                for host in range(hosts)]
    entries.append('table=6,priority=0,actions=goto_table:7')
    entries.append('table=7,priority=8192,dl_vlan=100,actions=pop_vlan,FLOOD')
    return entries


PATTERNS = {
    'one': Pattern('1 flow, one entry', '1', lambda: FORWARD),
    'flows': Pattern('10,000 flows, one entry', '10000', lambda: FORWARD),
    'entries': Pattern('10,000 flows, an entry for each', '10000', lambda: entry_per_flow(10000)),
    'flood': Pattern('every packet a new flow, 16,000 rules on source address and port, the last forwards', 'random',
                     lambda: rules_over_random_sources(16000)),
    'faucet': Pattern('10,000 flows between hosts, 8 tables in the shape of Faucet\'s with 10,000 sources and destinations', 'hosts:10000',
                      lambda: faucet(10000)),
}
