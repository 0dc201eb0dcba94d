from app.figures.storage import StoredSize, describe_storage, storage_figure

THINGS = [StoredSize("text", 80_000), StoredSize("Z", 7_700_000, "memory"), StoredSize("KV caches", 0, "cag")]


def test_what_is_there_is_drawn_on_one_logarithmic_axis():
    figure = storage_figure(THINGS)
    (trace,) = figure.data
    assert list(trace.x) == [80_000, 7_700_000]
    assert figure.layout.xaxis.type == "log"
    assert list(figure.layout.yaxis.ticktext) == ["text", "Z"]


def test_in_words():
    assert describe_storage(THINGS) == "On disk: text: 80 KB; Z: 7.7 MB."
