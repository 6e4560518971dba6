"""What `forward --measures flow-mods` does: packets at a steady rate, without and with a controller that changes entries meanwhile, none of which
the packets match. Compared are loss and latency; the switch says what stopped its forwarding thread and how long collections took. The entries
are in place in all of it, also where the rate is found, and the runtime has compiled before what flow-mods run through: what remains is what
flow-mods themselves cost, and that they take the generator's processor, which a controller and a control plane elsewhere would not. That part is
what shows when the same entries of another switch beside it are changed, one that forwards nothing."""
import contextlib
import json
import os
import statistics
import subprocess

from lab import LISTEN, OKO, SINK, SOURCE, SWITCH, process, run

RATE = 10000            # flow-mods a second
WARM_UP = 3             # seconds of flow-mods of each kind before anything is measured
ENTRIES = 10000         # in place while they are exchanged
SHARE = 0.8             # of the rate without loss that packets are sent at
FIRST_CLASS = 0.25      # milliseconds from which the first class of pauses counts; each next begins at the double
LISTEN_ELSEWHERE = '6655'
# How entries change, and of which switch.
MODES = {'at rest': ('rest', LISTEN), 'entries come and go': ('change', LISTEN), 'entries are replaced': ('replace', LISTEN),
         'they come and go elsewhere': ('change', LISTEN_ELSEWHERE), 'they are replaced elsewhere': ('replace', LISTEN_ELSEWHERE)}
COLUMNS = ['offered', 'lost, %', 'median, us', 'p99, us', 'flow-mods/s', 'collections/s', 'collections, ms/s', 'longest collection below, ms',
           'gaps of 1 ms and more/s', 'longest gap below, ms']


@contextlib.contextmanager
def controller(work, mode, seconds, listen=LISTEN):
    """Yields the process that changes entries (or does not, in the mode rest), once those that are exchanged are in place. It runs where the
    generator does."""
    rate, mode = (0, 'replace') if mode == 'rest' else (RATE, mode)
    command = ['ip', 'netns', 'exec', SWITCH, 'taskset', '-c', '0', os.path.join(work, 'ofload'), 'churn', '127.0.0.1', listen,
               str(seconds), str(rate), str(ENTRIES), mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        try:
            if started.stdout.readline() != 'ready\n':
                raise RuntimeError('ofload did not start')
            yield started
        finally:
            started.terminate()


def statistics_of(work):
    return json.loads(run(OKO, 'stats', '--format', 'json', '--management', os.path.join(work, 'oko.sock')))


def longest_below(before, after, name):
    """End of the class of the longest pause between two reports, 0 if there was none that counts."""
    classes = [index for index, (old, new) in enumerate(zip(before[name]['counts'], after[name]['counts'])) if new > old]
    return FIRST_CLASS * 2 ** (classes[-1] + 1) if classes else 0


def measure_mode(work, mode, listen, pps, seconds):
    """One list of the values of COLUMNS."""
    with controller(work, mode, seconds + 2, listen) as changing:
        before = statistics_of(work)
        # The generator comes after the switch: it stands for machines elsewhere, which take no processor from the switch's controller side.
        result = json.loads(run('nice', '-n', '10', os.path.join(work, 'pktload'), '-p', str(pps), '-s', SOURCE, 'eth0', SINK, 'eth0', str(seconds), '64'))
        after = statistics_of(work)
        rate = json.loads(changing.stdout.readline())['flow_mods_per_second']
    time = after['uptime_seconds'] - before['uptime_seconds']
    gaps = sum(after['worker_gaps']['counts'][2:]) - sum(before['worker_gaps']['counts'][2:])
    return [result['sent_kpps'], 100 * (1 - result['received'] / result['sent']), result['median_us'], result['p99_us'], rate,
            (sum(after['collections']) - sum(before['collections'])) / time,
            1000 * (after['collection_pause_seconds'] - before['collection_pause_seconds']) / time,
            longest_below(before, after, 'collection_pauses'), gaps / time, longest_below(before, after, 'worker_gaps')]


def warm_up(work, listen=LISTEN):
    for mode in ('change', 'replace'):
        with controller(work, mode, WARM_UP, listen) as changing:
            changing.wait()


@contextlib.contextmanager
def bystander(work):
    """Another switch, without ports, on the generator's processor."""
    with process(['ip', 'netns', 'exec', SWITCH, 'taskset', '-c', '0', OKO, 'run', '--fail-mode', 'secure', '--ring-size', '64',
                  '--listen', 'ptcp:%s:127.0.0.1' % LISTEN_ELSEWHERE, '--management', os.path.join(work, 'bystander.sock')],
                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as switch:
        if switch.stdout.readline() != 'ready\n':
            raise RuntimeError('the switch beside it did not start')
        warm_up(work, LISTEN_ELSEWHERE)
        yield


def measure(work, number, pps, seconds, keep):
    names = list(MODES)
    with bystander(work):
        for name in names if number % 2 else names[::-1]:
            keep(name, measure_mode(work, *MODES[name], pps, seconds))


def report(results):
    """results: {name of a mode: a list of values for each round}."""
    print('\nFlow-mods while packets are forwarded at %d %% of the rate without loss (1 flow, 64 bytes; medians)\n' % (100 * SHARE))
    print('| | ' + ' | '.join(COLUMNS) + ' |')
    print('| --- |' + ' ---: |' * len(COLUMNS))
    for name in MODES:
        print('| %s | ' % name + ' | '.join('%.4g' % statistics.median(column) for column in zip(*results[name])) + ' |')
    print('\nMedians over the rounds\n\n| | lost, percent more than at rest | p99 : p99 at rest | p99 : p99 when the same is done elsewhere |\n| --- | ---: | ---: | ---: |')
    for name, elsewhere in (('entries come and go', 'they come and go elsewhere'), ('entries are replaced', 'they are replaced elsewhere')):
        rounds = list(zip(results[name], results['at rest'], results[elsewhere]))
        print('| %s | %.3f | %.2f | %.2f |' % (name, statistics.median(here[1] - rest[1] for here, rest, _ in rounds),
                                             statistics.median(here[3] / rest[3] for here, rest, _ in rounds),
                                             statistics.median(here[3] / there[3] for here, _, there in rounds)))
