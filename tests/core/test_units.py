import pytest

from core.units import duration, milliseconds, plural, seconds, size


@pytest.mark.parametrize(
    ("ms", "text"), [(0.04, "0.0 ms"), (0.44, "0.4 ms"), (9.94, "9.9 ms"), (9.96, "10 ms"), (1240.4, "1,240 ms")]
)
def test_milliseconds(ms, text):
    assert milliseconds(ms) == text


@pytest.mark.parametrize(("ms", "text"), [(412.2, "412 ms"), (999.4, "999 ms"), (999.6, "1.00 s"), (61_234, "61.23 s")])
def test_seconds(ms, text):
    assert seconds(ms) == text


@pytest.mark.parametrize(
    ("s", "text"), [(0.3, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (4320, "1 h 12 min")]
)
def test_duration(s, text):
    assert duration(s) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (812, "812 B"),
        (1000, "1 KB"),
        (999_600, "1 MB"),
        (27_100_000, "27.1 MB"),
        (271_000_000, "271 MB"),
        (5e15, "5,000 TB"),
    ],
)
def test_size(count, text):
    assert size(count) == text


def test_plural():
    assert plural(1, "cell") == "1 cell"
    assert plural(1204, "cell") == "1,204 cells"
