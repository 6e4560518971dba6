"""Turns the figures of the evaluation into RESULTS.md: the table, and what explains it."""
import os

NAMES = {'switch': 'in the switch', 'process': 'neighbouring process, rings without copies', 'copies': 'isolated, with copies'}
SHORT = {'switch': 'in the switch', 'process': 'process', 'copies': 'isolated'}
PAPER = {'process': '1.7 to 1.9', 'copies': '2 to 3'}
BARS = {'process': 1.7, 'copies': 2.0}
CORES = {'switch': 1, 'process': 2, 'copies': 2}


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


def costs(rows, plain):
    """Where the time goes, from undisturbed moments: forwarding alone, the hop, the copies, the filter here and there."""
    time = {name: setup['undisturbed_nanoseconds'] for name, setup in setups(plain).items()}
    forward, hop, copies = time['switch'], time['process'] - 2 * time['switch'], time['copies'] - time['process']
    lines = ['Without any filter a packet costs %.1f ns in the switch. With a neighbour that gives everything back it costs %.1f ns: two passes through the switch, and' % (
                 forward, time['process']),
             '%.1f ns for both ways over the rings. The two copies cost %.1f ns more.' % (hop, copies), '',
             '| program | filter in the switch, ns | neighbour busy, ns | two passes and rings, ns | process, ns | what bounds the process | forwarding that would give %.1f, ns |' % BARS['process'],
             '| --- | ---: | ---: | ---: | ---: | --- | ---: |']
    for program, figures in rows:
        here = setups(figures)
        times = {name: setup['undisturbed_nanoseconds'] for name, setup in here.items()}
        busy, asked = here['process']['neighbour_nanoseconds'], times['switch'] - forward
        needed = (BARS['process'] * asked - hop) / (2 - BARS['process'])
        lines.append('| %s | %.1f | %.1f | %.1f | %.1f | %s | %.0f |' % (
            program, asked, busy, time['process'], times['process'], 'the neighbour' if times['process'] > 1.1 * time['process'] else 'the switch', max(needed, 0)))
    return lines


def verdict(rows):
    missed = [(program, name, undisturbed(setups(figures)[name])) for program, figures in rows for name in BARS if undisturbed(setups(figures)[name]) < BARS[name]]
    if not missed:
        return ['At undisturbed moments both bars (%.1f over the process, %.1f over the isolated one) are met for each program.' % (BARS['process'], BARS['copies'])]
    return ['At undisturbed moments below the bars (%.1f over the process, %.1f over the isolated one): %s.' % (
        BARS['process'], BARS['copies'], '; '.join('%s, %s: %.2f' % (program, SHORT[name], ratio) for program, name, ratio in missed)), '',
        'What differs from the paper, by the second table: a packet that visits a neighbour passes the switch twice, one that is filtered inside passes it once and pays',
        'for the filter. So the ratio is (2 x forwarding + rings) : (forwarding + filter) as long as the neighbour keeps up: near 2 where forwarding is dear and the filter cheap,',
        'near 1 where they cost the same. The last column says how dear forwarding would have to be for the paper\'s figure, with this filter and these rings; packets here come from memory',
        'and cost no network interface. And the neighbour has a core of its own for the filter: per core, the last column of the first table, the switch is %.1f times as fast or more.' % min(
            undisturbed(setups(figures)[name]) * CORES[name] for _, figures in rows for name in BARS)]


def write(results, sharing, load, seconds, arguments):
    """The text of RESULTS.md."""
    _, _, _, rows, _ = results[0]
    first = rows[0][1]
    lines = ['# Results', '', 'Written by `%s`; README.md says what is measured.' % ' '.join(['test/evaluation/run', arguments]).strip(), '',
             '%s. Load when it began: %.1f; %d rounds of %d packets for each figure, mean ± standard deviation; rings of %d entries; %.0f seconds in all.' % (
                 first['machine'], load, first['rounds'], first['round_packets'], first['ring_entries'], seconds)]
    if is_busy(load):
        lines += ['', '**Other work ran on the machine: rates and the ratios of rates say how long threads waited for a processor. Only the undisturbed columns, and the figure, which shows',
                  'them, say something about the setups.**']
    if not all(setup['huge_pages'] for _, figures in rows for setup in figures['setups']):
        lines += ['', 'The shared memory lies in small pages (huge ones need Linux 6.1): the process pays for that.']
    if sharing and not is_busy(load):
        lines += ['', 'A thread on the switch\'s processor is %.2f times as slow while the neighbour\'s processor works%s.' % (
            sharing, ': they are threads of one core, so the setups with a neighbour have less than two cores' if sharing > 1.15 else ': they are cores of their own')]
    for title, name, note, rows, plain in results:
        lines += ['', '## ' + title[0].upper() + title[1:], '', '![%s](%s.svg)' % (title, name), '',
                  '%s%d packets, %.0f bytes on average.' % (note + '; played over and over, ' if note else '', rows[0][1]['trace_packets'], rows[0][1]['mean_packet_bytes']), '']
        lines += rates(rows) + [''] + costs(rows, plain) + [''] + verdict(rows)
    return '\n'.join(lines) + '\n'
