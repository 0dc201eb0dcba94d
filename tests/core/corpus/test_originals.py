from dataclasses import replace

from core.corpus.originals import digest_of, keep_originals, original
from core.corpus.types import Corpus, Passage, Source
from core.workspace import Workspace

PDF, TEXT = b"%PDF-1.4 one", b"The bell rings."


def passage(name, content):
    return Passage(name, name, "Text.", source=Source(name, digest=digest_of(content)))


def test_files_of_the_corpora_are_kept_and_no_others(tmp_path):
    ws = Workspace(tmp_path / "own")
    corpus = Corpus("own", (passage("a/one.PDF", PDF), passage("bell", TEXT)), {})
    keep_originals(ws, [corpus], [("one.pdf", PDF), ("bell", TEXT), ("other.txt", b"Nothing of it was taken.")])
    assert [original(ws, p.source).read_bytes() for p in corpus.passages] == [PDF, TEXT]
    assert len(list((ws.path / "originals").iterdir())) == 2
    keep_originals(ws, [replace(corpus, passages=corpus.passages[:1])])
    assert original(ws, corpus.passages[0].source) and original(ws, corpus.passages[1].source) is None


def test_what_was_not_read_from_a_file_has_none(tmp_path):
    ws = Workspace(tmp_path / "own")
    keep_originals(ws, [Corpus("own", (Passage("p", "", "Text."),), {})])
    assert original(ws, None) is None and original(ws, Source("a.pdf")) is None and not ws.path.exists()
