"""Imports what the pages stand on while the server starts: seconds, for which the first visitor would have to wait.

Pages wait until that is done: two threads that import libraries which import each other in circles can get halves of
them.
"""

from __future__ import annotations

import importlib
import threading

import streamlit as st

from app.i18n import t

_NEEDED = ("app.state", "core.pipeline")
_threads: list[threading.Thread] = []


def begin() -> None:
    """Starts to import, in a thread of its own; once for each process."""
    if not _threads:
        _threads.append(threading.Thread(target=_load, daemon=True))
        _threads[0].start()


def attend() -> None:
    """Waits until all is imported, with a line on the page; at once where nothing is being imported."""
    if any(thread.is_alive() for thread in _threads):
        with st.spinner(t("Loading PyTorch and transformers, once after every start"), show_time=True):
            for thread in _threads:
                thread.join()


def _load() -> None:
    for name in _NEEDED:
        importlib.import_module(name)
