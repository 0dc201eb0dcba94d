"""Bulk work gives way to whoever answers on the same cores.

PyTorch's OpenMP threads spin for a while when they have nothing to do, against whoever has: two builds at once took
163 s each where one alone took 28, and 43 with a short spin. Answering keeps the default, since decoding waits often
and loses a third without it. Both are read when torch is loaded, so this comes before.
"""

from __future__ import annotations

import os

from app.job_process import BUILD

_BUILDS = ("prepare", "index", "cluster", "cache", "sample", "index-serverless")
_TRAINS = ("train", "adapt", "calibrate", "train-reader")
_EVALUATES = ("eval-memory", "ablate", "assess-reader")
BULK = frozenset((*_BUILDS, *_TRAINS, *_EVALUATES, BUILD))
"""Commands that build, train or evaluate without a clock beside each answer; ``eval`` has one, and the benches."""
_NICE = 5
_SPINS = "1000"


def give_way(command: str) -> None:
    """Makes this process a quiet neighbour, if the command is bulk work; what the environment says already stands."""
    if command not in BULK:
        return
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
    if hasattr(os, "nice") and os.nice(0) == 0:
        os.nice(_NICE)
