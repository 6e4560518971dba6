"""A learning switch with a blocklist that runs inside the switch: an os-ken application.

It learns addresses and installs forwarding entries like any OpenFlow 1.3 application. Beyond that it
uploads a filter (the BPF object named by OKO_FILTER), puts the entry ``filter=1, actions=drop`` above
everything it learns, and changes the filter's map when told to. Commands arrive as lines on the Unix
socket named by OKO_CONTROL; each is answered with one line of JSON::

    connected | install | block ADDRESS | unblock ADDRESS | counters

Run: OKO_FILTER=blocklist.o OKO_CONTROL=/tmp/control osken-manager blocklist_switch.py
"""
import json
import os
import socket

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, DEAD_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.lib import hub
from os_ken.lib.packet import ethernet, packet
from os_ken.ofproto import ofproto_v1_3

import oko_extension as oko

FILTER_ID = 1
MAP_INDEX = 0
BLOCK_PRIORITY, LEARNED_PRIORITY, MISS_PRIORITY = 100, 10, 0
BLOCK_COOKIE = 0xB10C


class BlocklistSwitch(app_manager.OSKenApp):
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.datapath = None
        self.ports = {}                 # Ethernet address -> port
        self.answers = {}               # xid -> queue of the one who waits for it
        if 'OKO_CONTROL' in os.environ:
            hub.spawn(self.serve, os.environ['OKO_CONTROL'])

    # -- the switch side ---------------------------------------------------

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def connected(self, event):
        datapath = event.msg.datapath
        self.datapath, self.ports = datapath, {}
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        self.add_entry(datapath, MISS_PRIORITY, parser.OFPMatch(),
                       [parser.OFPActionOutput(ofproto.OFPP_CONTROLLER, ofproto.OFPCML_NO_BUFFER)])

    @set_ev_cls(ofp_event.EventOFPStateChange, DEAD_DISPATCHER)
    def disconnected(self, event):
        if event.datapath is self.datapath:
            self.datapath = None

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def packet_in(self, event):
        message = event.msg
        datapath = message.datapath
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        in_port = message.match['in_port']
        frame = packet.Packet(message.data).get_protocol(ethernet.ethernet)
        self.ports[frame.src] = in_port
        out_port = self.ports.get(frame.dst, ofproto.OFPP_FLOOD)
        actions = [parser.OFPActionOutput(out_port)]
        if out_port != ofproto.OFPP_FLOOD:
            self.add_entry(datapath, LEARNED_PRIORITY,
                           parser.OFPMatch(in_port=in_port, eth_src=frame.src, eth_dst=frame.dst), actions)
        datapath.send_msg(parser.OFPPacketOut(datapath, buffer_id=ofproto.OFP_NO_BUFFER, in_port=in_port,
                                              actions=actions, data=message.data))

    @set_ev_cls(ofp_event.EventOFPErrorMsg, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def error(self, event):
        problem = oko.parse_error(event.msg)
        text = '%s: %s' % (problem.name, problem.text) if problem else \
            'OpenFlow error type %d code %d' % (event.msg.type, event.msg.code)
        self.logger.error('the switch refused: %s', text)
        self.answer(event.msg.xid, {'error': text})

    @set_ev_cls(ofp_event.EventOFPExperimenter, MAIN_DISPATCHER)
    def experimenter(self, event):
        status = oko.parse_status(event.msg)
        if status:
            self.answer(event.msg.xid, status._asdict())

    @set_ev_cls(ofp_event.EventOFPBarrierReply, MAIN_DISPATCHER)
    def barrier_reply(self, event):
        self.answer(event.msg.xid, {})

    @set_ev_cls(ofp_event.EventOFPFlowStatsReply, MAIN_DISPATCHER)
    def flow_stats(self, event):
        self.answer(event.msg.xid, {'packets': sum(entry.packet_count for entry in event.msg.body)})

    @set_ev_cls(ofp_event.EventOFPExperimenterStatsReply, MAIN_DISPATCHER)
    def experimenter_stats(self, event):
        found = oko.parse_multipart(event.msg)
        if found is not None:
            self.answer(event.msg.xid, found)

    @staticmethod
    def add_entry(datapath, priority, match, actions, cookie=0):
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        instructions = [parser.OFPInstructionActions(ofproto.OFPIT_APPLY_ACTIONS, actions)] if actions else []
        datapath.send_msg(parser.OFPFlowMod(datapath, priority=priority, match=match, cookie=cookie,
                                            instructions=instructions))

    # -- the commands ------------------------------------------------------

    def connected_switch(self):
        return {'datapath_id': '%016x' % self.datapath.id}

    def install(self):
        """Uploads the filter, then drops what it matches."""
        with open(os.environ['OKO_FILTER'], 'rb') as handle:
            status = self.wait(oko.upload(self.datapath, FILTER_ID, handle.read(), flags=oko.REPLACE))
        parser = self.datapath.ofproto_parser
        self.add_entry(self.datapath, BLOCK_PRIORITY, parser.OFPMatch(filter=FILTER_ID), [], BLOCK_COOKIE)
        self.barrier()
        return status

    def block(self, address):
        return self.settle(oko.map_update(self.datapath, FILTER_ID, MAP_INDEX, [(socket.inet_aton(address), bytes(8))]))

    def unblock(self, address):
        return self.settle(oko.map_delete(self.datapath, FILTER_ID, MAP_INDEX, [socket.inet_aton(address)]))

    def counters(self):
        """What the entry, the filter and the filter's map have counted."""
        datapath = self.datapath
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        request = parser.OFPFlowStatsRequest(datapath, 0, ofproto.OFPTT_ALL, ofproto.OFPP_ANY, ofproto.OFPG_ANY,
                                             BLOCK_COOKIE, 0xFFFFFFFFFFFFFFFF, parser.OFPMatch())
        datapath.send_msg(request)
        entry = self.wait(request.xid)
        stats = self.wait(oko.request_stats(datapath, FILTER_ID))[0]
        blocked = self.wait(oko.request_dump(datapath, FILTER_ID, MAP_INDEX))[0]
        return {'entry_packets': entry['packets'], 'runs': stats.runs, 'matches': stats.matches,
                'blocked': {socket.inet_ntoa(key): int.from_bytes(value, 'little') for key, value in blocked.entries}}

    def settle(self, xid):
        """Waits until the change is in force; a refusal arrives before the barrier's reply."""
        refusal = self.answers[xid] = hub.Queue()
        try:
            self.barrier()
            if not refusal.empty():
                raise RuntimeError(refusal.get()['error'])
        finally:
            del self.answers[xid]
        return {}

    def barrier(self):
        request = self.datapath.ofproto_parser.OFPBarrierRequest(self.datapath)
        self.datapath.send_msg(request)
        return self.wait(request.xid)

    def wait(self, xid):
        queue = self.answers.setdefault(xid, hub.Queue())
        try:
            answer = queue.get(timeout=10)
        finally:
            del self.answers[xid]
        if isinstance(answer, dict) and 'error' in answer:
            raise RuntimeError(answer['error'])
        return answer

    def answer(self, xid, content):
        if xid in self.answers:
            self.answers[xid].put(content)

    def serve(self, path):
        listener = hub.listen(path, family=socket.AF_UNIX)
        while True:
            connection, _ = listener.accept()
            hub.spawn(self.serve_one, connection)

    def serve_one(self, connection):
        with connection, connection.makefile('rw') as lines:
            for line in lines:
                name, *arguments = line.split()
                try:
                    if self.datapath is None:
                        raise RuntimeError('no switch is connected')
                    command = {'connected': self.connected_switch, 'install': self.install, 'block': self.block,
                               'unblock': self.unblock, 'counters': self.counters}[name]
                    answer = command(*arguments)
                except Exception as problem:            # a wrong command must not end the application
                    answer = {'error': '%s: %s' % (type(problem).__name__, problem)}
                lines.write(json.dumps(answer) + '\n')
                lines.flush()
