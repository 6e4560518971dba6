"""The demonstration behind samples/demo/run: three hosts, one switch, a filter in a flow entry.

Every claim that is printed is checked; the first one that does not hold ends the demonstration with exit
code 1. Whatever happens, the namespaces and processes are gone afterwards.
"""
import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OKO = os.path.join(ROOT, 'Oko.Agent', 'bin', 'Release', 'net10.0', 'oko')
FILTER_SOURCE = os.path.join(ROOT, 'samples', 'filters', 'blocklist', 'blocklist.c')
CONTROLLERS = os.path.join(ROOT, 'samples', 'controllers')

PREFIX = 'okodemo'
HOSTS = {'h1': '10.77.0.1', 'h2': '10.77.0.2', 'h3': '10.77.0.3'}
BAD, GOOD, SERVER = 'h3', 'h2', 'h1'
INTERVAL_SECONDS = 0.05


def say(text):
    print(text, flush=True)


class Failed(Exception):
    pass


def check(holds, claim):
    """Prints a claim that holds, ends the demonstration with one that does not."""
    if not holds:
        raise Failed(claim)
    say('   ok: ' + claim)


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        raise Failed('%s: %s' % (' '.join(command), (done.stderr or done.stdout).strip()))
    return done.stdout


def until(condition, seconds, what):
    """Polls what only another program knows; the pings below are awaited by events instead."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise Failed('%s: not within %g s' % (what, seconds))


class Network:
    """A namespace for the switch and one for each host, linked by veth pairs."""

    def __enter__(self):
        self.remove()                   # what a killed demonstration left
        run('ip', 'netns', 'add', PREFIX)
        run('ip', '-n', PREFIX, 'link', 'set', 'lo', 'up')
        for host, address in HOSTS.items():
            space = PREFIX + '-' + host
            run('ip', 'netns', 'add', space)
            for name in (PREFIX, space):
                run('ip', 'netns', 'exec', name, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6')
            run('ip', '-n', PREFIX, 'link', 'add', 'sw-' + host, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space)
            run('ip', '-n', space, 'addr', 'add', address + '/24', 'dev', 'eth0')
            run('ip', '-n', space, 'link', 'set', 'eth0', 'up')
            run('ip', '-n', PREFIX, 'link', 'set', 'sw-' + host, 'up')
        return self

    def __exit__(self, *_):
        self.remove()

    @staticmethod
    def remove():
        present = subprocess.run(['ip', 'netns', 'list'], stdout=subprocess.PIPE, text=True).stdout
        for name in re.findall(r'^(%s(?:-h\d)?)\b' % PREFIX, present, re.M):
            subprocess.run(['ip', 'netns', 'del', name])


class Ping:
    """A ping that runs until stopped; knows which requests were answered and can be waited on."""

    def __init__(self, host, target):
        self.answered, self.lost = set(), set()
        self.news = threading.Condition()
        # -O reports an unanswered request as soon as the next one is due.
        self.process = subprocess.Popen(
            ['ip', 'netns', 'exec', PREFIX + '-' + host, 'ping', '-n', '-O', '-i', str(INTERVAL_SECONDS), HOSTS[target]],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            number = re.search(r'icmp_seq=(\d+)', line)
            if number:
                with self.news:
                    (self.answered if 'bytes from' in line else self.lost).add(int(number.group(1)))
                    self.lost -= self.answered      # a late answer is an answer
                    self.news.notify_all()

    def wait_answers(self, count, what):
        self.wait(self.answered, count, what)

    def wait_losses(self, count, what):
        self.wait(self.lost, count, what)

    def wait(self, numbers, count, what):
        target = len(numbers) + count
        with self.news:
            if not self.news.wait_for(lambda: len(numbers) >= target, timeout=20):
                raise Failed(what)

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=5)
        self.reader.join()


class ByController:
    """Drives the filter from the os-ken application, over OpenFlow."""
    what = 'os-ken application over OpenFlow'

    def __init__(self, work, stack):
        path = os.path.join(work, 'control')
        environment = dict(os.environ, PYTHONPATH=CONTROLLERS, OKO_FILTER=os.path.join(work, 'blocklist.o'), OKO_CONTROL=path)
        log = stack.enter_context(open(os.path.join(work, 'controller.log'), 'w'))
        start(stack, ['ip', 'netns', 'exec', PREFIX, '/usr/bin/python3', '/usr/bin/osken-manager', '--ofp-tcp-listen-port', '6653',
                      os.path.join(CONTROLLERS, 'blocklist_switch.py')], env=environment, stdout=log, stderr=log)
        until(lambda: os.path.exists(path), 20, 'start of the controller')
        self.socket = stack.enter_context(socket.socket(socket.AF_UNIX))
        self.socket.connect(path)
        self.lines = stack.enter_context(self.socket.makefile('rw'))

    options = ['--controller', 'tcp:127.0.0.1:6653']

    def ask(self, *words):
        self.lines.write(' '.join(words) + '\n')
        self.lines.flush()
        answer = json.loads(self.lines.readline())
        if 'error' in answer:
            raise Failed(answer['error'])
        return answer

    def wait_ready(self):
        def answers():
            self.lines.write('connected\n')
            self.lines.flush()
            return 'error' not in json.loads(self.lines.readline())
        until(answers, 10, 'connection of the switch to the controller')

    def install(self):
        status = self.ask('install')
        return status['instructions'], status['worst_case']

    def block(self, address):
        self.ask('block', address)

    def unblock(self, address):
        self.ask('unblock', address)

    def counters(self):
        return self.ask('counters')


class ByCommandLine:
    """Drives the filter from the command line; without a controller the switch learns addresses itself."""
    what = 'oko command line'
    options = []

    def __init__(self, work, stack):
        self.management = os.path.join(work, 'oko.sock')
        self.filter = os.path.join(work, 'blocklist.o')

    def oko(self, *words):
        return run(OKO, *words, '--management', self.management)

    def oko_json(self, *words):
        return json.loads(self.oko(*words, '--format', 'json'))

    def wait_ready(self):
        pass

    def install(self):
        loaded = self.oko_json('filter', 'load', '1', self.filter)
        self.oko('flow', 'add', 'cookie=0xb10c,priority=100,filter=1,actions=drop')
        return loaded['instructions'], loaded['worst_case_instructions']

    def block(self, address):
        self.oko('map', 'update', '1', 'blocked', address, '0')

    def unblock(self, address):
        self.oko('map', 'delete', '1', 'blocked', address)

    def counters(self):
        flows = [flow for flow in self.oko_json('flow', 'list') if flow['cookie'] == '0xb10c']
        stats = self.oko_json('filter', 'list')[0]
        entries = self.oko_json('map', 'dump', '1', 'blocked')
        return {'entry_packets': sum(flow['packets'] for flow in flows), 'runs': stats['runs'], 'matches': stats['matches'],
                'blocked': {entry['key']: int(entry['value']) for entry in entries}}


def start(stack, command, **options):
    process = subprocess.Popen(command, **options)

    def end():
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    stack.callback(end)
    return process


def start_switch(work, stack, driver):
    log = stack.enter_context(open(os.path.join(work, 'switch.log'), 'w'))
    ports = [word for number, host in enumerate(HOSTS, 1) for word in ('--port', 'sw-%s=%d' % (host, number))]
    switch = start(stack, ['ip', 'netns', 'exec', PREFIX, OKO, 'run', '--datapath-id', '00000000000000d0', *ports,
                           '--management', os.path.join(work, 'oko.sock'), *driver.options],
                   stdout=subprocess.PIPE, stderr=log, text=True)
    stack.enter_context(switch.stdout)
    if switch.stdout.readline() != 'ready\n':
        log.flush()
        with open(log.name) as text:
            raise Failed('the switch did not start:\n' + text.read())
    driver.wait_ready()
    return switch


def demonstrate(work, stack, driver_type):
    say('1. Three hosts on veth pairs: %s' % ', '.join('%s %s' % pair for pair in HOSTS.items()))
    run('clang', '-O2', '-g', '-target', 'bpf', '-I/usr/include/%s-linux-gnu' % os.uname().machine,
        '-c', FILTER_SOURCE, '-o', os.path.join(work, 'blocklist.o'))
    stack.enter_context(Network())
    driver = driver_type(work, stack)
    switch = start_switch(work, stack, driver)
    say('2. Switch started; driven by: %s' % driver.what)

    pings = {host: Ping(host, SERVER) for host in (GOOD, BAD)}
    for ping in pings.values():
        stack.callback(ping.stop)
    for host, ping in pings.items():
        ping.wait_answers(10, '%s reaches %s before anything is blocked' % (host, SERVER))
    check(True, 'allowed: %s and %s both ping %s, addresses are learned' % (GOOD, BAD, SERVER))

    instructions, worst = driver.install()
    say('3. Filter compiled from C, verified, loaded: %d instructions, at most %d run per packet' % (instructions, worst))
    say('   flow entry: priority=100,filter=1,actions=drop')
    for host, ping in pings.items():
        ping.wait_answers(10, '%s still reaches %s with an empty blocklist' % (host, SERVER))
    before = driver.counters()
    check(before['runs'] > 0 and before['matches'] == 0,
          'allowed: the filter ran on %(runs)d packets and matched %(matches)d' % before)

    good_lost = len(pings[GOOD].lost)
    driver.block(HOSTS[BAD])
    say('4. %s added to the map while the pings run' % HOSTS[BAD])
    answered = len(pings[BAD].answered)
    pings[BAD].wait_losses(40, 'the pings of the blocked host go unanswered')
    check(len(pings[BAD].answered) <= answered + 2, 'blocked: 40 pings of %s went unanswered' % BAD)
    pings[BAD].signal(signal.SIGSTOP)           # three counters are read one after the other: nothing may move meanwhile

    def agree():
        now = driver.counters()
        return now if now['blocked'].get(HOSTS[BAD]) == now['matches'] == now['entry_packets'] else None
    now = until(agree, 5, 'agreement of the counters of map, filter and flow entry')
    pings[BAD].signal(signal.SIGCONT)
    check(now['matches'] >= 40, 'counters agree: map, filter matches and flow entry all say %d packets' % now['matches'])
    check(len(pings[GOOD].lost) == good_lost, 'allowed: %s lost no ping meanwhile' % GOOD)

    driver.unblock(HOSTS[BAD])
    say('5. %s taken off the map' % HOSTS[BAD])
    pings[BAD].wait_answers(10, '%s reaches %s again' % (BAD, SERVER))
    after = driver.counters()
    pings[BAD].wait_answers(10, '%s keeps reaching %s' % (BAD, SERVER))
    last = driver.counters()
    check(last['matches'] == after['matches'] and last['runs'] > after['runs'],
          'unblocked: %s is answered again; the filter went on running (%d) and matches nothing new (%d)'
          % (BAD, last['runs'], last['matches']))
    check(HOSTS[BAD] not in last['blocked'], 'the map is empty again')

    for ping in pings.values():
        ping.stop()
    check(len(pings[GOOD].lost) == good_lost, '%s pinged %d times, lost %d after its first answer'
          % (GOOD, len(pings[GOOD].answered), len(pings[GOOD].lost) - good_lost))
    switch.terminate()
    check(switch.wait(timeout=10) == 0, 'the switch ended cleanly')


def main():
    arguments = argparse.ArgumentParser(description='Shows OkoSwitch at work.')
    arguments.add_argument('--standalone', action='store_true', help='without a controller')
    chosen = ByCommandLine if arguments.parse_args().standalone else ByController
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    began = time.monotonic()
    work = tempfile.mkdtemp(prefix='okodemo-')
    try:
        with contextlib.ExitStack() as stack:
            demonstrate(work, stack, chosen)
    except Failed as problem:
        say('   FAILED: %s' % problem)
        for name in ('switch.log', 'controller.log'):
            path = os.path.join(work, name)
            if os.path.exists(path):
                with open(path) as text:
                    sys.stderr.write(''.join('%s: %s' % (name, line) for line in text.readlines()[-15:]))
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(work, ignore_errors=True)
    say('Done: every claim held, %.0f s.' % (time.monotonic() - began))
    return 0


if __name__ == '__main__':
    sys.exit(main())
