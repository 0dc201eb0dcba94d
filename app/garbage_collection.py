"""Keeps Streamlit's garbage collections short.

Streamlit makes a full collection after every run of a script, each poll of a running build included. A pass over
everything that libraries and models hold takes as long as the poll's interval, on a core that answers and builds need.
"""

from __future__ import annotations

import gc
import time

_FULL_EVERY_S = 120.0
_last_full_s = 0.0


def collect_and_freeze() -> None:
    """Collects once, and exempts every object that is alive from further collections until the next call.

    Reference counting still frees them; reference cycles among them wait for the next call.
    """
    global _last_full_s
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    _last_full_s = time.monotonic()


def freeze_between_polls() -> None:
    """Called at the end of each poll of a running build, so that Streamlit's collection has almost nothing to scan.

    Freezing costs nothing; every two minutes the garbage is really collected.
    """
    if time.monotonic() - _last_full_s > _FULL_EVERY_S:
        collect_and_freeze()
    else:
        gc.freeze()
