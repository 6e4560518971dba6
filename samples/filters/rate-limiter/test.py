"""Sources of many rates; the model is a token bucket as textbooks have it, in fractions, so that nothing is rounded."""
import random
from fractions import Fraction

from testing import TCP, UDP, ethernet, ip, tcp, udp

FIELDS = []

RATE, BURST = 1000, 20                  # packets per second, packets at once
# address, mean packets per second
SOURCES = [('10.0.0.1', 100), ('10.0.0.2', 900), ('10.0.0.3', 1100), ('10.0.0.4', 5000), ('2001:db8:0:1::1', 700), ('2001:db8:0:1::2', 700),
           ('2001:db8:0:2::1', 700)]


def packets():
    rng = random.Random(2)
    made = []
    for source, rate in SOURCES:
        target = '10.9.9.9' if '.' in source else '2001:db8:9::9'
        now = 0.0
        while now < 1:
            now += rng.expovariate(rate)
            body, protocol = (udp(1, 2), UDP) if rng.random() < 0.5 else (tcp(1, 2, 2), TCP)
            made.append((now, ip(source, target, protocol, body, tags=rng.choice([(), (), (9,), (9, 10)]))))
    # At once, again when a few tokens have come back, and after a long silence.
    for start, count in (2, 50), (2.005, 10), (2.0061, 3), (60, 30):
        made += [(start, ip('10.0.0.9', '10.9.9.9', UDP, udp(1, 2)))] * count
    made += [(1.5, ethernet(bytes(46), 0x0806))] * 50
    made += [(1.5, ip('10.0.0.8', '10.9.9.9', UDP, udp(1, 2))[:33])] * 50
    return sorted(made, key=lambda one: one[0])


def verdicts(rows):
    buckets = {}                        # source -> (tokens, time)
    for row in rows:
        if not row.destination:         # no IP, or cut short
            yield False
            continue
        # A host has the 64 bits behind an IPv6 network to itself; the addresses of the capture write its four groups out.
        source = row['ip.src'] or row['ipv6.src'].split('::')[0]
        tokens, last = buckets.get(source, (Fraction(BURST), row.nanoseconds))
        tokens = min(Fraction(BURST), tokens + Fraction((row.nanoseconds - last) * RATE, 1_000_000_000))
        yield tokens < 1
        buckets[source] = tokens - (tokens >= 1), row.nanoseconds
