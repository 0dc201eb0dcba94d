"""Questions that are written for a corpus: where they come from, which stay, and what they leave alone."""

import pytest

from core import pipeline
from core.corpus.store import load
from core.corpus.types import GENERATED, Corpus, Passage, Question
from core.errors import TesseraError
from core.evaluation import generated as module
from core.evaluation.generated import edit, generate, generated
from core.settings import Settings
from core.workspace import Workspace
from tests.models import TinyModels

PASSAGES = (
    Passage("a", "Mill", "The mill of Brae was built by Rosa Venn in 1804. It has 4 sails."),
    Passage("b", "Bell", "The bell rings at 12:30. Nobody knows why it is so loud."),
    Passage("t", "Boats", "Boat: Grey Gull; Length (m): 9; Berth: Coal Basin."),
    Passage("c", "Fog", "there is nothing to ask about here."),
)


class Reader:
    """Says what stands in the passage up to its first full stop."""

    def stream(self, question, passages, tracer):
        yield passages[0].text.partition(".")[0]


@pytest.fixture
def models(tiny_lm, tiny_encoder, tmp_path):
    return TinyModels(Settings(workspaces=tmp_path), tiny_lm, tiny_encoder)


@pytest.fixture
def ws(models, tmp_path):
    ws = Workspace(tmp_path / "own")
    list(pipeline.prepare_corpus(ws, models, Corpus("own", PASSAGES, {})))
    return ws


@pytest.fixture
def written(monkeypatch):
    """A writer that asks for everything, and a reader that answers from first sentences alone."""
    monkeypatch.setattr(module, "write_question", lambda lm, sentence, answer: f"{sentence} What of {answer!r}?")
    monkeypatch.setattr(module, "open_engine", lambda models, settings: Reader())


def test_those_stay_that_are_answered_from_their_passage(ws, models, written):
    before = {kind: ws.fingerprint(kind) for kind in ("corpus", "embeddings", "index")}
    steps = list(generate(ws, models, models.settings, wanted=9))
    found = generated(ws.read("corpus", load))
    assert {(q.answers, q.passage_ids) for q in found} == {
        (("Rosa Venn",), ("a",)),
        (("1804",), ("a",)),
        (("12:30",), ("b",)),
    }
    assert all(q.kind == GENERATED and q.answers[0] in q.evidence[0] for q in found)
    assert steps[-1].data == {"questions": 3}
    assert before == {kind: ws.fingerprint(kind) for kind in before}
    assert all(ws.state(kind).status == "ready" for kind in before)


def test_a_question_of_something_else_is_left_out(ws, models, written, monkeypatch):
    monkeypatch.setattr(module, "write_question", lambda lm, sentence, answer: "What colour has the queen's crown?")
    with pytest.raises(TesseraError):
        list(generate(ws, models, models.settings, wanted=1))


def test_written_anew_they_take_the_place_of_the_old_ones(ws, models, written):
    list(generate(ws, models, models.settings, wanted=1))
    list(generate(ws, models, models.settings, wanted=2, seed=3))
    assert len(ws.read("corpus", load).questions["dev"]) == 2


def test_a_model_that_writes_none_says_so(ws, models):
    with pytest.raises(TesseraError, match="No question was answered"):
        list(generate(ws, models, models.settings, wanted=1))
    assert ws.read("corpus", load).questions == {}


def test_edited_ones_are_kept(ws):
    own = (Question("own-01", "Who built it?", ("Rosa Venn",), ("a",), kind=GENERATED),)
    edit(ws, own)
    assert generated(ws.read("corpus", load)) == own and ws.state("index").status == "ready"
