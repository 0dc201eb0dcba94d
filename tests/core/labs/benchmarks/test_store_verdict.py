from dataclasses import replace

import pytest

from core.labs.benchmarks.store_verdict import Measured, mark_dominated, verdict

FLAT = Measured("faiss-flat", {}, 1.0, None, 4.0, 5.0, 250.0, 400.0, 0.1, 100, 100)
IVF = replace(FLAT, store="faiss-ivf", options={"nprobe": 8}, recall=0.97, p50_ms=1.0, qps_1=1000.0, build_s=3.1)


def test_a_setting_that_another_beats_is_marked():
    worse = replace(IVF, recall=0.9, qps_1=900.0)
    slower = replace(FLAT, qps_1=200.0)
    words = replace(FLAT, store="bm25", recall=None, qps_1=1.0)
    marks = [row.dominated for row in mark_dominated([FLAT, IVF, worse, slower, words])]
    assert marks == [False, False, True, True, False]


def test_twins_do_not_beat_each_other():
    assert [row.dominated for row in mark_dominated([IVF, IVF])] == [False, False]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([FLAT, IVF], "Approximation wins: FAISS IVF (nprobe 8) with recall 0.970 takes 1.000 ms, 4.0 times"),
        ([FLAT, IVF], "pays off after 1,000 questions"),
        ([FLAT, replace(IVF, build_s=0.1)], "builds no slower"),
        ([FLAT, replace(IVF, p50_ms=4.5)], "Flat wins: FAISS flat is exact and takes 4.000 ms"),
        ([FLAT, replace(IVF, recall=0.9)], "Flat wins: no approximate setting reaches a recall of 0.95"),
        ([IVF], "nothing to compare with"),
    ],
)
def test_the_verdict_says_who_wins_and_when_a_build_pays(rows, says):
    assert says in verdict(rows)
