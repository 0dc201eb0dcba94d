"""Lowers the priority of builds, trainings and evaluations, so that questions on the same cores are answered quickly.

Idle OpenMP threads of PyTorch spin for a while and so take cores from other processes: two builds at once took 163 s
each where one alone took 28, and 43 with a short spin. Answering keeps the default, because decoding waits often and
loses a third of its speed without it. Both settings are read when torch is loaded, so they are made before.
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


def lower_priority(command: str) -> None:
    """Lowers the priority of this process if the command is bulk work; variables that are set already are kept."""
    if command not in BULK:
        return
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
    if hasattr(os, "nice") and os.nice(0) == 0:
        os.nice(_NICE)
