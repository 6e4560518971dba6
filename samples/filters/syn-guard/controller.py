"""Services keep room for so many half-open connections.

Run: PYTHONPATH=samples/controllers OKO_FILTER=syn-guard.o osken-manager samples/filters/syn-guard/controller.py (or ryu-manager)
"""
import struct

from filter_switch import FilterSwitch

HALF_OPEN, DRAINED_PER_SECOND = 200, 100
RETRY_AFTER, RETRY_BEFORE, KNOWN_FOR = 0.5, 16, 600


class SynGuard(FilterSwitch):
    NAME = 'syn-guard'
    # syn_cost, burst, retry_after, retry_before, known_for, all in nanoseconds.
    MAPS = {'.data': [(struct.pack('<I', 0), struct.pack(
        '<5Q', 10**9 // DRAINED_PER_SECOND, HALF_OPEN * 10**9 // DRAINED_PER_SECOND,
        *(int(seconds * 10**9) for seconds in (RETRY_AFTER, RETRY_BEFORE, KNOWN_FOR))))]}
