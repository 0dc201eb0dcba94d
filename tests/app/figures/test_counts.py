from app.figures.counts import bytes_figure, describe_counts, token_counts, tokens_figure
from app.figures.timing import MethodTiming
from core.trace import Trace

ARMS = [
    MethodTiming("RAG", Trace((), 1.0, 2.0, 1400, 0, 6, 200_000)),
    MethodTiming("CAG", Trace((), 1.0, 2.0, 21, 1200, 5, 27_000_000)),
]


def test_tokens_by_where_they_came_from():
    assert token_counts(ARMS[1]) == {"prefilled": 21, "from a cache": 1200, "generated": 5}


def test_stacked_tokens_carry_the_counts():
    drawn = {trace.name: list(trace.x) for trace in tokens_figure(ARMS).data}
    assert drawn == {"prefilled": [1400, 21], "from a cache": [0, 1200], "generated": [6, 5]}


def test_bytes_are_drawn_in_megabytes_and_written_as_people_read_them():
    (trace,) = bytes_figure(ARMS).data
    assert list(trace.x) == [0.2, 27.0]
    assert list(trace.text) == ["200 KB", "27 MB"]


def test_nothing_read_still_draws():
    figure = bytes_figure([MethodTiming("none", Trace((), 0.0, 0.0, 0, 0, 0, 0))])
    assert figure.layout.xaxis.range[1] > 0


def test_counts_in_words():
    assert "CAG: 21 tokens prefilled, 1,200 tokens from a cache, 5 tokens generated, 27 MB read" in describe_counts(
        ARMS
    )
