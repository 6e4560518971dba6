"""Each source may send so many packets per second.

Run: PYTHONPATH=samples/controllers OKO_FILTER=rate-limiter.o osken-manager samples/filters/rate-limiter/controller.py (or ryu-manager)
"""
import struct

from filter_switch import FilterSwitch

PACKETS_PER_SECOND, BURST = 1000, 20


class RateLimiter(FilterSwitch):
    NAME = 'rate-limiter'
    # packet_cost and burst, both in nanoseconds.
    MAPS = {'.data': [(struct.pack('<I', 0), struct.pack('<QQ', 10**9 // PACKETS_PER_SECOND, BURST * 10**9 // PACKETS_PER_SECOND))]}
