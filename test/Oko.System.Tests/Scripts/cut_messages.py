"""Sends every controller message cut at every byte, and mutated ones, to a switch: cut_messages.py HOST PORT.

The messages are those of os-ken's serializer. After each one a barrier must be answered on the same connection,
so no cut may cost more than an error reply. Only a length field below 8 may cost the connection. Prints the
number of messages sent and of error replies; exits with 1 at the first one that is not survived.
"""
import os
import random
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), *['..'] * 3, 'samples', 'controllers'))
from os_ken.ofproto import ofproto_protocol, ofproto_v1_3 as ofp, ofproto_v1_3_parser as parser  # noqa: E402
import oko_extension as oko  # noqa: E402

BARRIER = 0xBA221E2


class Datapath(ofproto_protocol.ProtocolDesc):
    """Collects what would be sent."""

    def __init__(self):
        super().__init__(version=ofp.OFP_VERSION)
        self.sent = []

    def send_msg(self, message):
        message.set_xid(len(self.sent) + 1)
        message.serialize()
        self.sent.append(bytes(message.buf))


def messages():
    datapath = Datapath()
    output = parser.OFPActionOutput(1, 128)
    match = parser.OFPMatch(in_port=1, eth_type=0x0800, ip_proto=6, ipv4_src=('10.0.0.0', '255.0.0.0'), tcp_dst=80)
    actions = [parser.OFPActionPushVlan(0x8100), parser.OFPActionSetField(vlan_vid=0x1005), parser.OFPActionPopVlan(), output]
    instructions = [parser.OFPInstructionActions(ofp.OFPIT_APPLY_ACTIONS, actions), parser.OFPInstructionWriteMetadata(1, 3),
                    parser.OFPInstructionActions(ofp.OFPIT_WRITE_ACTIONS, [output]), parser.OFPInstructionGotoTable(2)]
    for message in (
            parser.OFPEchoRequest(datapath, b'12345678'), parser.OFPFeaturesRequest(datapath), parser.OFPGetConfigRequest(datapath),
            parser.OFPSetConfig(datapath, 0, 128), parser.OFPBarrierRequest(datapath),
            parser.OFPFlowMod(datapath, table_id=1, priority=5, match=match, instructions=instructions),
            parser.OFPFlowMod(datapath, priority=6, match=parser.OFPMatch(filter=1)),
            parser.OFPPacketOut(datapath, ofp.OFP_NO_BUFFER, ofp.OFPP_CONTROLLER, [output], bytes(64)),
            parser.OFPPortMod(datapath, 1, '02:00:00:00:00:01', 0, 0, 0),
            parser.OFPGroupMod(datapath, ofp.OFPGC_DELETE, ofp.OFPGT_ALL, ofp.OFPG_ALL, []),
            parser.OFPMeterMod(datapath, ofp.OFPMC_DELETE, 0, ofp.OFPM_ALL, []),
            parser.OFPRoleRequest(datapath, ofp.OFPCR_ROLE_NOCHANGE, 0), parser.OFPGetAsyncRequest(datapath),
            parser.OFPDescStatsRequest(datapath, 0), parser.OFPTableStatsRequest(datapath, 0), parser.OFPPortDescStatsRequest(datapath, 0),
            parser.OFPFlowStatsRequest(datapath, 0, ofp.OFPTT_ALL, ofp.OFPP_ANY, ofp.OFPG_ANY, 0, 0, match),
            parser.OFPAggregateStatsRequest(datapath, 0, ofp.OFPTT_ALL, ofp.OFPP_ANY, ofp.OFPG_ANY, 0, 0, match),
            parser.OFPPortStatsRequest(datapath, 0, ofp.OFPP_ANY), parser.OFPTableFeaturesStatsRequest(datapath, 0)):
        datapath.send_msg(message)
    oko.upload(datapath, 9, b'\x7fELF' + bytes(100), name='cut', flags=oko.DRY_RUN)
    oko.unload(datapath, 9)
    oko.map_update(datapath, 9, 0, [(bytes(4), bytes(8))])
    oko.map_delete(datapath, 9, 0, [bytes(4)])
    oko.request_descriptions(datapath)
    oko.request_stats(datapath)
    oko.request_dump(datapath, 9, 0)
    return datapath.sent


class Connection:
    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=10)
        self.socket.sendall(struct.pack('!BBHI', ofp.OFP_VERSION, ofp.OFPT_HELLO, 8, 1))
        self.errors = 0
        self.unread = b''
        while self.receive()[1] != ofp.OFPT_HELLO:
            pass

    def receive(self):
        while len(self.unread) < 8 or len(self.unread) < struct.unpack_from('!H', self.unread, 2)[0]:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError('the switch closed the connection')
            self.unread += more
        length = struct.unpack_from('!H', self.unread, 2)[0]
        message, self.unread = self.unread[:length], self.unread[length:]
        return message

    def survive(self, message):
        """Sends the message and a barrier; returns when the barrier is answered."""
        self.socket.sendall(message + struct.pack('!BBHI', ofp.OFP_VERSION, ofp.OFPT_BARRIER_REQUEST, 8, BARRIER))
        while True:
            _, kind, _, xid = struct.unpack_from('!BBHI', self.receive())
            self.errors += kind == ofp.OFPT_ERROR
            if kind == ofp.OFPT_BARRIER_REPLY and xid == BARRIER:
                return


def main(host, port):
    address = (host, int(port))
    connection = Connection(address)
    sent = 0
    last = b''
    try:
        for message in messages():
            for size in range(8, len(message) + 1):
                last = message[:2] + struct.pack('!H', size) + message[4:size]
                connection.survive(last)
                sent += 1
        draw = random.Random(1)
        pool = messages()
        for _ in range(3000):
            body = bytearray(draw.choice(pool))
            for _ in range(draw.randint(1, 4)):
                if len(body) > 8:
                    body[draw.randrange(8, len(body))] = draw.choice((0, 1, 0x7F, 0xFF, draw.randrange(256)))
            last = bytes(body)
            connection.survive(last)
            sent += 1
        for size in range(8):
            broken = Connection(address)
            broken.socket.sendall(struct.pack('!BBHI', ofp.OFP_VERSION, ofp.OFPT_ECHO_REQUEST, size, 7))
            try:
                while True:
                    broken.receive()
            except ConnectionError:
                sent += 1
        Connection(address).survive(b'')
    except (OSError, ConnectionError) as problem:
        print('not survived: %s; message %s' % (problem, last.hex()))
        return 1
    print('%d messages survived, %d error replies' % (sent, connection.errors))
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
