"""OkoSwitch for Mininet: a Switch class that runs the built ``oko`` once for every switch of a topology.

    sudo mn --custom samples/mininet/okoswitch.py --switch oko --topo linear,3,2 --controller remote

or, in a script of one's own: ``Mininet(topo, switch=OkoSwitch)``. See README.md beside this file.
"""
import json
import os
import select
import shutil
import subprocess
import tempfile

from mininet.node import Switch
from mininet.util import errRun

# mn --custom runs this text without __file__.
HERE = os.path.dirname(os.path.realpath((lambda: None).__code__.co_filename))
ROOT = os.path.dirname(os.path.dirname(HERE))
BINARY = os.environ.get('OKO', os.path.join(ROOT, 'Oko.Agent', 'bin', 'Release', 'net10.0', 'oko'))
START_SECONDS = 30


class OkoSwitch(Switch):
    """A switch in the root namespace, as Mininet's others are, or in its own with ``inNamespace=True``.

    A namespace of its own has no way to a controller unless the topology makes one; without a controller
    the switch learns addresses by itself.
    """

    def __init__(self, name, failMode=None, ringSize=1024, **params):
        """failMode: 'secure' or 'standalone', what happens without a controller; None leaves it to the switch.
        ringSize: packets that may wait at a port, 16 KiB of memory each, which many switches on one machine share;
        None leaves it to the switch (8192) or to opts"""
        super().__init__(name, **params)
        self.failMode = failMode
        self.ringSize = ringSize
        self.folder = tempfile.mkdtemp(prefix='oko-%s-' % name)
        self.log = os.path.join(self.folder, 'log')
        self.management = os.path.join(self.folder, 'oko.sock')
        self.process = None

    @classmethod
    def setup(cls):
        """Called once by Mininet before the first switch is made."""
        if not os.access(BINARY, os.X_OK):
            raise FileNotFoundError('%s is not there: build it with "dotnet build -c Release Oko.Agent"' % BINARY)

    def start(self, controllers):
        """Starts the switch and returns when its ports are up."""
        command = [BINARY, 'run', '--datapath-id', self.dpid, '--management', self.management]
        for interface in self.dataInterfaces():
            command += ['--port', '%s=%d' % (interface.name, self.ports[interface])]
        for controller in controllers:
            command += ['--controller', '%s:%s:%d' % (controller.protocol, controller.IP(), controller.port)]
        if self.listenPort:
            command += ['--listen', 'ptcp:%d' % self.listenPort]
        if self.failMode:
            command += ['--fail-mode', self.failMode]
        if self.ringSize:
            command += ['--ring-size', str(self.ringSize)]
        command += self.opts.split()
        with open(self.log, 'w') as log:
            self.process = self.popen(command, stdout=subprocess.PIPE, stderr=log, universal_newlines=True)
        ready, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        if not ready or self.process.stdout.readline() != 'ready\n':
            with open(self.log) as log:
                raise RuntimeError('%s did not start: %s' % (self.name, log.read() or 'no output in %d s' % START_SECONDS))

    def stop(self, deleteIntfs=True):
        """Ends the switch, as systemd would."""
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)
        super().stop(deleteIntfs)

    def connected(self):
        """Whether a controller has taken the switch over: with the switch's own learning off, it holds a flow entry."""
        return self.process is not None and bool(self.flows())

    def flows(self):
        """The flow entries, as a list of dictionaries."""
        return json.loads(self.oko('flow', 'list', '--format', 'json'))

    def oko(self, *arguments):
        """Runs the command line of OkoSwitch against this switch; returns what it printed."""
        out, err, code = errRun([BINARY, *arguments, '--management', self.management])
        if code != 0:
            raise RuntimeError('oko %s: %s' % (' '.join(arguments), err or out))
        return out

    def dpctl(self, *arguments):
        """Mininet's ``dpctl``: runs ``ovs-ofctl`` against the switch, for instance ``dpctl dump-flows``."""
        if not self.listenPort:
            return 'needs a port to listen on: Mininet(listenPort=6654) or mn --listenport 6654\n'
        verb, *rest = arguments
        return self.cmd('ovs-ofctl -O OpenFlow13', verb, 'tcp:127.0.0.1:%d' % self.listenPort, *rest)

    def dataInterfaces(self):
        """The interfaces that are ports: not the loopback, not one with an address (Mininet's control network)."""
        return [interface for interface in self.intfList() if self.ports[interface] and not interface.IP()]


switches = {'oko': OkoSwitch}
