"""SYNs of scanners are dropped, everything else is forwarded.

Run: PYTHONPATH=samples/controllers OKO_FILTER=p0f.o osken-manager samples/filters/p0f/controller.py (or ryu-manager)
"""
import struct

from filter_switch import FilterSwitch

SCANNER = 7                             # its number in signatures.h


class ScannersOut(FilterSwitch):
    NAME = 'p0f'
    MAPS = {'.data': [(struct.pack('<I', 0), struct.pack('<Q', 1 << SCANNER))]}
