import json
from dataclasses import asdict

import pytest

from app.export import to_json
from core.corpus.types import Question, Source
from core.methods.base import Answer, Evidence
from core.methods.comparison import Choices, Run, RunContext
from core.trace import Span, Trace

SOURCE = Source("bells.pdf", "6 Hours", 3, 4, 120, 124)


@pytest.fixture
def run():
    run = Run(
        Choices("sample", "Who built it?", ("rag", "cag"), True, 3),
        gold=Question("q", "Who built it?", ("Oren Pask", "Pask")),
        status="done",
        context=RunContext("tiny", True, "mini", "CPU, 2 threads", "bfloat16"),
    )
    trace = Trace((Span("prefill", 1.0, 20.0),), 25.126, 40.0, 100, 7, 3, 5_000)
    evidence = (
        Evidence("p1", "Lighthouse", "Text, with comma\nand line", 0.9),
        Evidence("p2", "Bell", "ding", 0.4, SOURCE),
    )
    run.answers["rag"] = Answer("rag", "Who built it?", "=HYPERLINK(1)", evidence, trace, {"top_k": 2})
    run.failures["cag"] = ("No caches.", "Build them.")
    return run


def test_json_keeps_everything(run):
    (kept,) = json.loads(to_json([run]))
    answer = kept["answers"][0]
    assert answer["trace"]["spans"] == [{"name": "prefill", "start_ms": 1.0, "ms": 20.0}]
    assert [piece["passage_id"] for piece in answer["evidence"]] == ["p1", "p2"]
    assert [piece["cited"] for piece in answer["evidence"]] == ["Lighthouse", "bells.pdf, pp. 3-4 · 6 Hours"]
    assert answer["evidence"][1]["source"] == asdict(SOURCE)
    assert kept["failures"]["cag"] == {"error": "No caches.", "remedy": "Build them."}
    assert (kept["model"], kept["dtype"], kept["device"], kept["n"]) == ("tiny", "bfloat16", "CPU, 2 threads", 1)
    assert kept["gold"] == ["Oren Pask", "Pask"]
