"""Turns the figures of the evaluation into RESULTS.md: the table, and what explains it."""
import collections
import os

NAMES = {'switch': 'in the switch', 'process': 'neighbouring process, rings without copies', 'copies': 'isolated, with copies'}
SHORT = {'switch': 'in the switch', 'process': 'process', 'copies': 'isolated'}
PAPER = {'process': '1.7 to 1.9', 'copies': '2 to 3'}
BARS = {'process': 1.7, 'copies': 2.0}
CORES = {'switch': 1, 'process': 2, 'copies': 2}

# What was measured on a trace. plain: without a filter. memory: over veth, the same from memory, else None.
Result = collections.namedtuple('Result', 'title name note rows plain memory')


def setups(figures):
    return {setup['name']: setup for setup in figures['setups']}


def undisturbed(setup):
    return setup['switch_over_this_undisturbed']


def line(figures):
    return ', '.join('%s %.2f +- %.2f' % (SHORT[setup['name']], setup['packets_per_second'] / 1e6, setup['deviation'] / 1e6) for setup in figures['setups']) + ' million packets/s'


def is_busy(load):
    """Whether so much else ran that the means say how a neighbour waited for a processor, and only undisturbed moments say what the setups cost."""
    return load > 0.5 * (os.cpu_count() or 1)


def rates(rows):
    lines = ['| program | setup | million packets/s | ns per packet | switch : this | the paper | undisturbed, ns | switch : this | per core |',
             '| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |']
    for program, figures in rows:
        for name, setup in setups(figures).items():
            ratios = ('', '', '', '') if name == 'switch' else (
                '**%.2f**' % setup['switch_over_this'], PAPER[name], '**%.2f**' % undisturbed(setup), '%.2f' % (undisturbed(setup) * CORES[name]))
            lines.append('| %s | %s | %.2f ± %.2f | %.1f | %s | %s | %.1f | %s | %s |' % (
                program, NAMES[name], setup['packets_per_second'] / 1e6, setup['deviation'] / 1e6, setup['nanoseconds'], *ratios[:2], setup['undisturbed_nanoseconds'], *ratios[2:]))
    return lines


def times(figures):
    return {name: setup['undisturbed_nanoseconds'] for name, setup in setups(figures).items()}


def costs(rows, plain):
    """Where the time goes, from undisturbed moments: forwarding alone, the hop, the copies, the filter here and there."""
    time = times(plain)
    forward, hop, copies = time['switch'], time['process'] - 2 * time['switch'], time['copies'] - time['process']
    lines = ['Without any filter a packet costs %.1f ns in the switch. With a neighbour that gives everything back it costs %.1f ns: two passes through the switch, and' % (
                 forward, time['process']),
             '%.1f ns for both ways over the rings. The two copies cost %.1f ns more.' % (hop, copies), '',
             '| program | filter in the switch, ns | neighbour busy, ns | two passes and rings, ns | process, ns | what bounds the process | forwarding that would give %.1f, ns |' % BARS['process'],
             '| --- | ---: | ---: | ---: | ---: | --- | ---: |']
    for program, figures in rows:
        here = times(figures)
        busy, asked = setups(figures)['process']['neighbour_nanoseconds'], here['switch'] - forward
        needed = (BARS['process'] * asked - hop) / (2 - BARS['process'])
        lines.append('| %s | %.1f | %.1f | %.1f | %.1f | %s | %.0f |' % (
            program, asked, busy, time['process'], here['process'], 'the neighbour' if here['process'] > 1.1 * time['process'] else 'the switch', max(needed, 0)))
    return lines


def veth_costs(rows, plain, memory):
    """The same over network interfaces: what they cost is what forwarding costs more than from memory."""
    time, without = times(plain), times(memory)
    devices = time['switch'] - without['switch']
    lines = ['Without any filter a packet costs %.0f ns in the switch, of which %.0f ns are the network interfaces\': receiving and sending by AF_XDP on veth, the same in all setups. With a' % (
                 time['switch'], devices),
             'neighbour that gives everything back it costs %.0f ns, with copies %.0f ns.' % (time['process'], time['copies']), '',
             '| program | filter in the switch, ns | second pass and rings, ns | copies, too, ns | network interfaces : filter |', '| --- | ---: | ---: | ---: | ---: |']
    for program, figures in rows:
        here = times(figures)
        asked = here['switch'] - time['switch']
        lines.append('| %s | %.0f | %.0f | %.0f | %.0f |' % (
            program, asked, time['process'] - time['switch'], time['copies'] - time['switch'], devices / max(asked, 1)))
    return lines


def missed_bars(rows):
    missed = [(program, name, undisturbed(setups(figures)[name])) for program, figures in rows for name in BARS if undisturbed(setups(figures)[name]) < BARS[name]]
    if not missed:
        return 'At undisturbed moments both bars (%.1f over the process, %.1f over the isolated one) are met for each program.' % (BARS['process'], BARS['copies'])
    return 'At undisturbed moments below the bars (%.1f over the process, %.1f over the isolated one): %s.' % (
        BARS['process'], BARS['copies'], '; '.join('%s, %s: %.2f' % (program, SHORT[name], ratio) for program, name, ratio in missed))


def per_core(rows):
    return min(undisturbed(setups(figures)[name]) * CORES[name] for _, figures in rows for name in BARS)


def verdict(rows):
    return [missed_bars(rows), '',
            'What differs from the paper, by the second table: a packet that visits a neighbour passes the switch twice, one that is filtered inside passes it once and pays',
            'for the filter. So the ratio is (2 x forwarding + rings) : (forwarding + filter) as long as the neighbour keeps up: near 2 where forwarding is dear and the filter cheap,',
            'near 1 where they cost the same. The last column says how dear forwarding would have to be for the paper\'s figure, with this filter and these rings; packets here come from memory',
            'and cost no network interface. And the neighbour has a core of its own for the filter: per core, the last column of the first table, the switch is %.1f times as fast or more.' % per_core(rows)]


def veth_verdict(rows):
    return [missed_bars(rows), '',
            'What differs from the paper: a packet comes in and leaves by a network interface once, wherever it is filtered, and veth is dear (the kernel copies each packet into the',
            'socket\'s memory and makes a frame of its own of each that leaves). That hides what the paper varied: the filter in the switch against a second pass and the rings, which the',
            'table sets side by side. Per core the switch is %.1f times as fast or more.' % per_core(rows)]


def write(results, missing, sharing, load, seconds, arguments):
    """The text of RESULTS.md."""
    first = results[0].rows[0][1]
    lines = ['# Results', '', 'Written by `%s`; README.md says what is measured.' % ' '.join(['test/evaluation/run', arguments]).strip(), '',
             '%s. Load when it began: %.1f; %d rounds for each figure, mean ± standard deviation; rings of %d entries; %.0f seconds in all.' % (
                 first['machine'], load, first['rounds'], first['ring_entries'], seconds)]
    if is_busy(load):
        lines += ['', '**Other work ran on the machine: rates and the ratios of rates say how long threads waited for a processor. Only the undisturbed columns, and the figure, which shows',
                  'them, say something about the setups.**']
    if not all(setup['huge_pages'] for result in results for _, figures in result.rows for setup in figures['setups']):
        lines += ['', 'The shared memory lies in small pages (huge ones need Linux 6.1): the process pays for that.']
    if sharing and not is_busy(load):
        lines += ['', 'A thread on the switch\'s processor is %.2f times as slow while the neighbour\'s processor works%s.' % (
            sharing, ': they are threads of one core, so the setups with a neighbour have less than two cores' if sharing > 1.15 else ': they are cores of their own')]
    if missing:
        lines += ['', missing]
    for title, name, note, rows, plain, memory in results:
        first = rows[0][1]
        lines += ['', '## ' + title[0].upper() + title[1:], '', '![%s](%s.svg)' % (title, name), '',
                  '%s%d packets, %.0f bytes on average; %d packets in a round.' % (note and note + '; played over and over, ', first['trace_packets'], first['mean_packet_bytes'], first['round_packets']), '']
        lines += rates(rows) + [''] + (veth_costs(rows, plain, memory) + [''] + veth_verdict(rows) if memory else costs(rows, plain) + [''] + verdict(rows))
    return '\n'.join(lines) + '\n'
