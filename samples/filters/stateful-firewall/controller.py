"""The stateful firewall before a learning switch: what it does not let through is dropped, but for ARP and neighbour discovery.

Run: PYTHONPATH=samples/controllers OKO_FILTER=stateful-firewall.o osken-manager samples/filters/stateful-firewall/controller.py (or ryu-manager)
"""
import socket
import struct

from filter_switch import FILTER_ID, FILTER_PRIORITY, LEARNING_TABLE, FilterSwitch

INSIDE = '10.0.0.0', '255.0.0.0'
INSIDE6 = 'fd00::', 'ff00::'
NEIGHBOUR_DISCOVERY = range(133, 137)


class Firewall(FilterSwitch):
    NAME = 'stateful-firewall'
    # As the variables lie in the program's .data: network and mask of IPv4, then of IPv6.
    MAPS = {'.data': [(struct.pack('<I', 0), b''.join(map(socket.inet_aton, INSIDE)) + b''.join(
        socket.inet_pton(socket.AF_INET6, text) for text in INSIDE6))]}

    def install(self, datapath):
        match = datapath.ofproto_parser.OFPMatch
        self.add_entry(datapath, 0, FILTER_PRIORITY, match(filter=FILTER_ID), table=LEARNING_TABLE)
        self.add_entry(datapath, 0, FILTER_PRIORITY + 1, match(eth_type=0x0806), table=LEARNING_TABLE)
        for kind in NEIGHBOUR_DISCOVERY:
            self.add_entry(datapath, 0, FILTER_PRIORITY + 1, match(eth_type=0x86DD, ip_proto=58, icmpv6_type=kind), table=LEARNING_TABLE)
