"""Questions and answers, forged ones of both, large ones and broken ones; the model asks tshark's DNS dissector."""
import random
import struct

from testing import TCP, UDP, ethernet, ip, tcp, udp

FIELDS = ['udp.srcport', 'udp.dstport', 'udp.length', 'ip.frag_offset', 'ipv6.fraghdr.offset', 'dns.id', 'dns.flags.response', 'dns.flags.opcode',
          'dns.count.queries', 'dns.count.add_rr', 'dns.qry.type', 'udp.checksum']

ANSWER_WITHIN, MAX_ANSWER, ANY = 5_000_000_000, 1232, 255
TYPES = [1, 1, 1, 28, 28, 15, 16, 255]


def name_of(rng):
    labels = [bytes(rng.choices(b'abcdefgh', k=rng.choice((1, 3, 8, 63)))) for _ in range(rng.randrange(4))]
    return b''.join(bytes([len(label)]) + label for label in labels) + b'\0'


def message(number, flags, name, kind, size=0, questions=1):
    text = struct.pack('!HHHHHH', number, flags, questions, 0, 0, 0) + (name + struct.pack('!HH', kind, 1) if questions else b'')
    return text + bytes(max(0, size - len(text)))


def packets():
    rng = random.Random(7)
    made = []
    for number in range(1200):
        now, kind, name = rng.uniform(0, 20), rng.choice(TYPES), name_of(rng)
        client, server = rng.choice([('10.0.0.%d' % rng.randrange(1, 9), '192.0.2.53'), ('2001:db8::%x' % rng.randrange(1, 9), '2001:db8::53')])
        port, tags = rng.randrange(1024, 65536), rng.choice([(), (), (5,), (5, 6)])
        opcode = rng.choice((0, 0, 0, 0, 0, 4))

        def up(content):
            return ip(client, server, UDP, udp(port, 53, content), tags=tags)

        def down(content):
            return ip(server, client, UDP, udp(53, port, content), tags=tags)

        question = message(number, opcode << 11 | 0x100, name, kind)
        answer = message(number, opcode << 11 | 0x8180, name, kind, rng.choice((60, 200, 1200, 1232, 1233, 1400, 4000)))
        case = rng.random()
        if case < 0.5:
            made += [(now, up(question)), (now + rng.choice((0.01, 0.5, 4.9, 5.1)), down(answer))]
            if rng.random() < 0.3:
                made.append((now + 0.02, down(answer)))
        elif case < 0.65:
            made += [(now, up(question)), (now + 0.01, down(message(number ^ 1, 0x8180, name, kind)))]
        elif case < 0.85:
            made.append((now, down(answer)))
        elif case < 0.9:
            made.append((now, up(question[:rng.randrange(len(question))])))
        elif case < 0.93:
            made.append((now, up(message(number, 0x100, name, kind, questions=rng.choice((0, 2))))))
        elif case < 0.96:
            made.append((now, rng.choice((up(answer), down(question)))))
        else:
            whole = udp(53, port, answer)
            made += [(now, ip(server, client, UDP, whole[:1480], fragment=(0, True))),
                     (now, ip(server, client, UDP, bytes(64), fragment=(1480, False)))]
    frames = [ethernet(bytes(46), 0x0806), ip('10.0.0.1', '192.0.2.53', TCP, tcp(4000, 53, 2)),
              ip('10.0.0.1', '192.0.2.53', UDP, udp(4000, 5353, b'x' * 20)),
              ip('10.0.0.1', '192.0.2.53', UDP, udp(4000, 53, b''))[:41],
              ip('10.0.0.1', '192.0.2.53', UDP, udp(53, 53, message(1, 0x100, b'\1a\0', 1))),
              ip('192.0.2.53', '10.0.0.1', UDP, udp(53, 53, message(1, 0x8180, b'\1a\0', 1)))]
    made += [(0.1 * place, frame) for place, frame in enumerate(frames)]
    return sorted(made, key=lambda one: one[0])


def verdicts(rows):
    asked = {}                          # (client, port, server, id) -> time
    for row in rows:
        if row['udp.checksum'] is None or '53' not in (row['udp.srcport'], row['udp.dstport']):
            yield False                 # also later fragments, which have no ports
        elif row['dns.count.add_rr'] is None:          # the header's last field
            yield True
        elif row['dns.flags.response'] in ('0', 'False'):
            is_question = row['dns.flags.opcode'] == '0'
            bad = row['udp.dstport'] != '53' or (is_question and (row['dns.count.queries'] != '1' or row['dns.qry.type'] in (None, str(ANY))))
            if not bad:
                asked[row.source, row['udp.srcport'], row.destination, row['dns.id']] = row.nanoseconds
            yield bad
        else:
            time = asked.get((row.destination, row['udp.dstport'], row.source, row['dns.id']))
            if row['udp.srcport'] != '53' or time is None or row.nanoseconds - time > ANSWER_WITHIN:
                yield True
                continue
            del asked[row.destination, row['udp.dstport'], row.source, row['dns.id']]
            yield int(row['udp.length']) - 8 > MAX_ANSWER
