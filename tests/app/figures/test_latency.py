from app.figures.latency import describe_latency, labels, latency_figure


def test_a_bar_for_each_bucket_and_one_beyond():
    figure = latency_figure((5, 1000, 2500), (0, 2, 1, 3))
    assert list(figure.data[0].x) == ["≤ 5 ms", "≤ 1 s", "≤ 2.5 s", "> 2.5 s"] == labels((5, 1000, 2500))
    assert list(figure.data[0].y) == [0, 2, 1, 3]


def test_in_words():
    assert describe_latency((5, 10), (0, 2, 1)) == "3 answers by time: 2 ≤ 10 ms, 1 > 10 ms."
    assert describe_latency((5, 10), (0, 0, 0)) == "0 answers by time."
