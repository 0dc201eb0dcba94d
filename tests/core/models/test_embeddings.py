from core.corpus.types import Corpus, Passage
from core.models.embeddings import truncation_warning
from core.models.encoder import truncated_rows
from core.pipeline import prepare_corpus
from core.settings import Settings
from core.workspace import Workspace
from tests.models import TinyModels


def test_a_passage_longer_than_the_encoder_reads_is_warned_about(tmp_path, tiny_lm, tiny_encoder, monkeypatch):
    monkeypatch.setattr(type(tiny_encoder), "max_tokens", 8)
    texts = ["short", "one two three four five six seven eight nine", "a-word-of-many-bytes but of few words"]
    assert truncated_rows(tiny_encoder, texts) == [1]
    passages = tuple(Passage(f"p{row}", "", text) for row, text in enumerate(texts))
    ws = Workspace(tmp_path / "long")
    list(
        prepare_corpus(ws, TinyModels(Settings(workspaces=tmp_path), tiny_lm, tiny_encoder), Corpus("x", passages, {}))
    )
    warning = truncation_warning(ws)
    assert "reads 8 tokens" in warning and "by their beginning alone: 1." in warning


def test_nothing_is_said_where_all_is_read(tmp_path, tiny_lm, tiny_encoder, tiny_corpus):
    ws = Workspace(tmp_path / "short")
    list(prepare_corpus(ws, TinyModels(Settings(workspaces=tmp_path), tiny_lm, tiny_encoder), tiny_corpus))
    assert truncation_warning(ws) is None
