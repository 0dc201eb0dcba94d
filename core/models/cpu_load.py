"""CPU time that other programs take from this process, so that a measurement can wait for them or report them."""

from __future__ import annotations

import time

import psutil
import torch

ANSWER_S, WHOLE_PAGE_S = 0.4, 1.2
"""How long a browser is waited for at most that draws an answer, and a page: half a second of a core, of which it may
get a half."""
_SAMPLE_S = 0.08  # processors are counted in steps of 10 ms
_QUIET = 0.25
"""Cores missing at most for a machine to count as quiet."""


class OtherLoad:
    """How many cores other programs have kept this process from since it was made.

    The browser that draws an answer is one of them. Giving up cores costs little: on eight cores with four
    threads of the model, three busy ones disturb nothing.
    """

    def __init__(self) -> None:
        self._began = self._look()

    def missing(self) -> float:
        """Cores that the threads of the model lacked on average, 0 to the number of its threads."""
        seconds, others = (now - then for now, then in zip(self._look(), self._began, strict=True))
        threads, cores = torch.get_num_threads(), psutil.cpu_count() or 1
        return min(threads, max(0.0, others / seconds + threads - cores)) if seconds > 0 else 0.0

    @staticmethod
    def _look() -> tuple[float, float]:
        """Seconds on the clock, and seconds of all cores that went to others."""
        everybody, this_process = psutil.cpu_times(), psutil.Process().cpu_times()
        idle = everybody.idle + getattr(everybody, "iowait", 0.0) + getattr(everybody, "guest", 0.0)
        return time.perf_counter(), sum(everybody) - idle - this_process.user - this_process.system


def until_quiet(limit_s: float = ANSWER_S) -> None:
    """Waits until other programs rest, for example the browser that draws the answer before; no longer than a limit."""
    until = time.perf_counter() + limit_s
    while time.perf_counter() < until:
        load = OtherLoad()
        time.sleep(_SAMPLE_S)
        if load.missing() < _QUIET:
            return
