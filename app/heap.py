"""Keeps Streamlit's garbage collections short.

Streamlit makes a full collection after every run of a script, each poll of a running build included. A pass over
everything that libraries and models hold takes as long as the poll's interval, on a core that answers and builds need.
"""

from __future__ import annotations

import gc
import time

_FULL_EVERY_S = 120.0
_last_full_s = 0.0


def set_aside() -> None:
    """Collects once, and takes what is alive out of further collections until the next call.

    It is still freed when nobody refers to it; garbage in circles waits for the next call.
    """
    global _last_full_s
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    _last_full_s = time.monotonic()


def before_collection() -> None:
    """What a poll calls last, while a build is running: the collection that follows finds next to nothing to look at.

    Taking everything out costs nothing; every two minutes the garbage is collected after all.
    """
    if time.monotonic() - _last_full_s > _FULL_EVERY_S:
        set_aside()
    else:
        gc.freeze()
