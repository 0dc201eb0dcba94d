"""Builders that the tests run in a process of its own."""

import os
import sys
import time
from pathlib import Path

from core.errors import TesseraError
from core.jobs import Progress
from core.messages import message


def describes_its_process(ws, models, settings, text):
    facts = {
        "pid": os.getpid(),
        "nice": os.nice(0),
        "spins": os.environ.get("GOMP_SPINCOUNT"),
        "modules": sorted({name.split(".")[0] for name in sys.modules}),
        "given": (ws.path, settings.top_k, type(models).__name__, text),
    }
    sys.stdout.write("a library prints")
    yield Progress("Looking", 1, 1, message("{n:,} looks", n=1), facts)


def goes_on_until_closed(marker: Path):
    try:
        for done in range(100_000):
            yield Progress("Working", done, 100_000, data={"pid": os.getpid()})
            time.sleep(0.01)  # a pace at which the app can follow
    finally:
        marker.write_text("closed")


def fails(bug: bool):
    yield Progress("Working", 0, 1)
    if bug:
        raise KeyError("k")
    raise TesseraError(message("The disk {name!r} is full.", name="d"), "Free some space.")


def takes_turns(resources):
    yield Progress("Opening", 0, 2)
    for done in range(1, 3):
        with resources.models.lock.ticket() as ticket:
            assert ticket.wait()
            with resources.models.lock:  # again, inside
                yield Progress("Answering", done, 2, data={"inside": True})
        yield Progress("Noting", done, 2)
