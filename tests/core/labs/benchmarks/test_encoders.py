"""Two encoders on one corpus."""

import pytest

from core.corpus.store import save
from core.errors import TesseraError
from core.labs.benchmarks import encoders
from core.settings import Settings
from tests.encoder import TinyEncoder
from tests.models import TinyModels


@pytest.fixture
def compare(tmp_path, tiny_lm, tiny_corpus, monkeypatch):
    """The last figures of a comparison of the tiny encoder with one that says the same of every text."""
    save(tiny_corpus, tmp_path / "corpus")
    settings = Settings(workspaces=tmp_path, encoder="tiny")

    class Blind(TinyEncoder):
        name, fingerprint = "blind", "blind"

        def encode_query(self, text):
            return super().encode_query("the same")

    def models(own):
        return TinyModels(own, tiny_lm, TinyEncoder() if own.encoder == "tiny" else Blind())

    monkeypatch.setattr(encoders, "Models", models)

    def run(split="dev", answered=0):
        *_, last = encoders.compare(settings, str(tmp_path / "corpus"), ["tiny", "blind"], split, answered=answered)
        return last.data["comparison"]

    return run


def test_recall_and_answers_are_set_against_the_first_encoder(compare, tiny_corpus):
    found = compare("train", answered=2)
    tiny, blind = found["encoders"]
    assert found["questions"] == len(tiny_corpus.questions["train"]) and found["answered"] == 2
    assert tiny["recall"][1]["mean"] > blind["recall"][1]["mean"]
    less = blind["recall"][1]["mean"] - tiny["recall"][1]["mean"]
    assert blind["recall_difference"][1]["mean"] == pytest.approx(less)
    assert tiny["recall_difference"][1]["mean"] == 0
    assert set(tiny["methods"]) == set(blind["differences"]) == {"rag", "cag"}
    assert tiny["cells"] >= 1 and tiny["passage_ms"] >= 0 and tiny["question_ms"] > 0


def test_a_corpus_without_questions_is_refused(compare):
    with pytest.raises(TesseraError, match="validation"):
        compare(split="validation")
