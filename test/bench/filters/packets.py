"""Packets for the filter benchmark: the same ones every time, with their first 200 bytes, as a pcap file.

mixed: 65,536 packets of 10,000 flows between 256 hosts inside (10.0.0.0/24) and 10,000 outside, TCP and UDP, of 64 to 1,500 bytes, in random
order and direction; TCP flows open with a handshake, one packet in a hundred resets its connection; a tenth are packets of other protocols
and attempts from the outside. syn: 65,536 SYNs with the options of several systems, and some of none.
"""
import random
import struct

PACKETS = 65536
FLOWS = 10000
SNAP = 200
FIN, SYN, RST, ACK = 1, 2, 4, 16

# ttl, window, options
SYSTEMS = [
    (64, 29200, '020405b4 0402 080a0000000100000000 01 030307'),
    (64, 64240, '020405b4 0402 080a0000000100000000 01 030307'),
    (128, 64240, '020405b4 01 030308 01 01 0402'),
    (128, 8192, '020405b4 01 030302 01 01 0402'),
    (64, 65535, '020405b4 01 030306 01 01 080a0000000100000000 0402 00 00'),
    (64, 65535, '020405b4 01 030306 0402 080a0000000100000000'),
    (255, 1024, '020405b4'),
    (64, 5840, '020405b4 0402 01 01'),
    (128, 16384, '01 01 01 01 020405b4'),
    (64, 4096, ''),
]


def ethernet(kind):
    return bytes.fromhex('020000000002020000000001') + struct.pack('!H', kind)


def ipv4(source, destination, protocol, body, ttl=63):
    return ethernet(0x0800) + struct.pack('!BBHHHBBHII', 0x45, 0, 20 + len(body), 1, 0x4000, ttl, protocol, 0, source, destination) + body


def tcp(ports, flags, options=b'', window=512):
    options += bytes(-len(options) % 4)
    return struct.pack('!HHIIBBHHH', *ports, 1, 1 if flags & ACK else 0, (20 + len(options)) << 2, flags, window, 0, 0) + options


def udp(ports, size):
    return struct.pack('!HHHH', *ports, 8 + size, 0)


def mixed(rng):
    flows = [(0x0A000000 + rng.randrange(256), 0xC0A80000 + number, rng.randrange(1024, 65536), rng.choice((53, 80, 443, 8080)),
              rng.random() < 0.75) for number in range(FLOWS)]
    handshake = [0] * FLOWS
    for _ in range(PACKETS):
        size = rng.choice((64, 64, 128, 256, 512, 1024, 1500))
        kind = rng.random()
        if kind < 0.03:
            yield ethernet(0x86DD) + bytes(60), size
            continue
        if kind < 0.05:
            yield ethernet(0x0806) + bytes(46), size
            continue
        number = rng.randrange(FLOWS)
        inside, outside, inside_port, outside_port, is_tcp = flows[number]
        if kind < 0.10:
            yield ipv4(outside, inside, 6, tcp((rng.randrange(1024, 65536), 22), SYN)), size
            continue
        from_inside = rng.random() < 0.5
        flags = ACK
        if is_tcp and handshake[number] < 3:
            flags = (SYN, SYN | ACK, ACK)[handshake[number]]
            from_inside = handshake[number] != 1
            handshake[number] += 1
        elif is_tcp and rng.random() < 0.015:
            flags = RST
            handshake[number] = 0
        ends = (inside, outside) if from_inside else (outside, inside)
        ports = (inside_port, outside_port) if from_inside else (outside_port, inside_port)
        yield ipv4(*ends, 6 if is_tcp else 17, tcp(ports, flags) if is_tcp else udp(ports, size - 42)), size


def syn(rng):
    for _ in range(PACKETS):
        ttl, window, options = rng.choice(SYSTEMS)
        body = tcp((rng.randrange(1024, 65536), 80), SYN, bytes.fromhex(options), window)
        yield ipv4(0xC0A80000 + rng.randrange(FLOWS), 0x0A000000 + rng.randrange(256), 6, body, ttl - rng.randrange(1, 20)), 64


def write(path, packets):
    with open(path, 'wb') as file:
        file.write(struct.pack('<IHHiIII', 0xA1B2C3D4, 2, 4, 0, 0, SNAP, 1))
        for number, (packet, size) in enumerate(packets(random.Random(1))):
            size = max(size, len(packet))
            captured = packet.ljust(size, b'\0')[:SNAP]
            file.write(struct.pack('<IIII', 0, number, len(captured), size) + captured)
