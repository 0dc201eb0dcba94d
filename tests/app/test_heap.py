import gc
import weakref

from app.heap import set_aside


class Node:
    def __init__(self):
        self.me = self


def test_what_is_alive_is_set_aside_and_garbage_goes():
    node, circle = Node(), Node()
    gone, kept = weakref.ref(circle), weakref.ref(node)
    try:
        del circle
        set_aside()
        assert gone() is None and kept() is node
        assert not any(found is node for found in gc.get_objects())
        del node
        gc.collect()
        assert kept() is not None
        set_aside()
        assert kept() is None
    finally:
        gc.unfreeze()
