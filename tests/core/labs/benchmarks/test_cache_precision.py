"""The table of precisions, and load times, on tiny cells."""

import pytest

from core.errors import TesseraError
from core.kvcache.build import build_cells
from core.kvcache.store import CacheStore
from core.labs.benchmarks.cache_loading import can_drop, drop_from_page_cache, measure_loading
from core.labs.benchmarks.cache_precision import COMPARED, RoutedQuestion, choose_questions, precision_table


@pytest.fixture
def cells(tiny_corpus):
    return [list(tiny_corpus.passages[:4]), list(tiny_corpus.passages[4:8]), list(tiny_corpus.passages[8:])]


@pytest.fixture
def asked(tiny_corpus):
    train, dev = tiny_corpus.questions["train"], tiny_corpus.questions["dev"]
    return [RoutedQuestion(train[0], 0), RoutedQuestion(train[1], 1), RoutedQuestion(dev[0], 2)]


def test_every_precision_is_measured_against_the_models_own(tiny_lm, cells, asked):
    steps = list(precision_table(tiny_lm, cells, asked[:2], limit=4, repeats=1))
    found = steps[-1].data
    assert (found["reference"], found["cells"], found["n"]) == ("float32", 2, 2)
    rows = {row["precision"]: row for row in found["rows"]}
    assert tuple(rows) == COMPARED
    assert rows["float32"]["max_logit_error"] == 0 and rows["float32"]["same_answer"] == 1
    sizes = [rows[name]["bytes_per_1000_tokens"] for name in ("float32", "bfloat16", "int8", "int4")]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == pytest.approx(1000 * tiny_lm.kv_bytes_per_token, rel=0.05)
    errors = [rows[name]["mean_logit_error"] for name in ("float32", "bfloat16", "int8", "int4")]
    assert errors == sorted(errors) and errors[-1] > 0
    assert all(row["warm_ms"] > 0 and 0 <= row["em"] <= row["f1"] <= 1 for row in rows.values())
    assert [step.done for step in steps if step.stage == "Loading and asking"][-1] == steps[-1].total


def test_questions_are_those_of_the_first_cells_met(asked):
    assert [entry.cell for entry in choose_questions([*asked, asked[0]], cells=2, questions=9)] == [0, 1, 0]
    assert len(choose_questions([*asked, asked[0]], cells=2, questions=2)) == 2


def test_without_a_question_it_is_refused(tiny_lm, cells):
    with pytest.raises(TesseraError, match="no question"):
        list(precision_table(tiny_lm, cells, [], limit=4))


def test_loads_are_timed_in_every_way(tmp_path, tiny_lm, cells):
    list(build_cells(tmp_path, tiny_lm, cells, {}))
    store = CacheStore(tmp_path)
    times = measure_loading(store, tiny_lm, 1, repeats=2)
    assert times.bytes == store.entry(1).bytes
    assert min(times.warm, times.mapped, times.touched, times.read) > 0
    assert (times.cold is not None) == can_drop()


def test_a_system_that_cannot_drop_the_page_cache_says_so(tmp_path, monkeypatch):
    monkeypatch.delattr("core.labs.benchmarks.cache_loading.os.posix_fadvise", raising=False)
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with pytest.raises(TesseraError, match="Linux"):
        drop_from_page_cache(path)
