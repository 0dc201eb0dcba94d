"""Streamlit's collections pass over what is alive."""

import gc
import weakref

from app import garbage_collection
from app.garbage_collection import collect_and_freeze, freeze_between_polls


class Node:
    def __init__(self):
        self.me = self


def test_what_is_alive_is_collect_and_freeze_and_garbage_goes():
    node, circle = Node(), Node()
    gone, kept = weakref.ref(circle), weakref.ref(node)
    try:
        del circle
        collect_and_freeze()
        assert gone() is None and kept() is node
        assert not any(found is node for found in gc.get_objects())
        del node
        gc.collect()
        assert kept() is not None
        collect_and_freeze()
        assert kept() is None
    finally:
        gc.unfreeze()


def test_a_poll_leaves_nothing_to_the_collection_behind_it_and_garbage_goes_in_time(monkeypatch):
    now = [1_000.0]
    monkeypatch.setattr(garbage_collection.time, "monotonic", lambda: now[0])
    try:
        collect_and_freeze()
        circle = Node()
        gone = weakref.ref(circle)
        freeze_between_polls()
        assert not any(found is circle for found in gc.get_objects())
        del circle
        gc.collect()
        assert gone() is not None
        now[0] += 121
        freeze_between_polls()
        assert gone() is None
    finally:
        gc.unfreeze()
