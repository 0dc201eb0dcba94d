from core.labs.benchmarks.clock import Stopwatch, spread


def test_the_first_token_is_marked_once_and_waits_for_the_device():
    waited = []
    watch = Stopwatch(lambda: waited.append(1))
    watch.first()
    watch.first()
    clocked = watch.stop()
    assert 0 <= clocked.ttft_ms <= clocked.total_ms
    assert len(waited) == 3  # the beginning, the first token, the last


def test_without_a_first_token_the_last_one_is_the_first():
    clocked = Stopwatch().stop()
    assert clocked.ttft_ms == clocked.total_ms


def test_spread():
    assert spread([1.0, 2.0, 3.0, 4.0, 5.0]) == {"median": 3.0, "p10": 1.4, "p90": 4.6}
