from dataclasses import replace

import pytest

from core.corpus.chunking import Chunking
from core.corpus.store import fingerprint, load, save, write_corpus
from core.corpus.types import Box, Corpus, Passage, Question, Source
from core.errors import CorpusError
from core.workspace import Workspace

SOURCE = Source("a/등대.pdf", "1 Light", 3, 4, 10, 24, "0123456789abcdef" * 2)
BOXES = (Box(0, 4, 3, 62.7, 10.0, 80.1, 22.5), Box(5, 14, 4, 62.7, 700.0, 120.0, 712.5))
CORPUS = Corpus(
    "등대 notes.pdf",
    (
        Passage("a", "등대", "빛난다.\nTwo lines.", "topic", SOURCE, BOXES),
        Passage("b", "", 'A "quoted" text', row=True),
    ),
    {"dev": (Question("q", "Wer?", ("x", "y"), ("a", "b"), ("빛난다.", "A")),), "train": ()},
    Chunking(64, 16),
)


def test_what_is_saved_is_loaded(tmp_path):
    save(CORPUS, tmp_path / "corpus")
    assert load(tmp_path / "corpus") == replace(CORPUS, questions={"dev": CORPUS.questions["dev"]})


def test_files_are_plain_utf8(tmp_path):
    save(CORPUS, tmp_path)
    text = (tmp_path / "passages.jsonl").read_text(encoding="utf-8")
    assert "등대" in text
    assert len(text.strip().split("\n")) == 2


def test_a_folder_from_elsewhere_is_named_after_itself(tmp_path, tiny_corpus):
    save(tiny_corpus, tmp_path / "mine")
    (tmp_path / "mine" / "corpus.json").unlink()
    assert load(tmp_path / "mine").name == "mine"


def test_how_passages_are_cut_is_part_of_what_a_corpus_is(tmp_path):
    prints = set()
    for chunking in (Chunking(), Chunking(64), Chunking(64, 16)):
        ws = Workspace(tmp_path / f"ws-{chunking.length}-{chunking.overlap}")
        write_corpus(ws, replace(CORPUS, chunking=chunking))
        params = ws.manifest("corpus").params
        assert (params["length"], params["overlap"]) == (chunking.length, chunking.overlap)
        prints.add(ws.fingerprint("corpus"))
    assert len(prints) == 3


def test_a_corpus_of_an_earlier_version_is_cut_as_usual(tmp_path):
    save(CORPUS, tmp_path)
    (tmp_path / "corpus.json").write_text('{"name": "old"}')
    assert load(tmp_path).chunking == Chunking()


@pytest.mark.parametrize("damaged", ["{", '{"name": "x", "length": 1}', "[]"])
def test_a_damaged_name_is_refused(tmp_path, damaged):
    save(CORPUS, tmp_path)
    (tmp_path / "corpus.json").write_text(damaged)
    with pytest.raises(CorpusError, match="is damaged"):
        load(tmp_path)


def test_the_fingerprint_is_of_what_is_read(tmp_path):
    save(CORPUS, tmp_path)
    assert fingerprint(load(tmp_path).passages) == fingerprint(CORPUS.passages)


@pytest.mark.parametrize(
    "passages",
    [
        CORPUS.passages[::-1],
        CORPUS.passages[:1],
        (replace(CORPUS.passages[0], id="c"), CORPUS.passages[1]),
        (replace(CORPUS.passages[0], title="x"), CORPUS.passages[1]),
        (replace(CORPUS.passages[0], text="x"), CORPUS.passages[1]),
    ],
)
def test_the_fingerprint_tells_corpora_apart(passages):
    assert fingerprint(passages) != fingerprint(CORPUS.passages)


def test_the_fingerprint_overlooks_topics():
    assert fingerprint([replace(CORPUS.passages[0], topic="x"), CORPUS.passages[1]]) == fingerprint(CORPUS.passages)
