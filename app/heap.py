"""What Streamlit's garbage collection may leave alone.

After every run of a script, each poll of a running build included, Streamlit makes a full collection. A pass over all
that libraries and models hold takes as long as the poll's interval and keeps the interpreter meanwhile: beside two
polls a second a build took five times as long.
"""

from __future__ import annotations

import gc


def set_aside() -> None:
    """Collects once, and takes what is alive out of further collections until the next call.

    It is still freed when nobody refers to it; garbage in circles waits for the next call.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
