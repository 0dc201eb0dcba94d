"""The retrieval bench: what it counts is what the ways find."""

from dataclasses import replace

import pytest

from core import pipeline
from core.corpus.types import Question
from core.errors import TesseraError
from core.labs.benchmarks import retrieval
from core.models.encoder import SentenceEncoder
from core.settings import Settings
from core.workspace import Workspace
from tests.models import TinyModels, tiny_sentence_encoder

SETTINGS = Settings(device="cpu")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, tiny_lm, tiny_corpus):
    folder = tmp_path_factory.mktemp("retrieval")
    models = TinyModels(SETTINGS, tiny_lm, SentenceEncoder(str(tiny_sentence_encoder(folder)), SETTINGS))
    questions = (
        Question("q1", "cider oak barrels", ("x",), ("p10",)),
        Question("q2", "bassoon", ("x",), ("p0",)),
        Question("q3", "nobody knows its passage", ("x",), ()),
    )
    ws = Workspace(folder / "tiny")
    list(pipeline.prepare_corpus(ws, models, replace(tiny_corpus, questions={"dev": questions})))
    return ws, models


def test_every_way_is_measured_on_the_same_questions(prepared):
    ws, models = prepared
    data = list(retrieval.run(ws, models, SETTINGS, 50, "dev", "maxsim", 30))[-1].data
    rows = {row.way: row for row in data["rows"]}
    assert data["encode_ms"] > 0 and len(rows) == 8
    for row in rows.values():
        assert row.n == 2  # one question's passage is not known
        assert list(row.recall) == [1, 3, 5, 10] and row.p99_ms >= row.p50_ms > 0
        assert sorted(row.recall.values()) == list(row.recall.values())
    flat, served = rows["vector in process"], rows["vector"]
    assert (flat.recall, flat.empty) == (served.recall, 0)
    required = rows["vector, among passages with every word"]
    assert required.recall[1] == 0.5 and required.empty == 1  # "bassoon" is in no passage
    assert rows["words (BM25)"].recall[1] == 0.5
    reranked = rows["vector in process, 10 re-ranked by maxsim"]
    assert reranked.recall[10] == flat.recall[10] and reranked.p50_ms > flat.p50_ms


def test_a_corpus_without_questions_is_refused(prepared):
    ws, models = prepared
    with pytest.raises(TesseraError, match="no train questions"):
        list(retrieval.run(ws, models, SETTINGS, 50, "train", "maxsim", 30))
