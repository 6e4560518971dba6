"""What the tests of the filters share: frames, captures, and what tshark reads in a capture.

Each filter's ``test.py`` makes a capture (``packets()``: pairs of seconds and frame), names fields of tshark (``FIELDS``) and says by a
model of its own (``verdicts(rows)``) which packets match; ``verify`` compares. The models never look at bytes: tshark does.
"""
import ipaddress
import struct
import subprocess

START = 1_600_000_000
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))
TCP, UDP, ICMP, FRAGMENT, HOP_BY_HOP, DESTINATION_OPTIONS = 6, 17, 1, 44, 0, 60


def ethernet(body, kind, tags=()):
    """A frame, with VLAN tags (802.1Q; the outer of two is 802.1ad)."""
    head = bytes.fromhex('020000000002020000000001')
    for number, tag in enumerate(tags):
        head += struct.pack('!HH', 0x88A8 if len(tags) > 1 and number == 0 else 0x8100, tag)
    return head + struct.pack('!H', kind) + body


def ip(source, destination, protocol, body, ttl=64, tags=(), identification=1, dont_fragment=True, fragment=None, options=b'', tos=0,
       reserved=False, flow_label=0, extensions=()):
    """An IPv4 or IPv6 packet in a frame. `fragment`: offset in bytes and whether more follow. `extensions`: (header, bytes) of IPv6."""
    source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if source.version == 4:
        offset, more = fragment or (0, False)
        flags = (0x8000 if reserved else 0) | (0x4000 if dont_fragment and not fragment else 0) | (0x2000 if more else 0) | offset // 8
        length = 20 + len(options)
        head = struct.pack('!BBHHHBBH', 0x40 | length // 4, tos, length + len(body), identification, flags, ttl, protocol, 0)
        return ethernet(head + source.packed + destination.packed + options + body, 0x0800, tags)
    if fragment:
        extensions = [*extensions, (FRAGMENT, struct.pack('!BHI', 0, fragment[0] | fragment[1], 1))]
    following = [kind for kind, _ in extensions] + [protocol]
    chain = b''.join(bytes([following[number + 1]]) + content for number, (_, content) in enumerate(extensions))
    head = struct.pack('!IHBB', 6 << 28 | tos << 20 | flow_label, len(chain) + len(body), following[0], ttl)
    return ethernet(head + source.packed + destination.packed + chain + body, 0x86DD, tags)


def options_header(size=8):
    """The content of a hop-by-hop or destination options header: padding only. Its first byte, the next header, is left out."""
    return bytes([size // 8 - 1, 1, size - 4]) + bytes(size - 4)


def tcp(source_port, destination_port, flags, sequence=1, acknowledged=0, window=512, options=b'', urgent=0, payload=b''):
    options += bytes(-len(options) % 4)
    if flags & ACK and not acknowledged:
        acknowledged = 1
    return struct.pack('!HHIIBBHHH', source_port, destination_port, sequence, acknowledged, (20 + len(options)) << 2, flags, window, 0,
                       urgent) + options + payload


def udp(source_port, destination_port, payload=b''):
    return struct.pack('!HHHH', source_port, destination_port, 8 + len(payload), 0) + payload


def write_capture(path, packets):
    """A pcap file; times are seconds after START."""
    with open(path, 'wb') as file:
        file.write(struct.pack('<IHHiIII', 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for seconds, frame in packets:
            micros = round(seconds * 1_000_000)
            file.write(struct.pack('<IIII', START + micros // 1_000_000, micros % 1_000_000, len(frame), len(frame)) + frame)


class Row(dict):
    """The fields of one packet, by name; absent ones are None."""

    def number(self, name):
        return None if self[name] is None else int(self[name], 0)

    @property
    def nanoseconds(self):
        seconds, fraction = self['frame.time_epoch'].split('.')
        return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, '0')[:9])

    @property
    def source(self):
        return self['ip.src'] or self['ipv6.src']

    @property
    def destination(self):
        return self['ip.dst'] or self['ipv6.dst']


def dissect(path, fields):
    """What tshark finds in each packet of a capture."""
    names = ['frame.time_epoch', 'ip.src', 'ip.dst', 'ipv6.src', 'ipv6.dst', *fields]
    # Each packet on its own: nothing is put together from several.
    command = ['tshark', '-r', path, '-n', '-o', 'ip.defragment:FALSE', '-o', 'ipv6.defragment:FALSE', '-o', 'tcp.desegment_tcp_streams:FALSE',
               '-T', 'fields', '-E', 'separator=/t', '-E', 'occurrence=f']
    for name in names:
        command += ['-e', name]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return [Row(zip(names, (value or None for value in line.split('\t')))) for line in text.splitlines()]
