"""What the measurements beside Open vSwitch share: links, and either switch on them."""
import contextlib
import os
import subprocess
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
OKO = os.path.join(HERE, '..', '..', 'Oko.Agent', 'bin', 'Release', 'net10.0', 'oko')
SWITCH, SOURCE, SINK = 'okoperf', 'okoperf-src', 'okoperf-dst'
LISTEN = '6654'     # both switches listen there for OpenFlow, in the namespace SWITCH


def run(*command, check=True, timeout=60, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout, **options)
    if check and done.returncode != 0:
        raise RuntimeError('%s: %s' % (' '.join(command), (done.stderr or done.stdout).strip()))
    return done.stdout


def inside(*command, **options):
    return run('ip', 'netns', 'exec', SWITCH, *command, **options)


def remove():
    for name in (SOURCE, SINK, SWITCH):
        run('ip', 'netns', 'del', name, check=False)


def make_links():
    remove()
    for name in (SWITCH, SOURCE, SINK):
        run('ip', 'netns', 'add', name)
        for scope in ('all', 'default'):
            run('ip', 'netns', 'exec', name, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/%s/disable_ipv6' % scope)
        run('ip', '-n', name, 'link', 'set', 'lo', 'up')
    for port, host in (('p1', SOURCE), ('p2', SINK)):
        run('ip', '-n', SWITCH, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host)
        run('ip', '-n', host, 'link', 'set', 'eth0', 'up')
        run('ip', '-n', SWITCH, 'link', 'set', port, 'up')


@contextlib.contextmanager
def process(command, **options):
    started = subprocess.Popen(command, **options)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(timeout=10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@contextlib.contextmanager
def okoswitch(work):
    with open(os.path.join(work, 'oko.log'), 'w') as log, process(
            ['ip', 'netns', 'exec', SWITCH, OKO, 'run', '--fail-mode', 'secure', '--cpu', '1', '--port', 'p1=1', '--port', 'p2=2',
             '--listen', 'ptcp:%s:127.0.0.1' % LISTEN, '--management', os.path.join(work, 'oko.sock')],
            stdout=subprocess.PIPE, stderr=log, text=True) as switch:
        if switch.stdout.readline() != 'ready\n':
            raise RuntimeError('the switch did not start; see %s' % log.name)
        inside('ovs-ofctl', '-O', 'OpenFlow13', 'add-flow', 'tcp:127.0.0.1:' + LISTEN, 'in_port=1,actions=output:2')
        yield


@contextlib.contextmanager
def open_vswitch(work):
    folder = tempfile.mkdtemp(dir=work)
    database, socket = os.path.join(folder, 'conf.db'), os.path.join(folder, 'db.sock')
    environment = dict(os.environ, OVS_RUNDIR=folder, OVS_LOGDIR=folder, OVS_DBDIR=folder)
    run('ovsdb-tool', 'create', database, '/usr/share/openvswitch/vswitch.ovsschema')
    with process(['ip', 'netns', 'exec', SWITCH, 'ovsdb-server', '--remote=punix:' + socket, '--no-chdir', database], env=environment,
                 stderr=subprocess.DEVNULL):
        vsctl = ['ovs-vsctl', '--db=unix:' + socket, '--retry', '--timeout=20']
        run(*vsctl, '--no-wait', 'init', env=environment)
        run(*vsctl, '--no-wait', 'set', 'Open_vSwitch', '.', 'other_config:pmd-cpu-mask=0x2', env=environment)
        with process(['ip', 'netns', 'exec', SWITCH, 'ovs-vswitchd', 'unix:' + socket, '--no-chdir'], env=environment,
                     stderr=subprocess.DEVNULL):
            run(*vsctl, 'add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=netdev', 'fail-mode=secure', '--',
                'set-controller', 'br0', 'ptcp:%s:127.0.0.1' % LISTEN, env=environment)
            # The entries first: packets that meet an empty table at full rate go to the slow path.
            run('ovs-ofctl', 'add-flow', 'unix:' + os.path.join(folder, 'br0.mgmt'), 'in_port=1,actions=output:2', env=environment)
            for number in ('1', '2'):
                run(*vsctl, 'add-port', 'br0', 'p' + number, '--', 'set', 'interface', 'p' + number, 'type=afxdp',
                    'ofport_request=' + number, 'options:xdp-mode=native', env=environment)
            yield
