from core.figures.spread import Repeats, describe_spread, spread_figure

ROWS = [
    Repeats("rag", "Standard <b>RAG", (100.0, 300.0, 200.0), (400.0, 600.0, 500.0)),
    Repeats("cag", "KV-cache CAG", (50.0, 60.0, 70.0), (90.0, 80.0, 100.0)),
]


def test_every_measurement_is_a_mark_and_every_median_a_line():
    figure = spread_figure(ROWS)
    assert sum(len(trace.x) for trace in figure.data) == 12
    assert sorted(shape.x0 for shape in figure.layout.shapes) == [60.0, 90.0, 200.0, 500.0]
    assert "<b>RAG" not in figure.layout.yaxis.ticktext[0].replace("<b>Standard", "")


def test_first_and_last_token_differ_by_more_than_colour():
    first, last = spread_figure(ROWS).data[:2]
    assert first.marker.symbol == "circle-open" and last.marker.symbol == "circle"


def test_spread_in_words():
    words = describe_spread(ROWS)
    assert "KV-cache CAG, n = 3: first token 60 ms (50 ms to 70 ms)" in words
