"""Scanners are logged as the switch finds them, and their probes dropped.

Run: PYTHONPATH=samples/controllers OKO_FILTER=port-scan.o osken-manager samples/filters/port-scan/controller.py (or ryu-manager)
"""
import ipaddress
import struct

from filter_switch import FilterSwitch

MAX_SERVICES, SECONDS = 50, 10


class PortScan(FilterSwitch):
    NAME = 'port-scan'
    EVENTS = 'events'
    # max_services, window in nanoseconds.
    MAPS = {'.data': [(struct.pack('<I', 0), struct.pack('<QQ', MAX_SERVICES, SECONDS * 10**9))]}

    def on_event(self, record):
        source, target = (ipaddress.IPv6Address(record[at:at + 16]) for at in (0, 16))
        port, = struct.unpack('!H', record[32:34])
        services, milliseconds = struct.unpack('<HI', record[34:40])
        self.logger.info('port scan: %s tried %d services in %d ms, the last was port %d of %s',
                         source.ipv4_mapped or source, services, milliseconds, port, target.ipv4_mapped or target)
