import threading

import pytest

from app.gradio.thread_bridge import relay


def test_items_come_in_order_from_one_other_thread():
    def count():
        for _ in range(200):
            yield threading.get_ident()

    threads = list(relay(count, threading.Event()))
    assert len(threads) == 200
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


def test_an_error_reaches_the_reader_after_what_came_before_it():
    def fail():
        yield 1
        raise ZeroDivisionError

    items = relay(fail, threading.Event())
    assert next(items) == 1
    with pytest.raises(ZeroDivisionError):
        next(items)


def test_closing_from_any_thread_ends_the_work_in_its_own():
    began, ended = [], threading.Event()

    def forever():
        began.append(threading.get_ident())
        try:
            while True:
                yield 0
        finally:
            began.append(threading.get_ident())
            ended.set()

    items = relay(forever, threading.Event())
    next(items)
    closer = threading.Thread(target=items.close)
    closer.start()
    closer.join()
    assert ended.wait(60)
    assert began[0] == began[1]
