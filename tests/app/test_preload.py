"""What the pages stand on is imported once, beside the start of the server, and pages wait for the whole of it."""

import sys

import pytest

from app import preload


@pytest.fixture
def slow(tmp_path, monkeypatch):
    """The name of a module that takes a moment to import."""
    (tmp_path / "takes_a_moment.py").write_text("import time\ntime.sleep(0.5)\nwhole = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(preload, "_NEEDED", ("takes_a_moment",))
    monkeypatch.setattr(preload, "_threads", [])
    yield "takes_a_moment"
    sys.modules.pop("takes_a_moment", None)


def test_a_page_waits_until_all_is_imported(slow):
    preload.begin()
    preload.attend()
    assert sys.modules[slow].whole


def test_it_begins_once_for_all_who_ask(slow):
    preload.begin()
    preload.begin()
    assert len(preload._threads) == 1
    preload.attend()


def test_where_nothing_is_being_imported_nobody_waits(slow):
    preload.attend()
    assert slow not in sys.modules
