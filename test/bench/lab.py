"""What the measurements beside Open vSwitch share: links, and either switch on them."""
import contextlib
import os
import subprocess
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
OKO = os.path.join(HERE, '..', '..', 'Oko.Agent', 'bin', 'Release', 'net10.0', 'oko')
SWITCH, SOURCE, SINK = 'okoperf', 'okoperf-src', 'okoperf-dst'
LISTEN = '6654'     # both switches listen there for OpenFlow, in the namespace SWITCH
OVS, OVS_DPDK = '/usr/lib/openvswitch-switch/ovs-vswitchd', '/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk'
FORWARD = ['in_port=1,actions=output:2']


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
def okoswitch(work, entries=FORWARD, options=()):
    with open(os.path.join(work, 'oko.log'), 'w') as log, process(
            ['ip', 'netns', 'exec', SWITCH, OKO, 'run', '--fail-mode', 'secure', '--cpu', '1', '--port', 'p1=1', '--port', 'p2=2',
             '--listen', 'ptcp:%s:127.0.0.1' % LISTEN, '--management', os.path.join(work, 'oko.sock'), *options],
            stdout=subprocess.PIPE, stderr=log, text=True) as switch:
        if switch.stdout.readline() != 'ready\n':
            raise RuntimeError('the switch did not start; see %s' % log.name)
        inside('ovs-ofctl', '-O', 'OpenFlow13', 'add-flows', 'tcp:127.0.0.1:' + LISTEN, write_entries(work, entries))
        yield


@contextlib.contextmanager
def open_vswitch(work, entries=FORWARD, ports='afxdp'):
    """Open vSwitch in user space on the links; ports: afxdp, dpdk-af_xdp or dpdk-af_packet."""
    if ports == 'afxdp':
        binary, settings = OVS, []
        devices = [['type=afxdp', 'options:xdp-mode=native']] * 2
    else:
        # Packet memory that lies in one piece, which the driver af_xdp needs: of each port and in virtual addresses.
        binary, settings = OVS_DPDK, dpdk_settings(256, '--iova-mode=va') + ['other_config:per-port-memory=true']
        devices = [['type=dpdk', 'options:dpdk-devargs=net_%s%d,iface=p%d' % (ports[len('dpdk-'):], number, number)] for number in (1, 2)]
    if ports == 'dpdk-af_packet':
        # Only so does a veth without an XDP program take the frames of the generator.
        inside('ethtool', '-K', 'p1', 'gro', 'on')
    with vswitchd(work, ['ip', 'netns', 'exec', SWITCH], binary, settings, entries, devices) as (vsctl, _):
        vsctl('set-controller', 'br0', 'ptcp:%s:127.0.0.1' % LISTEN)
        yield


def dpdk_settings(megabytes, extra=''):
    return ['other_config:dpdk-init=true', 'other_config:dpdk-lcore-mask=0x1', 'other_config:dpdk-socket-mem=%d' % megabytes,
            'other_config:dpdk-extra=--no-pci --in-memory ' + extra]


@contextlib.contextmanager
def vswitchd(work, within, binary, settings, entries, devices):
    """Open vSwitch in user space, started by the command `within`, forwarding on processor 1, with settings of the whole, these entries, and
    a port for each device (columns of its interface): p1, p2 and so on. Yields what runs ovs-vsctl and what runs ovs-appctl on it."""
    folder = tempfile.mkdtemp(dir=work)
    database, socket, control = (os.path.join(folder, name) for name in ('conf.db', 'db.sock', 'vswitchd.ctl'))
    environment = dict(os.environ, OVS_RUNDIR=folder, OVS_LOGDIR=folder, OVS_DBDIR=folder)

    def vsctl(*arguments):
        return run('ovs-vsctl', '--db=unix:' + socket, '--retry', '--timeout=30', *arguments, env=environment)

    def appctl(*arguments):
        return run('ovs-appctl', '-t', control, *arguments, env=environment)

    run('ovsdb-tool', 'create', database, '/usr/share/openvswitch/vswitch.ovsschema')
    with process([*within, 'ovsdb-server', '--remote=punix:' + socket, '--no-chdir', database], env=environment, stderr=subprocess.DEVNULL):
        vsctl('--no-wait', 'init')
        vsctl('--no-wait', 'set', 'Open_vSwitch', '.', 'other_config:pmd-cpu-mask=0x2', *settings)
        with open(os.path.join(work, 'ovs.log'), 'w') as log, process(
                [*within, binary, 'unix:' + socket, '--no-chdir', '--unixctl=' + control], env=environment, stderr=log):
            vsctl('add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=netdev', 'fail-mode=secure')
            # The entries first: packets that meet an empty table at full rate go to the slow path.
            run('ovs-ofctl', '-O', 'OpenFlow13', 'add-flows', 'unix:' + os.path.join(folder, 'br0.mgmt'), write_entries(work, entries), env=environment)
            for number, device in enumerate(devices, 1):
                name = 'p%d' % number
                vsctl('add-port', 'br0', name, '--', 'set', 'interface', name, 'ofport_request=%d' % number, *device)
                fault = vsctl('get', 'interface', name, 'error').strip()
                if fault not in ('[]', '""'):
                    raise RuntimeError('Open vSwitch cannot use %s: %s' % (name, fault))
            yield vsctl, appctl


def write_entries(work, entries):
    path = os.path.join(work, 'entries')
    with open(path, 'w') as file:
        file.writelines(entry + '\n' for entry in entries)
    return path


@contextlib.contextmanager
def huge_pages(count):
    """At least that many huge pages of 2 MiB while it lasts, for DPDK."""
    path = '/proc/sys/vm/nr_hugepages'
    with open(path) as file:
        before = int(file.read())
    set_number(path, max(before, count))
    try:
        yield
    finally:
        set_number(path, before)


@contextlib.contextmanager
def first_in_line():
    """Others that use the machine come after this process and what it starts. Where the kernel shares time out among sessions (autogroup),
    niceness counts among those, so the whole session goes first for the time."""
    # Not -20: the forwarding thread of OkoSwitch puts itself ten before its other threads.
    os.setpriority(os.PRIO_PROCESS, 0, -10)
    path = '/proc/self/autogroup'
    if not os.path.exists(path):
        yield
        return
    with open(path) as file:
        before = int(file.read().split()[-1])
    set_number(path, -20)
    try:
        yield
    finally:
        set_number(path, before)


def set_number(path, number):
    with open(path, 'w') as file:
        file.write(str(number))
