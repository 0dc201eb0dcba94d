"""One break-even: every place that shows one computes the same number from the same clocks."""

from dataclasses import replace

import pytest

from app import state
from app.views.compare.break_even import accounts_of, break_evens
from core import jsonl
from core.cost import BreakEven, build_seconds, cheapest
from core.evaluation.report import to_html
from core.evaluation.runs import ANSWERS_FILE
from core.evaluation.summary import summarise
from core.manifest import read_manifest, write_manifest
from core.methods.base import Answer
from core.methods.comparison import Choices, Run
from core.trace import Trace
from tests.core.evaluation.conftest import built, finished, models, plan, resources  # noqa: F401  (fixtures)

BUILT_S = {"corpus": 1.0, "embeddings": 2.0, "index": 4.0, "partition": 8.0, "projection": 16.0, "blocks": 32.0}
EXTRA_S = 8.0 + 32.0 - 4.0
"""What CAG needs and RAG does not, less what RAG needs and CAG does not; the projection is nobody's."""
RAG_MS, CAG_MS = (1000.0, 1050.0, 1100.0), (300.0, 450.0, 600.0)
QUESTIONS = 60
"""36 s at (1050 - 450) ms a question."""


@pytest.fixture
def clocked(resources, finished, monkeypatch):  # noqa: F811
    """A run of RAG and CAG whose builds and questions took what stands above."""
    ws = resources.workspace
    for kind, seconds in BUILT_S.items():
        for folder in ws.variants(kind):
            write_manifest(folder, replace(read_manifest(folder), build_s=seconds))
    folder = finished("rag,cag")
    rows = list(jsonl.read(folder / ANSWERS_FILE))
    for name, clocks in (("rag", RAG_MS), ("cag", CAG_MS)):
        for number, row in enumerate(row for row in rows if row["method"] == name):
            row["trace"]["total_ms"] = clocks[number % 3]
    (folder / ANSWERS_FILE).unlink()
    for row in rows:
        jsonl.append(folder / ANSWERS_FILE, row)
    monkeypatch.setattr(state, "models", lambda: resources.models)
    return folder


def compared(ws):
    traces = {
        name: [Trace((), ms / 2, ms, 1, 1, 1, 1) for ms in clocks]
        for name, clocks in (("rag", RAG_MS), ("cag", CAG_MS))
    }
    run = Run(Choices(ws.name, "Who?", ("rag", "cag"), True, 2), repeats=traces)
    run.answers = {name: Answer(name, "Who?", "", (), found[0]) for name, found in traces.items()}
    return accounts_of(run, ws)


def test_every_place_shows_the_same_break_even(clocked, resources):  # noqa: F811
    ws, expected = resources.workspace, BreakEven(EXTRA_S, 600.0, QUESTIONS)
    summary = summarise(clocked)
    assert summary["efficiency"]["cag"]["break_even"] == pytest.approx(vars(expected))
    assert f"<td>{QUESTIONS}</td>" in to_html(clocked)
    rag, cag = compared(ws)
    assert cag.against(rag) == expected
    (sentence,) = break_evens([rag, cag])
    assert f"**{QUESTIONS} questions**" in sentence
    assert cheapest([cag, rag], QUESTIONS) is cag and cheapest([cag, rag], QUESTIONS - 1) is rag


def test_a_shipped_memory_costs_what_its_training_took(resources):  # noqa: F811
    manifest = resources.workspace.manifest("memory")
    trained = replace(manifest, params={**manifest.params, "train_s": 1200.0}, build_s=0.1)
    assert build_seconds(trained) == 1200.0
    assert build_seconds(replace(trained, params={**trained.params, "earlier_s": 300.0})) == 1500.0
    assert build_seconds(replace(manifest, params={}, build_s=0.1)) == 0.1
    assert build_seconds(None) == 0.0
