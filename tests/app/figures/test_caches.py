from app.figures.caches import CellSize, describe_sizes, sizes_figure

CELLS = [
    CellSize(0, "<i>lighthouse</i>, harbour", 900, 21_000_000, 3_600),
    CellSize(1, "orchard", 0, 0, 2_800),
]


def traces():
    return {trace.name: trace for trace in sizes_figure(CELLS).data if trace.name}


def test_every_cell_has_its_text_and_a_built_one_its_cache():
    drawn = traces()
    assert list(drawn["text"].x) == [3_600, 2_800]
    assert list(drawn["KV cache"].x) == [21_000_000]
    assert list(drawn["KV cache"].y) == [0]


def test_the_axis_is_logarithmic_and_says_so_in_sizes():
    figure = sizes_figure(CELLS)
    assert figure.layout.xaxis.type == "log"
    assert "10 MB" in figure.layout.xaxis.ticktext


def test_labels_of_cells_are_no_markup():
    figure = sizes_figure(CELLS)
    assert figure.layout.yaxis.ticktext[0].startswith("0 · &lt;i&gt;")
    assert "<i>" not in str(traces()["text"].customdata[0])


def test_sizes_in_words():
    assert describe_sizes(CELLS) == "2 cells: 6.4 KB of text, 21 MB of KV cache."
