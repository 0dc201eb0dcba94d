import numpy as np
import pytest

from core.corpus.types import Passage
from core.errors import ArtefactStale, TesseraError
from core.labs.serverless.settings import KINDS
from core.labs.serverless.table import PassageTable
from core.trace import Tracer


def passages_of(n):
    return tuple(Passage(f"it's {row}", f"title {row}", f"text {row}") for row in range(n))


def unit_vectors(n, dim=16, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("kind", KINDS)
def test_texts_come_with_what_is_found(tmp_path, kind):
    url, vectors = str(tmp_path / "t"), unit_vectors(300)
    PassageTable.create(url, kind, passages_of(300), vectors).close()
    table = PassageTable.open(url, kind)
    tracer = Tracer()
    found = table.search(vectors[7], 5, tracer)
    assert found[0].passage == passages_of(300)[7] and found[0].score == pytest.approx(1.0, abs=1e-3)
    assert [f.score for f in found] == sorted((f.score for f in found), reverse=True) and len(found) == 5
    assert [span.name for span in tracer.finish().spans] == ["search", "fetch"]
    assert table.stats().documents == 300
    table.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_lives_in_object_storage_too(s3, kind):
    url, vectors = f"{s3.url}/index", unit_vectors(300)
    PassageTable.create(url, kind, passages_of(300), vectors).close()
    table = PassageTable.open(url, kind)
    assert table.search(vectors[3], 2, Tracer())[0].passage.text == "text 3"
    assert {key.split("/")[0] for key in s3.keys()} == {"index"}  # noqa: SIM118 - a method of the server


def test_no_place_and_no_table_are_sentences(tmp_path):
    with pytest.raises(TesseraError, match="TESSERA_INDEX_URL"):
        PassageTable.open("", "flat")
    with pytest.raises(ArtefactStale, match="nowhere"):
        PassageTable.open(str(tmp_path / "nowhere"), "flat")
