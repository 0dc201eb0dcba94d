import os
import subprocess
import sys
import threading

import pytest

from core.settings import ROOT
from core.stores.redis.connection import connection
from core.stores.redis.metrics import BUCKETS_MS, Metrics

COUNTING = """
import sys
from core.stores.redis.connection import connection
from core.stores.redis.metrics import Metrics
metrics = Metrics(connection(), sys.argv[1])
for number in range(100):
    metrics.record(float(number), 3, "exact" if number % 4 == 0 else "miss")
"""


@pytest.fixture
def metrics(request):
    metrics = Metrics(connection(), request.node.name)
    yield metrics
    connection().client().delete(f"tessera-metrics:{request.node.name}")


def test_nothing_has_happened_yet(metrics):
    counted = metrics.snapshot()
    assert (counted.queries, counted.average_ms, counted.hit_rate) == (0, 0.0, 0.0)
    assert counted.histogram == (0,) * (len(BUCKETS_MS) + 1)


def test_counts_times_and_hits(metrics):
    metrics.record(4.0, 3, "miss")
    metrics.record(5.0, 2, "exact", saved_ms=90.5)
    metrics.record(60.0, 0, "semantic", saved_ms=9.5)
    metrics.record(99_999.0, 5, "bypass")
    counted = metrics.snapshot()
    assert (counted.queries, counted.documents, counted.saved_ms) == (4, 10, 100.0)
    assert counted.average_ms == pytest.approx((4 + 5 + 60 + 99_999) / 4)
    assert counted.hit_rate == pytest.approx(2 / 3)
    assert counted.outcomes == {"exact": 1, "semantic": 1, "miss": 1, "bypass": 1}
    assert (counted.histogram[0], counted.histogram[BUCKETS_MS.index(100)], counted.histogram[-1]) == (2, 1, 1)


def test_the_average_is_right_under_many_threads_and_processes(metrics, request):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    processes = [
        subprocess.Popen([sys.executable, "-c", COUNTING, request.node.name], cwd=ROOT, env=environment)
        for _ in range(2)
    ]

    def count():
        for number in range(50):
            metrics.record(float(number), 1, "miss")
            seen = metrics.snapshot()
            assert sum(seen.histogram) == sum(seen.outcomes.values()) == seen.queries

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait() for process in processes] == [0, 0]
    counted = metrics.snapshot()
    total = 2 * sum(range(100)) + 8 * sum(range(50))
    assert counted.queries == 2 * 100 + 8 * 50
    assert counted.documents == 2 * 300 + 8 * 50
    assert counted.average_ms == pytest.approx(total / 600)
    assert counted.outcomes["exact"] == 50
