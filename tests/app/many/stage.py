"""What stands behind a server of the tests: the tiny models, and a file in which it tells how it is doing."""

from __future__ import annotations

import json
import os
import threading
import time
from functools import cache, partial
from pathlib import Path

from streamlit.runtime import get_instance

from app import queue_notice, state
from core.jobs import JobState
from core.methods.cag import Cag
from core.settings import Settings
from tests.encoder import TinyEncoder
from tests.models import TinyModels, tiny_language_model
from tests.turns import queued
from tests.work_here import WorkHere

PULSE = "TESSERA_TEST_PULSE"
HOLD = "TESSERA_TEST_HOLD"
"""Names a file; while it is there, somebody has the turn and does not give it back."""
KEPT_S = 1.0
"""How long Streamlit keeps the session of a closed tab, should it come back; two minutes outside the tests."""
_BEAT_S = 0.05


@cache
def set_up() -> None:
    """Once for the process: pages get the tiny models, and the pulse begins."""
    models = TinyModels(Settings.from_environment(), tiny_language_model(), TinyEncoder())
    models.lock.attend = queue_notice.attend
    get_instance()._session_mgr._session_storage._cache._ttl = KEPT_S
    state.models = lambda: models
    state.ProcessWork = partial(WorkHere, models)
    threading.Thread(target=_beat, args=(models, state.board(), Path(os.environ[PULSE])), daemon=True).start()
    threading.Thread(target=_hold, args=(models, Path(os.environ[HOLD])), daemon=True).start()


def _hold(models, gate: Path) -> None:
    while True:
        if gate.exists():
            with models.lock:
                while gate.exists():
                    time.sleep(_BEAT_S)
        time.sleep(_BEAT_S)


def _beat(models, board, path: Path) -> None:
    while True:
        told = path.with_suffix(".new")
        told.write_text(json.dumps(_vitals(models, board)))
        told.replace(path)
        time.sleep(_BEAT_S)


def _vitals(models, board) -> dict:
    open_methods = state.open_methods().opened()
    return {
        "people": queued(models.lock),
        "resident": sum(m.residency().bytes for m in open_methods if isinstance(m, Cag)),
        "open": len(open_methods),
        "sessions": get_instance()._session_mgr.num_active_sessions(),
        "building": [job.name for job in board._jobs.values() if job.report().state is JobState.RUNNING],
        "rss": int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
    }
