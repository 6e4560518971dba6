"""The OkoSwitch OpenFlow extension for os-ken (and Ryu) applications.

Importing this module registers the match field ``filter`` with the OpenFlow 1.3
match fields, so that applications write and read it like any other::

    import oko_extension as oko

    match = parser.OFPMatch(eth_type=0x0800, filter=1)
    oko.upload(datapath, 1, open('blocklist.o', 'rb').read())
    oko.map_update(datapath, 1, 0, [(b'\\x0a\\x00\\x00\\x03', bytes(8))])

The switch answers an upload with a FILTER_STATUS (an ``EventOFPExperimenter``,
see :func:`parse_status`) or with an error that carries text for people (an
``EventOFPErrorMsg``, see :func:`parse_error`); statistics, descriptions and map
contents come as ``EventOFPExperimenterStatsReply`` (:func:`parse_multipart`).
Integers are big-endian on the wire; map keys and values are raw bytes as the
filter's program sees them.
"""
import collections
import hashlib
import struct

try:
    from os_ken.lib import type_desc
    from os_ken.ofproto import ofproto_v1_3, oxm_fields
except ImportError:                                     # the same code runs on Ryu
    from ryu.lib import type_desc
    from ryu.ofproto import ofproto_v1_3, oxm_fields

EXPERIMENTER = 0x4F4B4F00       # "OKO\0"
ALL_FILTERS = 0xFFFFFFFF

# Messages (OFPT_EXPERIMENTER)
FILTER_UPLOAD, FILTER_STATUS, FILTER_UNLOAD, MAP_UPDATE, MAP_DELETE, FILTER_EVENT = range(1, 7)
# Multipart types (OFPMP_EXPERIMENTER)
FILTER_DESC, FILTER_STATS, MAP_DUMP = range(1, 4)
# Flags of an upload
REPLACE, KEEP_MAPS, DRY_RUN = 1, 2, 4
# Flag of an unload
FORCE = 1
# Flag of a dump request: this connection gets the records of a ring buffer
SUBSCRIBE = 1
# Flags of a map update
ANY, NO_EXIST, EXIST = range(3)

ERRORS = {
    1: 'OBJECT_INVALID', 2: 'PROGRAM_REFUSED', 3: 'FILTER_EXISTS', 4: 'FILTER_UNKNOWN', 5: 'FILTER_IN_USE',
    6: 'UPLOAD_SEQUENCE', 7: 'UPLOAD_DIGEST', 8: 'QUOTA', 9: 'MAP_UNKNOWN', 10: 'MAP_SIZE', 11: 'MAP_ENTRY',
    12: 'MAP_OPERATION', 13: 'NOT_PERMITTED'}

# An OpenFlow message holds at most 65,535 bytes; the upload's fixed part takes 128 of them.
PART_BYTES = 60000

Status = collections.namedtuple('Status', 'filter_id generation instructions worst_case code_bytes maps maps_kept text')
Error = collections.namedtuple('Error', 'name filter_id slot verdict text')
Filter = collections.namedtuple(
    'Filter', 'filter_id generation instructions worst_case references sha256 name maps')
Map = collections.namedtuple('Map', 'type key_size value_size max_entries entries flags name')
Stats = collections.namedtuple('Stats', 'filter_id generation runs matches sampled_runs sampled_ns updates_refused')
Event = collections.namedtuple('Event', 'filter_id map_index time_ns lost data')
Dump = collections.namedtuple('Dump', 'filter_id map_index entries')


class _OkoExperimenter(oxm_fields._Experimenter):
    experimenter_id = EXPERIMENTER


def _register():
    if not any(field.name == 'filter' for field in ofproto_v1_3.oxm_types):
        ofproto_v1_3.oxm_types.append(_OkoExperimenter('filter', 0, type_desc.Int4))
        oxm_fields.generate(ofproto_v1_3.__name__)


_register()


def _text(raw):
    return raw.split(b'\0', 1)[0].decode('utf-8', 'replace')


def _send(datapath, exp_type, body):
    message = datapath.ofproto_parser.OFPExperimenter(datapath, EXPERIMENTER, exp_type, body)
    datapath.send_msg(message)
    return message.xid


def _request(datapath, exp_type, body):
    message = datapath.ofproto_parser.OFPExperimenterStatsRequest(datapath, 0, EXPERIMENTER, exp_type, body)
    datapath.send_msg(message)
    return message.xid


def upload(datapath, filter_id, elf, name='', entry='', flags=0):
    """Sends the ELF object, in as many parts as it takes; returns the xid that the answer will carry."""
    digest = hashlib.sha256(elf).digest()
    xid = None
    for offset in range(0, len(elf), PART_BYTES):
        body = struct.pack('!IHxxII32s32s32s', filter_id, flags, len(elf), offset, digest,
                           name.encode(), entry.encode())
        xid = _send(datapath, FILTER_UPLOAD, body + elf[offset:offset + PART_BYTES])
    return xid


def unload(datapath, filter_id, flags=0):
    """Removes a filter; refused while flow entries name it, unless flags has FORCE. Success is silent: use a barrier."""
    return _send(datapath, FILTER_UNLOAD, struct.pack('!IHxx', filter_id, flags))


def map_update(datapath, filter_id, map_index, entries, flags=ANY):
    """Sets entries, pairs of key and value in bytes. All or nothing. Success is silent: use a barrier."""
    key, value = entries[0]
    head = struct.pack('!IHHIIIxxxx', filter_id, map_index, flags, len(key), len(value), len(entries))
    return _send(datapath, MAP_UPDATE, head + b''.join(k + v for k, v in entries))


def map_delete(datapath, filter_id, map_index, keys, key_size=None):
    """Deletes keys; with no keys (then key_size is needed) empties the map."""
    size = len(keys[0]) if keys else key_size
    head = struct.pack('!IHxxIIIxxxx', filter_id, map_index, size, 0, len(keys))
    return _send(datapath, MAP_DELETE, head + b''.join(keys))


def request_descriptions(datapath, filter_id=ALL_FILTERS):
    return _request(datapath, FILTER_DESC, struct.pack('!Ixxxx', filter_id))


def request_stats(datapath, filter_id=ALL_FILTERS):
    return _request(datapath, FILTER_STATS, struct.pack('!Ixxxx', filter_id))


def request_dump(datapath, filter_id, map_index):
    return _request(datapath, MAP_DUMP, struct.pack('!IHxxxxxxxxxx', filter_id, map_index))


def subscribe(datapath, filter_id, map_index):
    """Asks for the records of a ring buffer as they come (:func:`parse_event`); the reply is an empty Dump."""
    return _request(datapath, MAP_DUMP, struct.pack('!IHHxxxxxxxx', filter_id, map_index, SUBSCRIBE))


def parse_event(message):
    """The Event in an OFPExperimenter message, or None if it is not one."""
    if (message.experimenter, message.exp_type) != (EXPERIMENTER, FILTER_EVENT):
        return None
    return Event(*struct.unpack_from('!IHxxQQ', message.data), message.data[24:])


def parse_status(message):
    """The Status in an OFPExperimenter message, or None if it is not one."""
    if (message.experimenter, message.exp_type) != (EXPERIMENTER, FILTER_STATUS):
        return None
    *fields, length = struct.unpack_from('!IIIIIHHI', message.data)
    return Status(*fields, message.data[28:28 + length].decode('utf-8', 'replace'))


def parse_error(message):
    """The Error in an error message of the switch, or None if it is a standard OpenFlow error."""
    if message.type != ofproto_v1_3.OFPET_EXPERIMENTER or message.experimenter != EXPERIMENTER:
        return None
    filter_id, slot, verdict, length = struct.unpack_from('!IIHH', message.data)
    verdict = ('', 'unsafe', 'cannot prove', 'not supported')[verdict]
    return Error(ERRORS.get(message.exp_type, str(message.exp_type)), filter_id,
                 None if slot == 0xFFFFFFFF else slot, verdict,
                 message.data[12:12 + length].decode('utf-8', 'replace'))


def parse_multipart(message):
    """The list of Filter, Stats or Dump in one part of an experimenter multipart reply, or None if it is not ours."""
    body = message.body
    if body.experimenter != EXPERIMENTER:
        return None
    return {FILTER_DESC: _filters, FILTER_STATS: _stats, MAP_DUMP: _dump}[body.exp_type](body.data)


def _filters(data):
    found, offset = [], 0
    while offset < len(data):
        length, map_count, *numbers = struct.unpack_from('!HHIIIII', data, offset)
        sha256, name = struct.unpack_from('!32s32s', data, offset + 24)
        maps = []
        for index in range(map_count):
            *fields, map_name = struct.unpack_from('!IIIIII32s', data, offset + 88 + 56 * index)
            maps.append(Map(*fields, _text(map_name)))
        found.append(Filter(*numbers, sha256, _text(name), maps))
        offset += length
    return found


def _stats(data):
    return [Stats(*fields) for fields in struct.iter_unpack('!IIQQQQQxxxxxxxx', data)]


def _dump(data):
    filter_id, map_index, key_size, value_size, count = struct.unpack_from('!IHxxIII', data)
    size = key_size + value_size
    entries = [data[24 + i * size:24 + (i + 1) * size] for i in range(count)]
    return [Dump(filter_id, map_index, [(entry[:key_size], entry[key_size:]) for entry in entries])]
