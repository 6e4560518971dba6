"""Connections of both families that open, close, are reset, time out and are attacked, in random order; the model is a table."""
import random

from testing import ACK, DESTINATION_OPTIONS, FIN, HOP_BY_HOP, ICMP, PSH, RST, SYN, TCP, UDP, ethernet, ip, options_header, tcp, udp

FIELDS = ['ip.frag_offset', 'ipv6.fraghdr.offset', 'tcp.srcport', 'tcp.dstport', 'tcp.flags', 'tcp.urgent_pointer',
          'udp.srcport', 'udp.dstport', 'icmp.type']

HOSTS = [('10.1.2.3', '192.0.2.1'), ('10.9.9.9', '198.51.100.7'), ('fd00::5', '2001:db8::1')]
FLAGS = [SYN, SYN | ACK, ACK, ACK, ACK, PSH | ACK, FIN | ACK, FIN | ACK, RST, RST | ACK, 0, FIN, SYN | FIN, SYN | RST, FIN | PSH | 32]
SCRIPTS = [
    'S sA A a A a F f A', 'S sA A a f A F a', 'S sA A F f S sA A', 'S R', 'S r', 'S a sA a A', 's S s sA A', 'A S sA sA A a R a', 'S S sA S A a s a',
    'S sA A a S sA a', 'S sA AF f', 'S 61 sA', 'S sA 59 A a 3599 a', 'S sA A a 3601 a', 'S sA A F f 4 a 4 a 6 a', 'S sA A F f 6 S sA A', 'U u U u',
    'u U 29 u 179 u 181 u U', 'U 31 u', 'U U 20 U 20 u',
]
TAGS = [(), (), (), (5,), (7, 100)]


def play(script, rng, inside, outside, ports, tags, start):
    """Packets of a script: capitals come from the inside, numbers are seconds of silence."""
    now = start
    for word in script.split():
        if word.isdigit():
            now += int(word)
            continue
        now += rng.uniform(0.001, 0.2)
        from_inside = word[0].isupper()
        ends = (inside, outside) if from_inside else (outside, inside)
        order = ports if from_inside else ports[::-1]
        kind = word.upper()
        extensions = [(HOP_BY_HOP, options_header()), (DESTINATION_OPTIONS, options_header(16))][:rng.randrange(3)]
        if kind == 'U':
            yield now, ip(*ends, UDP, udp(*order, b'x'), tags=tags, extensions=extensions)
        else:
            flags = {'S': SYN, 'SA': SYN | ACK, 'A': ACK, 'F': FIN | ACK, 'AF': FIN | ACK, 'R': RST | ACK}[kind]
            yield now, ip(*ends, TCP, tcp(*order, flags), tags=tags, options=bytes(4) if rng.random() < 0.2 else b'', extensions=extensions)


def strays(rng):
    """What is no connection."""
    inside, outside = HOSTS[0]
    inside6, outside6 = HOSTS[2]
    whole = ip(inside, outside, TCP, tcp(1, 2, SYN))
    yield from (whole[:size] for size in (0, 5, 13, 14, 20, 33, 34, 37, 40, 47, 48, 53))
    yield from (ip(inside6, outside6, UDP, udp(1, 2))[:size] for size in (20, 53, 54, 57, 58))
    yield ip(inside, outside, TCP, tcp(1, 2, SYN), tags=(5,))[:16]
    yield ip(inside, outside, ICMP, bytes.fromhex('0800000000010001'))
    yield ethernet(bytes(46), 0x0806)
    yield ethernet(bytes(46), 0x9999, tags=(3,))
    for ends in (inside, outside), (outside, inside), (inside6, outside6), (outside6, inside6):
        yield ip(*ends, UDP, udp(5, 6, bytes(24)), fragment=(0, True))
        yield ip(*ends, UDP, bytes(32), fragment=(32, False))


def packets():
    rng = random.Random(1)
    made = []
    for round_number in range(3):
        for number, script in enumerate(SCRIPTS):
            inside, outside = HOSTS[(number + round_number) % len(HOSTS)]
            ports = (2000 + 100 * round_number + number, 443)
            made += play(script, rng, inside, outside, ports, TAGS[(number + round_number) % len(TAGS)], rng.uniform(0, 50))
    # A few connections that all flags are tried on.
    for number in range(1500):
        inside, outside = rng.choice(HOSTS)
        ports = (rng.randrange(1000, 1004), 80)
        from_inside = rng.random() < 0.5
        ends = (inside, outside) if from_inside else (outside, inside)
        made.append((number * 0.05, ip(*ends, TCP, tcp(*(ports if from_inside else ports[::-1]), rng.choice(FLAGS)))))
    made += [(rng.uniform(0, 60), frame) for frame in strays(rng)]
    return sorted(made, key=lambda one: one[0])


# (state, who, flags that matter) -> the next state; what is not here does not pass. '*': SYN+ACK, ACK and FIN+ACK of both.
NEXT = {
    ('opening', 'inside', 'S'): 'opening', ('opening', 'outside', 'SA'): 'answered',
    ('answered', 'outside', 'SA'): 'answered', ('answered', 'inside', 'S'): 'answered', ('answered', 'inside', 'A'): 'open',
    ('answered', 'inside', 'FA'): 'inside closed',
    ('open', 'inside', 'S'): 'open', ('open', 'inside', 'SA'): 'open', ('open', 'outside', 'SA'): 'open', ('open', 'inside', 'A'): 'open',
    ('open', 'outside', 'A'): 'open', ('open', 'inside', 'FA'): 'inside closed', ('open', 'outside', 'FA'): 'outside closed',
    ('closed', 'inside', 'S'): 'opening',
}
for who in 'inside', 'outside':
    for state in 'inside closed', 'outside closed', 'closed':
        for flags in 'SA', 'A', 'FA':
            NEXT[state, who, flags] = state
for state in 'inside closed', 'outside closed':
    NEXT[state, 'inside', 'S'] = state
NEXT['inside closed', 'outside', 'FA'] = NEXT['outside closed', 'inside', 'FA'] = 'closed'

SECONDS = {'opening': 60, 'answered': 60, 'open': 3600, 'inside closed': 60, 'outside closed': 60, 'closed': 5, 'asked': 30, 'talking': 180}


def verdicts(rows):
    known = {}                          # (inside, outside, ports, protocol) -> (state, time it is over)
    for row in rows:
        if int(row['ip.frag_offset'] or 0) or int(row['ipv6.fraghdr.offset'] or 0):
            yield True
            continue
        is_tcp = row['tcp.urgent_pointer'] is not None          # the header's last field: it is whole
        if row['icmp.type'] or not row.source or not (is_tcp or row['udp.dstport']):
            yield False
            continue
        ports = (row['tcp.srcport'], row['tcp.dstport']) if is_tcp else (row['udp.srcport'], row['udp.dstport'])
        who = 'inside' if row.source.startswith(('10.', 'fd')) else 'outside'
        ends = (row.source, ports[0]), (row.destination, ports[1])
        name = (ends if who == 'inside' else ends[::-1], is_tcp)
        state, over = known.get(name, (None, 0))
        if over <= row.nanoseconds:
            state = None
        flags = row.number('tcp.flags') if is_tcp else 0
        text = ''.join(letter for letter, bit in (('R', RST), ('F', FIN), ('S', SYN), ('A', ACK)) if flags & bit)
        if state is None:
            state = {'S': 'opening', '': None if is_tcp else 'asked'}.get(text) if who == 'inside' else None
        elif is_tcp and 'R' in text:
            del known[name]
            yield True
            continue
        elif is_tcp:
            state = NEXT.get((state, who, text))
        elif who == 'outside':
            state = 'talking'
        if state:
            known[name] = state, row.nanoseconds + SECONDS[state] * 1_000_000_000
        yield state is not None
