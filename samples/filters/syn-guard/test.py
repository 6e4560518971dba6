"""Clients that come and go, a flood with forged sources, and clients that come meanwhile; the model counts tokens in fractions."""
import random
from fractions import Fraction

from testing import ACK, FIN, PSH, RST, SYN, TCP, UDP, ethernet, ip, tcp, udp

FIELDS = ['tcp.srcport', 'tcp.dstport', 'tcp.flags', 'tcp.seq_raw', 'tcp.ack_raw', 'tcp.urgent_pointer']

RATE, BURST, RETRY_AFTER, RETRY_BEFORE, KNOWN = 100, 200, 500_000_000, 16_000_000_000, 600_000_000_000
SERVERS = [('192.0.2.80', 80), ('192.0.2.80', 443), ('2001:db8::80', 80)]


def client(rng, number, server, port, start):
    """A client's TCP: SYNs at 0, 1, 3 and 7 s; sometimes no answer, or a wrong acknowledgement."""
    address = ('10.0.%d.%d' if ':' not in server else '2001:db8:1::%d:%d') % (number // 50 % 5, number % 50)
    ports = (20000 + number, port)
    tags = rng.choice([(), (), (8,)])
    first = rng.randrange(1 << 32)

    def up(flags, **more):
        return ip(address, server, TCP, tcp(*ports, flags, **more), tags=tags)

    for delay in (0, 1, 3, 7)[:rng.randrange(1, 5)]:
        yield start + delay, up(SYN, sequence=7)
    now = start + delay + 0.02
    if rng.random() < 0.8:
        yield now, ip(server, address, TCP, tcp(*ports[::-1], SYN | ACK, sequence=first, acknowledged=8), tags=tags)
        wrong = rng.random() < 0.2
        yield now + 0.02, up(ACK, sequence=8, acknowledged=(first + 1 + wrong) % (1 << 32))
        yield now + 0.03, up(PSH | ACK, sequence=8, acknowledged=(first + 1) % (1 << 32), payload=b'GET')
        yield now + 0.04, up(rng.choice([FIN | ACK, RST, ACK]), sequence=11, acknowledged=(first + 1) % (1 << 32))


def packets():
    rng = random.Random(4)
    made = []
    for number in range(700):
        server, port = rng.choice(SERVERS)
        made += client(rng, number, server, port, rng.uniform(0, 40))
    for number in range(4000):
        forged = '203.%d.%d.%d' % tuple(rng.randrange(1, 255) for _ in range(3))
        made.append((rng.uniform(10, 15), ip(forged, *SERVERS[0][:1], TCP, tcp(rng.randrange(1024, 65536), 80, SYN))))
    for number in range(500):
        forged = '2001:db8:bad::%x' % rng.randrange(1, 65536)
        made.append((rng.uniform(20, 21), ip(forged, '2001:db8::80', TCP, tcp(rng.randrange(1024, 65536), 80, SYN))))
    # A sender that repeats itself at once, one that waits too long, and one that was known long ago.
    made += [(12 + 0.1 * number, ip('10.9.9.9', '192.0.2.80', TCP, tcp(1, 80, SYN))) for number in range(10)]
    made += [(12 + 17 * number, ip('10.9.9.8', '192.0.2.80', TCP, tcp(1, 80, SYN))) for number in range(3)]
    made += [(5, frame) for frame in (ethernet(bytes(46), 0x0806), ip('10.0.0.1', '192.0.2.80', UDP, udp(1, 80)),
                                      ip('10.0.0.1', '192.0.2.80', TCP, tcp(1, 80, SYN))[:50],
                                      ip('10.0.0.1', '192.0.2.80', TCP, bytes(32), fragment=(64, False)))]
    made += [(700 + number / 1000, ip('10.0.0.%d' % (number % 50), '192.0.2.80', TCP, tcp(40000 + number, 80, SYN))) for number in range(400)]
    return sorted(made, key=lambda one: one[0])


def verdicts(rows):
    tokens, held, passed, known = {}, {}, {}, {}
    for row in rows:
        if row['tcp.urgent_pointer'] is None:
            yield False
            continue
        now, flags = row.nanoseconds, row.number('tcp.flags') & (SYN | ACK | RST | FIN)
        there = (row.source, row['tcp.srcport'], row.destination, row['tcp.dstport'])
        back = (row.destination, row['tcp.dstport'], row.source, row['tcp.srcport'])
        service = there[2:]
        left, last = tokens.get(service, (Fraction(BURST), now))
        left = min(Fraction(BURST), left + Fraction((now - last) * RATE, 1_000_000_000))
        if flags == SYN | ACK and back in passed:
            passed[back] = passed[back][0], (int(row['tcp.seq_raw']) + 1) % (1 << 32)
        elif flags == ACK and there in passed and passed[there][1] == int(row['tcp.ack_raw']):
            tokens[service] = min(Fraction(BURST), left + 1), now
            known[row.source] = now + KNOWN
            del passed[there]
        if flags != SYN:
            yield False
            continue
        if there in passed and now - passed[there][0] <= RETRY_BEFORE:
            yield False
            continue
        waited = now - held[there] if there in held else None
        is_retry = waited is not None and RETRY_AFTER <= waited <= RETRY_BEFORE
        if left < 1 and not is_retry and known.get(row.source, 0) <= now:
            if waited is None or waited > RETRY_BEFORE:
                held[there] = now
                passed.pop(there, None)
            yield True
            continue
        held.pop(there, None)
        passed[there] = now, None
        tokens[service] = (left - 1 if left - 1 >= -BURST else left), now
        yield False
