"""What the controllers of the sample filters share: a learning switch with a filter before it. Runs on os-ken and Ryu.

Table 0 asks the filter, table 1 learns addresses. When a switch connects, the filter's object (OKO_FILTER, or NAME.o in the working folder) is
uploaded in the place of an older one, its maps are set, and its entries are installed; what the filter writes into ring buffers is logged.
"""
import os

try:
    from os_ken.base.app_manager import OSKenApp as Application
    from os_ken.controller import ofp_event
    from os_ken.controller.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
    from os_ken.lib.packet import ethernet, packet
    from os_ken.ofproto import ofproto_v1_3
except ImportError:
    from ryu.base.app_manager import RyuApp as Application
    from ryu.controller import ofp_event
    from ryu.controller.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
    from ryu.lib.packet import ethernet, packet
    from ryu.ofproto import ofproto_v1_3

import oko_extension as oko

FILTER_ID = 1
LEARNING_TABLE = 1
FILTER_PRIORITY, LEARNED_PRIORITY, MISS_PRIORITY = 100, 10, 0


class FilterSwitch(Application):
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]
    NAME = None                         # the filter
    MAPS = {}                           # map -> pairs of key and value in bytes, set before the entries are installed
    EVENTS = None                       # the ring buffer to hear

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.ports = {}                 # (switch, Ethernet address) -> port

    # -- what a filter's controller may say otherwise --------------------------

    def install(self, datapath):
        """Entries of table 0: what the filter matches is dropped, the rest is forwarded."""
        match = datapath.ofproto_parser.OFPMatch
        self.add_entry(datapath, 0, FILTER_PRIORITY, match(filter=FILTER_ID))
        self.add_entry(datapath, 0, MISS_PRIORITY, match(), table=LEARNING_TABLE)

    def on_event(self, record):
        """A record of the ring buffer EVENTS, in bytes."""

    # -- the switch --------------------------------------------------------------

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def connected(self, event):
        datapath = event.msg.datapath
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        self.add_entry(datapath, LEARNING_TABLE, MISS_PRIORITY, parser.OFPMatch(),
                       [parser.OFPActionOutput(ofproto.OFPP_CONTROLLER, ofproto.OFPCML_NO_BUFFER)])
        with open(os.environ.get('OKO_FILTER', self.NAME + '.o'), 'rb') as file:
            oko.upload(datapath, FILTER_ID, file.read(), name=self.NAME, flags=oko.REPLACE)

    @set_ev_cls(ofp_event.EventOFPExperimenter, MAIN_DISPATCHER)
    def experimenter(self, event):
        if oko.parse_status(event.msg):
            oko.request_descriptions(event.msg.datapath, FILTER_ID)         # which map has which index
        record = oko.parse_event(event.msg)
        if record:
            self.on_event(record.data)

    @set_ev_cls(ofp_event.EventOFPExperimenterStatsReply, MAIN_DISPATCHER)
    def described(self, event):
        datapath = event.msg.datapath
        for found in oko.parse_multipart(event.msg) or []:
            if not isinstance(found, oko.Filter):
                continue
            names = [one.name for one in found.maps]
            for name, entries in self.MAPS.items():
                oko.map_update(datapath, FILTER_ID, names.index(name), entries)
            if self.EVENTS:
                oko.subscribe(datapath, FILTER_ID, names.index(self.EVENTS))
            self.install(datapath)
            self.logger.info('%s is in force on switch %016x', self.NAME, datapath.id)

    @set_ev_cls(ofp_event.EventOFPErrorMsg, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def error(self, event):
        problem = oko.parse_error(event.msg)
        self.logger.error('the switch refused: %s', '%s: %s' % (problem.name, problem.text) if problem else
                          'OpenFlow error type %d code %d' % (event.msg.type, event.msg.code))

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def packet_in(self, event):
        message = event.msg
        datapath = message.datapath
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        in_port = message.match['in_port']
        frame = packet.Packet(message.data).get_protocol(ethernet.ethernet)
        self.ports[datapath.id, frame.src] = in_port
        out_port = self.ports.get((datapath.id, frame.dst), ofproto.OFPP_FLOOD)
        actions = [parser.OFPActionOutput(out_port)]
        if out_port != ofproto.OFPP_FLOOD:
            self.add_entry(datapath, LEARNING_TABLE, LEARNED_PRIORITY,
                           parser.OFPMatch(in_port=in_port, eth_src=frame.src, eth_dst=frame.dst), actions)
        datapath.send_msg(parser.OFPPacketOut(datapath, buffer_id=ofproto.OFP_NO_BUFFER, in_port=in_port,
                                              actions=actions, data=message.data))

    @staticmethod
    def add_entry(datapath, table_id, priority, match, actions=(), table=None):
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        instructions = [parser.OFPInstructionActions(ofproto.OFPIT_APPLY_ACTIONS, list(actions))] if actions else []
        if table is not None:
            instructions.append(parser.OFPInstructionGotoTable(table))
        datapath.send_msg(parser.OFPFlowMod(datapath, table_id=table_id, priority=priority, match=match, instructions=instructions))
