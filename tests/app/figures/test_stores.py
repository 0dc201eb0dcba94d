from dataclasses import replace

from app.figures.stores import describe_recall, recall_figure
from core.labs.benchmarks.store_verdict import Measured

FLAT = Measured("faiss-flat", {}, 1.0, None, 4.0, 5.0, 250.0, 400.0, 0.1, 100, 100)
IVF = replace(FLAT, store="faiss-ivf", options={"nprobe": 8}, recall=0.97, qps_1=1000.0)
ROWS = [
    FLAT,
    IVF,
    replace(IVF, options={"nprobe": 1}, recall=0.6, qps_1=900.0, dominated=True),
    replace(FLAT, store="bm25", recall=None),
    replace(FLAT, store="<b>gone</b>"),
]


def test_a_line_per_store_and_hollow_marks_for_what_is_beaten():
    lines = {line.name: line for line in recall_figure(ROWS).data}
    assert set(lines) == {"FAISS flat", "FAISS IVF", "&lt;b&gt;gone&lt;/b&gt;"}
    assert list(lines["FAISS IVF"].x) == [0.6, 0.97]
    assert [symbol.endswith("-open") for symbol in lines["FAISS IVF"].marker.symbol] == [True, False]


def test_the_axes_hold_every_mark():
    figure = recall_figure(ROWS)
    assert figure.layout.xaxis.range[0] < 0.6 and figure.layout.xaxis.range[1] > 1.0
    assert figure.layout.yaxis.type == "log"
    assert recall_figure([]).data == ()


def test_in_words_it_names_what_is_worth_taking():
    text = describe_recall(ROWS)
    assert "FAISS IVF nprobe 8: 0.970 at 1,000" in text and "nprobe 1:" not in text
    assert "none" in describe_recall([])
