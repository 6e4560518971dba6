"""Hundreds of sources, some of which send much; the model counts each source's bytes exactly."""
import random

from testing import TCP, UDP, ethernet, ip, tcp, udp

FIELDS = ['frame.len']

THRESHOLD, WINDOW = 1_250_000, 1_000_000_000


def packets():
    rng = random.Random(5)
    made = []
    for number in range(300):
        made += [(rng.uniform(0, 3), ip('10.1.%d.%d' % (number // 200, number % 200), '192.0.2.1', TCP, tcp(1, 2, 16, payload=bytes(rng.randrange(1400)))))
                 for _ in range(5)]
    for source, target, rate in ('10.2.0.1', '192.0.2.1', 900), ('10.2.0.2', '192.0.2.1', 800), ('2001:db8::1', '2001:db8::2', 1300):
        now = rng.random()
        while now < 3:
            made.append((now, ip(source, target, UDP, udp(1, 2, bytes(1400)), tags=rng.choice([(), (5,)]))))
            now += rng.expovariate(rate)
    made += [(1.5, ethernet(bytes(1400), 0x88B5))] * 1000
    return sorted(made, key=lambda one: one[0])


def count(rows):
    """Verdict and event, or None, of each packet."""
    window, sent = None, {}
    for row in rows:
        if row.nanoseconds // WINDOW != window:
            window, sent = row.nanoseconds // WINDOW, {}
        if not row.destination:
            yield False, None
            continue
        before = sent.get(row.source, 0)
        sent[row.source] = after = before + int(row['frame.len'])
        name = '::ffff:' + row.source if row['ip.src'] else row.source
        yield after > THRESHOLD, '{source=%s,bytes=%d,window=%d}' % (name, after, window) if before <= THRESHOLD < after else None


def verdicts(rows):
    return [match for match, _ in count(rows)]


def events(rows):
    return [(number, event) for number, (_, event) in enumerate(count(rows), 1) if event]
