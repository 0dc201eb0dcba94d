from dataclasses import asdict

import pytest
import torch

from core.labs.benchmarks import cache_exactness
from core.labs.benchmarks.cache_exactness import check_blocks, check_cells, verify
from core.models.kv_buffer import new_buffer
from tests.models import tiny_language_model


@pytest.fixture()
def cells(tiny_corpus):
    passages = tiny_corpus.passages
    return [list(passages[:4]), list(passages[4:8]), list(passages[8:])]


def test_all_checks_pass_on_a_model_that_is_right(cells, tiny_lm):
    steps = list(verify(cells, lambda dtype: tiny_lm, "float32", count=2))
    checks = [step.data for step in steps if step.data]
    assert [check["passed"] for check in checks] == [True] * 5
    assert steps[-1].done == steps[-1].total == len(checks)


def test_another_number_format_is_reported_without_a_bound(cells, tiny_lm):
    def load(dtype):
        if dtype == "float32":
            return tiny_lm
        half = tiny_language_model()
        half.model.to(torch.bfloat16)
        half.identity = type(half.identity)(**{**asdict(half.identity), "dtype": dtype})
        return half

    steps = list(verify(cells[:1], load, "bfloat16", count=5))
    checks = [step.data for step in steps if step.data]
    assert steps[-1].done == steps[-1].total
    reported = [check for check in checks if check["dtype"] == "bfloat16"]
    assert len(reported) == 2 and all(check["passed"] is None for check in reported)
    assert all(check["passed"] for check in checks if check["dtype"] == "float32")


def test_a_cache_that_was_tampered_with_fails(cells, tiny_lm, monkeypatch):
    from core.kvcache.cell_file import LoadedCache

    honest = LoadedCache.cache

    def tampered(self):
        cache = honest(self)
        cache.layers[0].values = cache.layers[0].values * 1.05
        return cache

    monkeypatch.setattr(LoadedCache, "cache", tampered)
    found = {check.name: check for check in check_cells(tiny_lm, cells[:2], ["Who?", "What?"])}
    assert found["Cell cache against prefill"].passed is False
    assert found["Saved and loaded"].passed is True


def test_blocks_that_have_seen_each_other_fail(cells, tiny_lm, monkeypatch):
    def as_a_whole(lm, head, blocks):
        session = lm.session()
        session.prefill(lm.prompt.context(cells[0][:3]))
        return session

    monkeypatch.setattr(cache_exactness, "join", as_a_whole)
    found = {check.name: check for check in check_blocks(tiny_lm, cells[0])}
    assert found["Joined blocks against a block mask"].passed is False


def test_blocks_that_are_not_moved_to_their_place_fail(cells, tiny_lm, monkeypatch):
    def unmoved(lm, head, blocks):
        return lm.session(new_buffer(len(head), head, *blocks))

    monkeypatch.setattr(cache_exactness, "join", unmoved)
    (check,) = check_blocks(tiny_lm, cells[0])
    assert check.passed is False
