"""An os-ken application that puts os-ken's ofctl and topology libraries behind HTTP, for tests.

The addresses are those of Ryu's ofctl_rest and rest_topology; the server is a Unix socket, named by OKO_HTTP.
A POST ends with a barrier, and its answer is the list of the errors that the switch sent before the barrier's reply.
"""
import json
import os
import socket
import traceback

from os_ken.base import app_manager
from os_ken.controller import dpset, ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.lib import hub, ofctl_utils, ofctl_v1_3
from os_ken.ofproto import ofproto_v1_3
from os_ken.topology import api as topology

import eventlet
import eventlet.wsgi

READERS = {
    'desc': ofctl_v1_3.get_desc_stats, 'flow': ofctl_v1_3.get_flow_stats, 'aggregateflow': ofctl_v1_3.get_aggregate_flow_stats,
    'table': ofctl_v1_3.get_table_stats, 'tablefeatures': ofctl_v1_3.get_table_features, 'port': ofctl_v1_3.get_port_stats,
    'portdesc': ofctl_v1_3.get_port_desc, 'queue': ofctl_v1_3.get_queue_stats, 'queueconfig': ofctl_v1_3.get_queue_config,
    'group': ofctl_v1_3.get_group_stats, 'groupdesc': ofctl_v1_3.get_group_desc, 'groupfeatures': ofctl_v1_3.get_group_features,
    'meter': ofctl_v1_3.get_meter_stats, 'meterconfig': ofctl_v1_3.get_meter_config, 'meterfeatures': ofctl_v1_3.get_meter_features,
    'role': ofctl_v1_3.get_role,
}
WRITERS = {
    'flowentry': (ofctl_v1_3.mod_flow_entry, 'OFPFC_'), 'groupentry': (ofctl_v1_3.mod_group_entry, 'OFPGC_'),
    'meterentry': (ofctl_v1_3.mod_meter_entry, 'OFPMC_'),
}
# A machine under load may take longer than the library's 1 s.
ofctl_utils.DEFAULT_TIMEOUT = 10.0

REPLIES = [
    ofp_event.EventOFPDescStatsReply, ofp_event.EventOFPFlowStatsReply, ofp_event.EventOFPAggregateStatsReply,
    ofp_event.EventOFPTableStatsReply, ofp_event.EventOFPTableFeaturesStatsReply, ofp_event.EventOFPPortStatsReply,
    ofp_event.EventOFPPortDescStatsReply, ofp_event.EventOFPQueueStatsReply, ofp_event.EventOFPQueueGetConfigReply,
    ofp_event.EventOFPGroupStatsReply, ofp_event.EventOFPGroupDescStatsReply, ofp_event.EventOFPGroupFeaturesStatsReply,
    ofp_event.EventOFPMeterStatsReply, ofp_event.EventOFPMeterConfigStatsReply, ofp_event.EventOFPMeterFeaturesStatsReply,
    ofp_event.EventOFPRoleReply, ofp_event.EventOFPBarrierReply,
]


class OfctlHttp(app_manager.OSKenApp):
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]
    _CONTEXTS = {'dpset': dpset.DPSet}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.dpset = kwargs['dpset']
        self.waiters = {}               # datapath id -> xid -> (event, list of messages), as ofctl_utils wants it
        self.errors = {}                # datapath id -> [{type, code}]
        self.event_counts = {}                # datapath id -> kind -> how many came
        listener = eventlet.listen(os.environ['OKO_HTTP'], family=socket.AF_UNIX)
        hub.spawn(eventlet.wsgi.server, listener, self.answer, log_output=False)
        print('ready', flush=True)

    @set_ev_cls(REPLIES, MAIN_DISPATCHER)
    def reply_arrived(self, event):
        message = event.msg
        waiting = self.waiters.get(message.datapath.id, {})
        if message.xid in waiting:
            arrived, messages = waiting[message.xid]
            messages.append(message)
            if not getattr(message, 'flags', 0) & ofproto_v1_3.OFPMPF_REPLY_MORE:
                del waiting[message.xid]
                arrived.set()

    @set_ev_cls([ofp_event.EventOFPPacketIn, ofp_event.EventOFPPortStatus, ofp_event.EventOFPFlowRemoved], MAIN_DISPATCHER)
    def event_arrived(self, event):
        counts = self.event_counts.setdefault(event.msg.datapath.id, {})
        kind = type(event.msg).__name__
        counts[kind] = counts.get(kind, 0) + 1

    @set_ev_cls(ofp_event.EventOFPErrorMsg, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def error_arrived(self, event):
        message = event.msg
        self.errors.setdefault(message.datapath.id, []).append({'type': message.type, 'code': message.code})

    def answer(self, environment, start_response):
        try:
            length = int(environment.get('CONTENT_LENGTH') or 0)
            body = json.loads(environment['wsgi.input'].read(length)) if length else {}
            answer = self.dispatch(environment['REQUEST_METHOD'], environment['PATH_INFO'].strip('/').split('/'), body)
            status = '200 OK' if answer is not None else '404 Not Found'
        except Exception:               # the test shows the answer
            answer, status = traceback.format_exc(), '500 Internal Server Error'
        start_response(status, [('Content-Type', 'application/json')])
        return [json.dumps(answer).encode()]

    def dispatch(self, method, words, body):
        if method == 'GET' and words == ['v1.0', 'topology', 'links']:
            return [link.to_dict() for link in topology.get_link(self)]
        if method == 'GET' and words == ['v1.0', 'topology', 'switches']:
            return [switch.to_dict() for switch in topology.get_switch(self)]
        if method == 'GET' and words == ['stats', 'switches']:
            return list(self.dpset.dps)
        if words[0] != 'stats':
            return None
        if method == 'POST' and words[1] in WRITERS:
            datapath = self.dpset.get(body['dpid'])
            change, prefix = WRITERS[words[1]]
            change(datapath, body, getattr(ofproto_v1_3, prefix + words[2].upper()))
            return self.barrier(datapath)
        if method == 'POST' and words[1:] == ['portdesc', 'modify']:
            datapath = self.dpset.get(body['dpid'])
            ofctl_v1_3.mod_port_behavior(datapath, body)
            return self.barrier(datapath)
        if method == 'POST' and words[1:] == ['role']:
            datapath = self.dpset.get(body['dpid'])
            # Not ofctl_v1_3.set_role, which knows generation 0 only.
            role = getattr(ofproto_v1_3, 'OFPCR_ROLE_' + body['role'])
            datapath.send_msg(datapath.ofproto_parser.OFPRoleRequest(datapath, role, body.get('generation_id', 0)))
            return self.barrier(datapath)
        if method == 'GET' and words[1] == 'events':
            return self.event_counts.get(int(words[2]), {})
        if words[1] in READERS:         # a POST carries the filter of flow statistics
            datapath = self.dpset.get(int(words[2]))
            return READERS[words[1]](datapath, self.waiters, *([body] if method == 'POST' else words[3:]))
        return None

    def barrier(self, datapath):
        replies = []
        ofctl_utils.send_stats_request(datapath, datapath.ofproto_parser.OFPBarrierRequest(datapath), self.waiters, replies)
        if not replies:
            raise TimeoutError('no barrier reply')
        return self.errors.pop(datapath.id, [])
