"""Answers up to another size than usual, and everything else as the filter does by itself.

Run: PYTHONPATH=samples/controllers OKO_FILTER=dns-guard.o osken-manager samples/filters/dns-guard/controller.py (or ryu-manager)
"""
import struct

from filter_switch import FilterSwitch

ANSWER_WITHIN, MAX_ANSWER = 5, 1232


class DnsGuard(FilterSwitch):
    NAME = 'dns-guard'
    # answer_within in nanoseconds, max_answer, refuse_any, refuse_unasked.
    MAPS = {'.data': [(struct.pack('<I', 0), struct.pack('<QIII', ANSWER_WITHIN * 10**9, MAX_ANSWER, 1, 1))]}
