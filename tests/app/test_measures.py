import pytest

from app.asking import Choices, Run
from app.widgets.measures import ledger, span_names, table
from core.methods.base import Answer
from core.trace import Span, Trace
from core.workspace import Manifest, Workspace, write_manifest


def answer(name, total_ms, *spans):
    trace = Trace(tuple(Span(*span) for span in spans), total_ms / 2, total_ms, 10, 20, 3, 2_500_000)
    return Answer(name, "Who?", "Pask", (), trace)


@pytest.fixture
def run():
    run = Run(Choices("sample", "Who?", ("cag", "rag"), True, 3), status="done")
    run.answers["rag"] = answer("rag", 1000.0, ("encode", 0.0, 5.0), ("prefill", 5.0, 800.0))
    run.answers["cag"] = answer("cag", 400.0, ("encode", 0.0, 5.0), ("load cache", 5.0, 90.0))
    return run


@pytest.fixture
def ws(tmp_path):
    ws = Workspace(tmp_path / "sample")
    with ws.write("memory", {}, {"train_s": 1200.0}) as folder:
        (folder / "z").write_bytes(b"z")
    caches = ws.folder("caches") / "tiny"
    caches.mkdir(parents=True)
    write_manifest(caches, Manifest("caches", {}, {"build_s": 60.0}))
    return ws


def test_rows_follow_the_order_in_which_the_arms_ran(run):
    assert [row["arm"] for row in table(run)] == ["KV-cache CAG", "Standard RAG"]


def test_a_span_that_an_arm_does_not_have_is_empty_not_zero(run):
    cag, rag = table(run)
    assert cag["prefill"] is None
    assert cag["load cache"] == 90.0
    assert rag["load cache"] is None
    assert rag["MB read"] == 2.5
    assert set(span_names(run)) == {"encode", "prefill", "load cache"}


def test_a_build_that_saves_pays_off(run, ws):
    (sentence,) = ledger(run, ws)
    assert "saved 600 ms" in sentence
    assert "pays off after **100 questions**" in sentence


def test_never_is_an_answer(run, ws):
    run.answers["memory"] = answer("memory", 1500.0)
    sentence = next(found for found in ledger(run, ws) if "Memory" in found)
    assert "20 min 00 s" in sentence
    assert "500 ms slower" in sentence
    assert "never" in sentence


def test_without_rag_there_is_nothing_to_weigh_against(run, ws):
    del run.answers["rag"]
    assert list(ledger(run, ws)) == []
