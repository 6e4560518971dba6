"""Heavy hitters are logged as the switch finds them, and stopped until the next second.

Run: PYTHONPATH=samples/controllers OKO_FILTER=heavy-hitter.o osken-manager samples/filters/heavy-hitter/controller.py (or ryu-manager)
"""
import ipaddress
import secrets
import struct

from filter_switch import FilterSwitch

BYTES_PER_SECOND = 1250000


class HeavyHitter(FilterSwitch):
    NAME = 'heavy-hitter'
    EVENTS = 'events'
    # threshold, window in nanoseconds, seed of the hashes.
    MAPS = {'.data': [(struct.pack('<I', 0), struct.pack('<QQQ', BYTES_PER_SECOND, 10**9, secrets.randbits(64)))]}

    def on_event(self, record):
        source = ipaddress.IPv6Address(record[:16])
        count, _ = struct.unpack('<QQ', record[16:])
        self.logger.info('heavy hitter: %s, %d bytes in this second', source.ipv4_mapped or source, count)
