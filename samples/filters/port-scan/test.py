"""Scans over ports, over hosts, slow ones, and people at work; the model keeps sets."""
import random

from testing import ACK, FIN, PSH, RST, SYN, TCP, UDP, URG, ethernet, ip, tcp, udp

FIELDS = ['tcp.dstport', 'tcp.flags', 'tcp.urgent_pointer']

MAX_SERVICES, WINDOW = 50, 10_000_000_000


def packets():
    rng = random.Random(6)
    made = []
    for number, flags in enumerate((SYN, FIN, 0, FIN | PSH | URG, ACK, RST)):
        start = rng.uniform(0, 5)
        ports = rng.sample(range(1, 65536), 120) * 2
        made += [(start + 0.01 * place, ip('10.3.0.%d' % number, '192.0.2.1', TCP, tcp(4000, port, flags), tags=rng.choice([(), (5,), (5, 6)])))
                 for place, port in enumerate(ports)]
    made += [(2 + 0.02 * number, ip('2001:db8::bad', '2001:db8::%x' % (number + 1), TCP, tcp(4000, 22, SYN))) for number in range(200)]
    # As many services as are allowed, again and again; then one more. And a scan that is too slow to be seen.
    made += [(3 + 0.01 * number, ip('10.4.0.1', '192.0.2.1', TCP, tcp(4000, 1 + number % 50, SYN))) for number in range(300)]
    made += [(9, ip('10.4.0.1', '192.0.2.1', TCP, tcp(4000, port, SYN))) for port in (1, 51, 1)]
    made += [(0.25 * number, ip('10.4.0.2', '192.0.2.1', TCP, tcp(4000, 1 + number, SYN))) for number in range(200)]
    for number in range(1500):
        port = rng.choice((22, 80, 443, 8080))
        made.append((rng.uniform(0, 30), ip('10.5.0.%d' % rng.randrange(20), '192.0.2.%d' % rng.randrange(1, 5), TCP,
                                            tcp(rng.randrange(1024, 65536), port, rng.choice((SYN, ACK, FIN | ACK))))))
    made += [(1, ip('10.6.0.1', '192.0.2.1', UDP, udp(4000, port))) for port in range(100)]
    made += [(1, frame) for frame in (ethernet(bytes(46), 0x0806), ip('10.3.0.0', '192.0.2.1', TCP, tcp(1, 2, SYN))[:53])]
    return sorted(made, key=lambda one: one[0])


def name(row, address):
    return '::ffff:' + address if row['ip.src'] else address


def count(rows):
    """Verdict and event, or None, of each packet."""
    began, tried = {}, {}
    for row in rows:
        event = None
        if row['tcp.urgent_pointer'] is None or row.number('tcp.flags') & (ACK | RST):
            yield False, None
            continue
        source, now = row.source, row.nanoseconds
        if source not in began or now - began[source] >= WINDOW:
            began[source], tried[source] = now, set()
        services, service = tried[source], (row.destination, row['tcp.dstport'])
        if service not in services and len(services) == MAX_SERVICES:
            event = '{source=%s,target=%s,port=%s,services=%d,milliseconds=%d}' % (
                name(row, source), name(row, service[0]), service[1], MAX_SERVICES + 1, (now - began[source]) // 1_000_000)
        services.add(service)
        yield len(services) > MAX_SERVICES, event


def verdicts(rows):
    return [match for match, _ in count(rows)]


def events(rows):
    return [(number, event) for number, (_, event) in enumerate(count(rows), 1) if event]
