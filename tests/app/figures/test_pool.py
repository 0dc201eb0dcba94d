from itertools import pairwise

import numpy as np

from app.figures.memory import MOST_ROWS, describe_pool, drawn_rows, pool_figure

NORMS = np.array([[1.0, 2.0, 0.0], [3.0, 0.0, 0.0]], dtype=np.float32)


def test_a_row_is_a_document_and_its_title_is_no_markup():
    (trace,) = pool_figure(NORMS, ["<b>Loud</b> hill", "Lake"]).data
    assert np.array(trace.z).tolist() == NORMS.tolist()
    assert trace.customdata[0][0] == "&lt;b&gt;Loud&lt;/b&gt; hill"


def test_a_large_pool_is_thinned_evenly():
    rows = drawn_rows(2_000)
    assert len(rows) <= MOST_ROWS and rows[0] == 0 and len({b - a for a, b in pairwise(rows)}) == 1
    assert drawn_rows(3) == [0, 1, 2]


def test_in_words():
    assert describe_pool(NORMS) == (
        "Heat map of Z: 2 documents, 3 vectors each. Mean length of a vector 1.00; "
        "50% of the vectors hold next to nothing."
    )
