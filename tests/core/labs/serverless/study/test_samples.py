import pytest

from core.labs.serverless.study.samples import distribution, gigabyte_seconds, summarise
from tests.core.labs.serverless.study.conftest import record, sample


def test_a_distribution_of_known_values():
    found = distribution([float(value) for value in range(101)])
    assert (found.n, found.mean, found.p50, found.p90, found.p99) == (101, 50, 50, 90, 99)
    assert found.cdf[0] == 0 and found.cdf[50] == 50 and found.cdf[100] == 100
    assert distribution([]) is None


def test_gigabyte_seconds_are_memory_times_billed_time():
    assert gigabyte_seconds(record(memory=2048, billed=500)) == 1.0


def test_a_load_is_counted_by_outcome_and_split_by_cold_start():
    cold = (record(cold=True, billed=900, init=400.0),)
    load = summarise(
        [
            sample(0.0, 1000.0, records=cold, ms=500.0),
            sample(0.5, 100.0),
            sample(1.2, 300.0),
            sample(1.5, 1.0, "throttled"),
            sample(1.9, 2.0, "crash"),
        ]
    )
    assert load.requests == 5 and load.outcomes == {"ok": 3, "throttled": 1, "timeout": 0, "crash": 1, "error": 0}
    assert load.seconds == pytest.approx(1.902) and load.throughput_rps == pytest.approx(3 / 1.902)
    assert (load.latency.n, load.latency.p50) == (3, 300.0)
    assert (load.cold_starts, load.init_ms) == (1, 400.0)
    assert load.stages == {"retrieval": 10.0}
    billed = load.billing["retrieval"]
    assert (billed.warm, billed.cold) == (3, 1) and billed.cold_gb_s == 0.9


def test_a_load_without_any_request_is_empty():
    load = summarise([])
    assert load.requests == 0 and load.latency is None and load.throughput_rps == 0
