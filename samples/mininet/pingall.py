"""Three OkoSwitches in a row with two hosts each, an os-ken controller: every host pings every other.

The exit code is 0 when no ping was lost.
"""
import argparse
import os
import sys

from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.node import Controller
from mininet.topo import LinearTopo

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)
from okoswitch import OkoSwitch             # noqa: E402 (Mininet's --custom loads it by path, so it is in no package)

CONNECT_SECONDS = 30


class OsKen(Controller):
    """An os-ken application, with Debian's interpreter: the one that can import python3-os-ken."""

    def __init__(self, name, application, **params):
        super().__init__(name, command='/usr/bin/python3',
                         cargs='/usr/bin/osken-manager --ofp-listen-host 127.0.0.1 --ofp-tcp-listen-port %d ' + application, **params)


def main():
    parser = argparse.ArgumentParser(description='Pings between all hosts of three OkoSwitches under Mininet.')
    parser.add_argument('--app', default=os.path.join(HERE, 'learning_switch.py'), help='os-ken application (default: %(default)s)')
    parser.add_argument('--controller-port', type=int, default=6653, help='TCP port of the controller (default: %(default)d)')
    parser.add_argument('--own-namespaces', action='store_true', help='a namespace for each switch and no controller: the switches learn')
    arguments = parser.parse_args()
    setLogLevel('info')
    network = Mininet(controller=None, switch=OkoSwitch, autoSetMacs=True)
    if not arguments.own_namespaces:
        network.addController('c0', lambda name, **params: OsKen(name, arguments.app, port=arguments.controller_port, **params))
    network.buildFromTopo(LinearTopo(k=3, n=2, sopts={'inNamespace': arguments.own_namespaces}))
    try:
        network.start()
        if network.controllers and not network.waitConnected(CONNECT_SECONDS):
            return 1
        lost = network.pingAll()
        print('lost %g %%' % lost)
        return 0 if lost == 0 else 1
    finally:
        network.stop()


if __name__ == '__main__':
    sys.exit(main())
