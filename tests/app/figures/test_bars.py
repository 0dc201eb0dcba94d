from app.figures.bars import Amount, bars_figure, describe_bars

AMOUNTS = [Amount("<b>text</b>", 10, "10 bytes"), Amount("cache", 1000, "1 KB", marked=True)]


def test_names_are_no_markup_and_marks_are_not_colour_alone():
    figure = bars_figure(AMOUNTS, "bytes", log=True)
    (trace,) = figure.data
    assert figure.layout.yaxis.ticktext[0] == "&lt;b&gt;text&lt;/b&gt;"
    assert figure.layout.xaxis.type == "log"
    assert list(trace.text) == ["10 bytes", "1 KB ◂"]
    assert trace.marker.color[0] != trace.marker.color[1]


def test_long_names_are_cut():
    assert len(bars_figure([Amount("n" * 200, 1, "1")], "x").layout.yaxis.ticktext[0]) < 60


def test_bars_in_words():
    assert describe_bars(AMOUNTS, "Bytes") == "Bytes: <b>text</b> 10 bytes; cache 1 KB."


def test_a_logarithmic_axis_names_powers_of_ten_alone():
    amounts = [Amount("text", 4_000, "4 KB"), Amount("cache", 22_000_000, "22 MB")]
    assert bars_figure(amounts, "bytes", log=True).layout.xaxis.dtick == 1
    assert bars_figure(amounts, "bytes").layout.xaxis.dtick is None
