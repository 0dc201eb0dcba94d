"""The workspace of the method tests, with room for runs, and rows of answers to score."""

from __future__ import annotations

import shutil

import pytest

from core.evaluation.harness import evaluate
from core.evaluation.runs import Plan, run_folder
from core.evaluation.variants import parse_variants
from core.methods.resources import Resources
from core.workspace import Workspace
from tests.core.methods.conftest import built, models  # noqa: F401  (fixtures)

EVERY_METHOD = "closed-book,bm25,rag,cag,memory,oracle,wrong-cell,shuffled-memory"


@pytest.fixture
def resources(built, models, tmp_path) -> Resources:  # noqa: F811
    """A copy of the built workspace: runs are written into it."""
    shutil.copytree(built.path, tmp_path / "tiny")
    return Resources(Workspace(tmp_path / "tiny"), models, models.settings)


@pytest.fixture
def plan(tiny_corpus):
    """Makes a plan of some methods over the tiny corpus' questions."""

    def make(methods=EVERY_METHOD, questions=None, seed=0) -> Plan:
        everything = tuple(q for group in tiny_corpus.questions.values() for q in group)
        asked = everything if questions is None else questions
        return Plan(parse_variants(methods), asked, "tiny questions", len(everything), seed)

    return make


@pytest.fixture
def finished(resources, plan):
    """A finished run of some methods: its folder."""

    def run(methods="closed-book,rag,cag", **options):
        made = plan(methods, **options)
        folder = run_folder(resources, made)
        list(evaluate(resources, made, folder))
        return folder

    return run


def row(answer="Oren Pask", golds=("Oren Pask",), found=("p0",), gold=("p0",), **more):
    """A line of answers.jsonl."""
    texts = more.pop("texts", ["Oren Pask built the lighthouse."] * len(found))
    evidence = [
        {"passage_id": i, "title": "", "text": text, "score": 1.0} for i, text in zip(found, texts, strict=True)
    ]
    trace = {"spans": [], "ttft_ms": 10.0, "total_ms": 20.0, "prompt_tokens": 5, "cached_tokens": 0}
    trace |= {"generated_tokens": 2, "bytes_touched": 0}
    return {
        "method": "rag",
        "key": "k",
        "question_id": "q",
        "question": "Who built the lighthouse?",
        "kind": "",
        "golds": list(golds),
        "passage_ids": list(gold),
        "gold_evidence": ["Oren Pask built the lighthouse."],
        "answer": answer,
        "evidence": evidence,
        "trace": trace,
        "details": {},
        **more,
    }
