#!/usr/bin/env python3
"""Writes the generated trace of the evaluation as a pcap file: the same one every time for the same numbers.

Modelled on what CAIDA publishes of its backbone links: sizes of packets have three modes (acknowledgements, 576 and 1500 bytes of IP), lengths of
flows a heavy tail (Pareto), destinations are few for most of the traffic (Zipf), most packets are TCP. README.md has the numbers.
Usage: traffic.py FILE [--packets 200000] [--seed 1]
"""
import argparse
import bisect
import itertools
import random
import struct

SNAP = 128                      # what is kept of a packet; headers are shorter
MAX_FLOW = 4000                 # packets
SHAPE, SCALE = 1.05, 3.0        # of the Pareto distribution of packets in a flow
TCP_SHARE = 0.8                 # of the flows
UNSOLICITED = 0.03              # flows that the outside opens: scans
CLIENTS, SERVERS = 4000, 20000  # hosts inside (10.0.0.0/8) and outside
ZIPF = 1.0                      # exponent of how popular servers are
FIN, SYN, PSH, ACK = 1, 2, 8, 16

# Share, time to live as sent, whether it may be fragmented and has an identification, window, options: systems as p0f tells them apart, and two that
# it does not know.
SYSTEMS = [
    (0.35, 64, False, True, 64240, '020405b4 0402 080a0000000100000000 01 030307'),
    (0.30, 128, False, True, 64240, '020405b4 01 030308 01 01 0402'),
    (0.10, 64, False, False, 65535, '020405b4 01 030306 01 01 080a0000000100000000 0402 00 00'),
    (0.05, 64, False, True, 65535, '020405b4 01 030306 0402 080a0000000100000000'),
    (0.05, 50, True, True, 1024, '020405b4'),
    (0.10, 64, False, True, 5840, '020405b4 0402 01 01'),
    (0.05, 128, False, True, 16384, '01 01 01 01 020405b4'),
]
OUTSIDE = (1.0, 57, False, False, 64240, '020405b4 0402 01 01')     # servers


class Zipf:
    """Numbers from 0, the first ones most often."""

    def __init__(self, rng, count, exponent):
        self.rng = rng
        self.sums = list(itertools.accumulate((number + 1) ** -exponent for number in range(count)))

    def next(self):
        return bisect.bisect(self.sums, self.rng.random() * self.sums[-1])


def payload_bytes(rng):
    """Bytes of IP behind the transport header, of a packet with data: full segments, the old 576, and anything between."""
    kind = rng.random()
    return 1460 if kind < 0.65 else 536 if kind < 0.80 else rng.randrange(1, 1460)


def flow(rng, clients, servers):
    """Packets of a flow, in order: whether it comes from the inside, its bytes, its length."""
    length = min(MAX_FLOW, int(SCALE / (1 - rng.random()) ** (1 / SHAPE)) - 1)
    inside = 0x0A000000 + clients[rng.randrange(CLIENTS)]
    outside = 0xC6000000 + servers.next() * 257
    port, service = rng.randrange(1024, 65536), rng.choice((443, 443, 443, 80, 53, 8443, 123, 22))
    is_unsolicited = rng.random() < UNSOLICITED
    ends = (inside, outside, port, service) if not is_unsolicited else (inside, outside, service, port)
    system = rng.choices(SYSTEMS, [share for share, *_ in SYSTEMS])[0]
    if rng.random() >= TCP_SHARE:
        return [udp(rng, ends, number % 2 == 0, system) for number in range(max(1, length))]
    opener = not is_unsolicited
    packets = [tcp(ends, opener, SYN, 0, system)]
    if is_unsolicited or length < 3:
        return packets
    packets += [tcp(ends, not opener, SYN | ACK, 0, system), tcp(ends, opener, ACK, 0, system)]
    # Two packets with data from the outside, then an acknowledgement or a request from the inside.
    for number in range(max(0, length - 5)):
        from_inside = number % 3 == 2
        has_data = rng.random() < (0.15 if from_inside else 0.9)
        packets.append(tcp(ends, from_inside, ACK | (PSH if has_data else 0), payload_bytes(rng) if has_data else 0, system))
    packets += [tcp(ends, True, FIN | ACK, 0, system), tcp(ends, False, FIN | ACK, 0, system)]
    return packets


def ipv4(ends, from_inside, protocol, transport, payload, system):
    inside, outside, _, _ = ends
    _, ttl, may_fragment, has_identification, _, _ = system
    source, destination = (inside, outside) if from_inside else (outside, inside)
    total = 20 + len(transport) + payload
    frame = bytes.fromhex('020000000002020000000001' if from_inside else '020000000001020000000002') + struct.pack(
        '!HBBHHHBBHII', 0x0800, 0x45, 0, total, int(has_identification), 0 if may_fragment else 0x4000, ttl, protocol, 0, source, destination) + transport
    return frame, max(60, 14 + total)


def ports(ends, from_inside):
    return (ends[2], ends[3]) if from_inside else (ends[3], ends[2])


def tcp(ends, from_inside, flags, payload, opener):
    system = opener if from_inside or flags == SYN else OUTSIDE
    options = bytes.fromhex(system[5].replace(' ', '')) if flags & SYN else b''
    header = struct.pack('!HHIIBBHHH', *ports(ends, from_inside), 1, 1 if flags & ACK else 0, (20 + len(options)) << 2, flags, system[4], 0, 0) + options
    return ipv4(ends, from_inside, 6, header, min(payload, 1460), system)


def udp(rng, ends, from_inside, system):
    payload = rng.choice((40, 80, 120, 1200, 1350)) if rng.random() < 0.8 else rng.randrange(20, 1400)
    return ipv4(ends, from_inside, 17, struct.pack('!HHHH', *ports(ends, from_inside), 8 + payload, 0), payload, system if from_inside else OUTSIDE)


def generate(count, seed):
    """Packets in the order of time, and the number of flows: flows begin at any time and go on at a pace of their own."""
    rng = random.Random(seed)
    clients = [rng.randrange(1 << 24) for _ in range(CLIENTS)]
    servers = Zipf(rng, SERVERS, ZIPF)
    timed, flows = [], 0
    while len(timed) < count:
        begin, pace = rng.random(), rng.lognormvariate(-7, 2)
        packets = flow(rng, clients, servers)
        pace = min(pace, (1 - begin) / len(packets))
        timed += [(begin + number * pace, flows, number, packet) for number, packet in enumerate(packets)]
        flows += 1
    timed.sort(key=lambda packet: packet[:3])
    return [packet for *_, packet in timed], flows


def write(path, packets):
    with open(path, 'wb') as file:
        file.write(struct.pack('<IHHiIII', 0xA1B2C3D4, 2, 4, 0, 0, SNAP, 1))
        for number, (frame, length) in enumerate(packets):
            kept = (frame + bytes(max(0, min(length, SNAP) - len(frame))))[:SNAP]
            file.write(struct.pack('<IIII', number // 1000000, number % 1000000, len(kept), length) + kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file')
    parser.add_argument('--packets', type=int, default=200000)
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args()
    packets, flows = generate(options.packets, options.seed)
    write(options.file, packets)
    print('%d packets of %d flows, %.0f bytes on average' % (len(packets), flows, sum(length for _, length in packets) / len(packets)))


if __name__ == '__main__':
    main()
