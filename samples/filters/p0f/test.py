"""SYNs made from the signatures of example.fp, each also with one thing changed, and random ones; the model reads the database itself and compares
field by field, as p0f's documentation says. With P0F_DATABASE in the environment it is that database.
"""
import itertools
import os
import random
import struct
import subprocess

from testing import ACK, CWR, ECE, FIN, PSH, RST, SYN, TCP, UDP, URG, ethernet, ip, tcp, udp

FIELDS = ['ip.ttl', 'ipv6.hlim', 'ip.hdr_len', 'ip.flags', 'ip.frag_offset', 'ip.id', 'ip.dsfield', 'ipv6.flow', 'ipv6.tclass',
          'ipv6.plen', 'ipv6.fraghdr.offset', 'tcp.hdr_len', 'tcp.flags', 'tcp.window_size_value', 'tcp.seq_raw', 'tcp.ack_raw',
          'tcp.urgent_pointer', 'tcp.len', 'tcp.options']

HERE = os.path.dirname(os.path.realpath(__file__))
DATABASE = os.environ.get('P0F_DATABASE', os.path.join(HERE, 'example.fp'))
ORDER = ('version', 'ttl', 'olen', 'mss', 'window', 'layout', 'quirks', 'payload')


def compiler_options(folder):
    """Has the filter compiled with the signatures of the database."""
    if 'P0F_DATABASE' not in os.environ:
        return []
    target = os.path.join(folder, 'database.h')
    with open(target, 'w') as file:
        subprocess.run([os.path.join(HERE, 'compile'), DATABASE], check=True, stdout=file)
    return ['-DSIGNATURES="%s"' % target]


def signatures():
    """The signatures of SYNs in the order of the file."""
    section = ''
    for line in open(DATABASE):
        key, _, value = (part.strip() for part in line.partition('='))
        if line.startswith('['):
            section = line.strip()
        elif key == 'sig' and section == '[tcp:request]':
            yield dict(zip(ORDER, value.split(':')))


def sent_ttl(one):
    return sum(int(part) for part in one['ttl'].rstrip('-').split('+'))


# -- the capture -----------------------------------------------------------------------------------------------------

def option_bytes(layout, mss, scale, quirks):
    made = b''
    for name in filter(None, layout.split(',')):
        if name.startswith('?'):
            made += bytes([int(name[1:]), 4, 1, 2])
            continue
        made += {'nop': b'\1', 'mss': b'\2\4' + struct.pack('!H', mss), 'ws': bytes([3, 3, scale]), 'sok': b'\4\2', 'sack': b'\5\x0a' + bytes(8),
                 'ts': b'\x08\x0a' + struct.pack('!II', 0 if 'ts1-' in quirks else 77, 9 if 'ts2+' in quirks else 0)}.get(name, b'')
        if name.startswith('eol'):
            return made + b'\0' + (b'\1' if 'opt+' in quirks else b'\0') * int(name[4:])
    # A length that the option does not have.
    return made[:1] + bytes([made[1] + 1]) + made[2:] if 'bad' in quirks and made[:1] in (b'\2', b'\3', b'\4', b'\x08') else made


def syn_of(one, version, rng, **changed):
    """A packet that the signature describes, but for what is changed."""
    quirks = set(changed.get('quirks', one['quirks'].split(',')))
    mss = changed.get('mss', int(one['mss']) if one['mss'] != '*' else rng.choice([1460, 1440, 1380, 536]))
    size, scale = one['window'].split(',')
    scale = changed.get('scale', 7 if scale == '*' else int(scale))
    unit = {'m': mss if size.startswith('mss') else mss + (40 if version == 4 else 60), '%': int(size[1:]) if size[0] == '%' else 0}.get(size[0])
    window = unit * (int(size[4:]) if size[0] == 'm' else 3) if unit is not None else 5000 if size == '*' else int(size)
    sent = sent_ttl(one)
    flags = (changed.get('flags', SYN) | (ECE | CWR if 'ecn' in quirks and rng.random() < 0.5 else 0) | (URG if 'urgf+' in quirks else 0)
             | (PSH if 'pushf+' in quirks else 0))
    body = tcp(4000, 80, flags, 0 if 'seq-' in quirks else 123456, 0x01000005 if 'ack+' in quirks else 0, changed.get('window', window) & 0xFFFF,
               changed.get('options', option_bytes(changed.get('layout', one['layout']), mss, scale, quirks)), 3 if 'uptr+' in quirks else 0,
               changed.get('data', b'' if one['payload'] in '0*' else b'data'))
    ends = ('192.0.2.1', '192.0.2.2') if version == 4 else ('2001:db8::1', '2001:db8::2')
    return ip(*ends, TCP, body, changed.get('ttl', sent - rng.randrange(0, min(30, sent))), changed.get('tags', rng.choice([(), (), (4,), (5, 6)])),
              changed.get('identification', 0 if 'id-' in quirks or ('df' in quirks and 'id+' not in quirks) else 99), 'df' in quirks,
              changed.get('fragment'), bytes(changed.get('olen', int(one['olen']))) if version == 4 else b'',
              1 if 'ecn' in quirks and not flags & ECE else 0, '0+' in quirks, 0xABCDE if 'flow' in quirks else 0,
              [(60, b'\0' + bytes([1, 4]) + bytes(4))] if changed.get('extension') else ())


def changes(one, rng):
    """One thing after the other."""
    yield from ({} for _ in range(4))
    sent = sent_ttl(one)
    yield from ({'ttl': value} for value in {1, max(sent - 36, 1), max(sent - 35, 1), sent, min(sent + 1, 255), 255})
    yield from ({'window': value} for value in (0, 1, 512, 1024, 64240, 65535))
    yield from ({'mss': value} for value in (0, 536, 1460, 1459))
    yield from ({'scale': value} for value in (0, 3, 7, 8, 14, 15))
    present = [name for name in one['quirks'].split(',') if name]
    for name in ('df', 'id+', 'id-', 'ecn', '0+', 'flow', 'seq-', 'ack+', 'uptr+', 'urgf+', 'pushf+', 'ts1-', 'ts2+', 'opt+', 'bad'):
        yield {'quirks': [other for other in present if other != name] if name in present else [*present, name]}
    yield from ({'layout': value} for value in ('', 'mss', 'nop', 'mss,nop', 'mss,sok,ts,nop,ws', 'ws,mss', 'mss,nop,ws,nop,nop,ts,sok,eol+0',
                                         'mss,?30,nop,?253', 'mss,?31,nop,?253', 'mss,?253,nop,?30', '?6,?6,?6,?6,?6,?6,?6,?6,?6'))
    for text in ('0200', '0204', '02', '020405b404', '020405b40301', '0303', '03040700', '0403', '080a00', '1e02', '020405b4fd04aabb', '01' * 40, '01' * 16,
                 '01' * 15, '00', '0000000001', '020405b401030306', '020505b4', '020305b40101', '0509' + '00' * 7, '050a' + '00' * 8, '0523' + '00' * 33, '1e01',
                 '020405b40101fd', '020405b40101fd05'):
        yield {'options': bytes.fromhex(text)}
    yield from ({'data': value} for value in (b'', b'x'))
    yield from ({'flags': value} for value in (SYN | ACK, SYN | FIN, SYN | RST, ACK, 0))
    yield from ({'olen': value} for value in (0, 4, 40))
    yield {'extension': True}
    yield {'identification': 0}
    yield {'fragment': (0, True)}
    yield {'fragment': (64, False)}


def packets():
    rng = random.Random(3)
    frames = []
    for one in signatures():
        for version in (4, 6) if one['version'] == '*' else (int(one['version']),):
            frames += [syn_of(one, version, rng, **change) for change in changes(one, rng)]
            frames += [syn_of(one, 10 - version, rng)]
    for frame in frames[::20]:
        size = rng.randrange(14, len(frame))
        frames.append(frame[:size])
    frames += [ethernet(bytes(46), 0x0806), ip('192.0.2.1', '192.0.2.2', UDP, udp(1, 2))]
    return list(zip(itertools.count(), frames))


# -- the model -------------------------------------------------------------------------------------------------------

KNOWN = {1: ('nop', 1), 2: ('mss', 4), 3: ('ws', 3), 4: ('sok', 2), 5: ('sack', None), 8: ('ts', 10)}   # name, size if it has one


def observe(row):
    """What p0f would see, or None."""
    if row['tcp.urgent_pointer'] is None or row.number('tcp.flags') & (SYN | ACK | FIN | RST) != SYN:
        return None
    if row['ip.src'] and (row.number('ip.flags') & 1 or row.number('ip.frag_offset')) or row['ipv6.fraghdr.offset']:
        return None
    size = row.number('tcp.hdr_len')
    options = row['tcp.options'] or ''
    if len(options) != 2 * (size - 20):          # cut short
        return None
    options = bytes.fromhex(options)
    seen = {'version': '4' if row['ip.src'] else '6', 'ttl': row.number('ip.ttl') or row.number('ipv6.hlim'), 'mss': 0, 'scale': 0,
            'window': row.number('tcp.window_size_value'), 'payload': int(row['tcp.len']) > 0}
    flags, quirks, layout = row.number('tcp.flags'), set(), []
    if seen['version'] == '4':
        seen['olen'] = int(row['ip.hdr_len']) - 20
        bits = row.number('ip.flags')
        quirks |= {'df'} if bits & 2 else set()
        quirks |= {'0+'} if bits & 4 else set()
        if bool(row.number('ip.id')) == bool(bits & 2):
            quirks.add('id+' if bits & 2 else 'id-')
        service = row.number('ip.dsfield')
    else:
        seen['olen'] = int(row['ipv6.plen']) - size - int(row['tcp.len'])
        quirks |= {'flow'} if row.number('ipv6.flow') else set()
        service = row.number('ipv6.tclass')
    for name, holds in (('ecn', service & 3 or flags & (ECE | CWR)), ('seq-', row['tcp.seq_raw'] == '0'), ('ack+', row['tcp.ack_raw'] != '0'),
                        ('urgf+', flags & URG), ('uptr+', not flags & URG and row['tcp.urgent_pointer'] != '0'), ('pushf+', flags & PSH)):
        quirks |= {name} if holds else set()
    while options:
        kind, known = options[0], KNOWN.get(options[0])
        if kind == 0:
            layout.append('eol+%d' % (len(options) - 1))
            quirks |= {'opt+'} if any(options) else set()
            break
        layout.append(known[0] if known else '?%d' % kind)
        said = options[1] if len(options) > 1 else 0
        length = known[1] if known and known[1] else said
        least, most = {1: (1, 1), 5: (10, 34)}.get(kind, (2, 40))
        if kind != 1 and length != said:
            quirks.add('bad')                   # and the rest is read
        if not least <= length <= min(most, len(options)):
            quirks.add('bad')
            break
        if kind == 2:
            seen['mss'] = int.from_bytes(options[2:4], 'big')
        if kind == 3:
            seen['scale'] = options[2]
            quirks |= {'exws'} if options[2] > 14 else set()
        if kind == 8:
            quirks |= {'ts1-'} if not any(options[2:6]) else set()
            quirks |= {'ts2+'} if any(options[6:10]) else set()
        options = options[length:]
    if len(layout) > 15 or sum(name[0] == '?' for name in layout) > 8:      # more than the filter tells apart
        return None
    return {**seen, 'quirks': quirks, 'layout': layout}


def window_fits(wanted, seen):
    if wanted == '*':
        return True
    if wanted.startswith(('mss*', 'mtu*')):
        unit = seen['mss'] + (0 if wanted[1] == 's' else 40 if seen['version'] == '4' else 60)
        return seen['mss'] > 0 and seen['window'] == unit * int(wanted[4:])
    return seen['window'] % int(wanted[1:]) == 0 if wanted[0] == '%' else seen['window'] == int(wanted)


def fits(one, seen):
    window, scale = one['window'].split(',')
    expected = set(filter(None, one['quirks'].split(',')))
    if one['version'] == '*':
        expected -= {'flow'} if seen['version'] == '4' else {'df', 'id+', 'id-'}
    distance = sent_ttl(one) - seen['ttl']
    return (one['version'] in ('*', seen['version']) and distance >= 0 and (distance <= 35 or one['ttl'].endswith('-'))
            and int(one['olen']) == seen['olen'] and one['mss'] in ('*', str(seen['mss'])) and window_fits(window, seen)
            and scale in ('*', str(seen['scale'])) and list(filter(None, one['layout'].split(','))) == seen['layout'] and expected == seen['quirks']
            and one['payload'] in ('*', '+' if seen['payload'] else '0'))


def verdicts(rows):
    known = list(signatures())
    for row in rows:
        seen = observe(row)
        yield seen is not None and any(fits(one, seen) for one in known)
