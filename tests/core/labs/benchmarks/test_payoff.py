"""The break-even of caches, measured on the tiny workspace and kept there."""

import pytest

from core import pipeline
from core.cost import build_seconds
from core.errors import TesseraError
from core.labs.benchmarks.payoff import Clocks, Payoff, measure_payoff, saved_payoff
from core.methods.resources import Resources
from core.settings import Settings
from core.voronoi.partition import PartitionConfig
from core.workspace import Workspace
from tests.models import TinyModels


@pytest.fixture
def resources(tiny_lm, tiny_encoder, tiny_corpus, tmp_path):
    models = TinyModels(Settings(workspaces=tmp_path, max_new_tokens=4), tiny_lm, tiny_encoder)
    ws = Workspace(tmp_path / "tiny")
    list(pipeline.prepare_corpus(ws, models, tiny_corpus))
    list(pipeline.cluster(ws, models, models.settings, PartitionConfig(auto_k=False, k=3)))
    list(pipeline.blocks(ws, models, models.settings))
    return Resources(ws, models, models.settings)


def test_both_methods_are_clocked_on_every_question_and_the_clocks_kept(resources, tiny_corpus):
    ws, questions = resources.workspace, tiny_corpus.questions["test"]
    fingerprint = ws.fingerprint("blocks")
    assert saved_payoff(ws, fingerprint) is None
    steps = list(measure_payoff(resources, questions))
    assert (steps[-1].done, steps[-1].total) == (2, 2)
    found = saved_payoff(ws, fingerprint)
    assert found.questions == 2
    for clocks in (found.rag, found.cag):
        assert all(0 < first <= last for first, last in zip(clocks.ttft_ms, clocks.total_ms, strict=True))
    assert saved_payoff(ws, "other blocks") is None


def test_the_saving_is_the_difference_of_medians(resources):
    ws = resources.workspace
    clocks = Clocks((1.0,) * 3, (10.0, 20.0, 30.0)), Clocks((1.0,) * 3, (9.0, 5.0, 28.0))
    found = Payoff("f", "m", "float32", "cpu", *clocks).break_even(ws, "faiss-flat", {})
    assert found.saving_ms == 11.0
    extra = sum(build_seconds(ws.manifest(kind)) for kind in ("partition", "blocks"))
    assert found.build_s == pytest.approx(extra - build_seconds(ws.manifest("index")))
    turned = Payoff("f", "m", "float32", "cpu", *clocks[::-1])
    assert turned.break_even(ws, "faiss-flat", {}).saving_ms == -11.0


def test_a_damaged_file_and_no_question_are_sentences(resources):
    path = resources.workspace.path / "runs" / "payoff.json"
    path.parent.mkdir()
    path.write_text("{")
    with pytest.raises(TesseraError, match="damaged"):
        saved_payoff(resources.workspace, "x")
    with pytest.raises(TesseraError, match="no question"):
        list(measure_payoff(resources, []))
