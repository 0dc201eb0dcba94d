"""What only the LanceDB stores do: object storage, probes, and the errors of both."""

from contextlib import contextmanager
from dataclasses import replace
from urllib.request import Request, urlopen

import numpy as np
import pytest

from core.corpus.types import Passage, texts
from core.errors import ArtefactStale, TesseraError
from core.stores.base import SearchRequest
from core.stores.lancedb_index import LanceFlat, LanceIvfFlat, LanceIvfHnswSq
from core.stores.lancedb_location import POINTER, URL_VARIABLE, TableLocation, drop

VARIANTS = (LanceFlat, LanceIvfFlat, LanceIvfHnswSq)


@pytest.fixture
def vectors(tiny_corpus, tiny_encoder):
    return tiny_encoder.encode_passages(texts(tiny_corpus.passages))


@contextmanager
def refusing_strangers(s3):
    """The server checks signatures and rights from now on; nobody has any."""
    url = f"{s3.endpoint}/moto-api/reset-auth"
    urlopen(Request(url, data=b"0", method="POST", headers={"Content-Type": "text/plain"})).close()
    try:
        yield
    finally:
        urlopen(Request(url, data=b"Infinity", method="POST", headers={"Content-Type": "text/plain"})).close()


def found(store, encoder, text):
    return [hit.passage_id for hit in store.search(SearchRequest(k=1, vector=encoder.encode_query(text)))]


@pytest.mark.parametrize("variant", VARIANTS)
def test_on_s3_it_does_what_it_does_in_a_folder(variant, s3, tmp_path, tiny_corpus, tiny_encoder, vectors):
    place = TableLocation(f"{s3.url}/indexes/one")
    store = variant.create_at(place, tiny_corpus.passages, vectors)
    local = variant.create(tmp_path / "local", tiny_corpus.passages, vectors)
    request = SearchRequest(k=5, vector=tiny_encoder.encode_query("harbour lighthouse"))
    assert store.search(request) == local.search(request)
    again = variant.open_at(place)
    assert again.search(request) == store.search(request)
    assert again.stats() == store.stats()
    assert again.stats().bytes > vectors.nbytes


def test_with_a_url_in_the_environment_the_folder_only_points_there(
    s3, tmp_path, monkeypatch, tiny_corpus, tiny_encoder, vectors
):
    monkeypatch.setenv(URL_VARIABLE, f"{s3.url}/prefix/")
    folder = tmp_path / "index"
    LanceFlat.create(folder, tiny_corpus.passages, vectors).close()
    assert [path.name for path in folder.iterdir()] == [POINTER]
    monkeypatch.delenv(URL_VARIABLE)
    assert found(LanceFlat.open(folder), tiny_encoder, "Who built the lighthouse?") == ["p0"]
    drop(folder)
    assert s3.keys() == []
    drop(folder)
    with pytest.raises(ArtefactStale, match=r"s3://.*index the passages"):
        LanceFlat.open(folder)


def test_dropping_a_local_store_leaves_its_folder_alone(tmp_path, tiny_corpus, vectors):
    LanceFlat.create(tmp_path / "index", tiny_corpus.passages, vectors)
    drop(tmp_path / "index")
    assert LanceFlat.open(tmp_path / "index").stats().documents == 11


def test_a_damaged_pointer_is_refused(tmp_path):
    (tmp_path / POINTER).write_text("[]", encoding="utf-8")
    with pytest.raises(ArtefactStale, match="damaged"):
        LanceFlat.open(tmp_path)


def test_few_probes_see_few_lists(tmp_path):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((800, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    passages = [Passage(f"p{row}", "", "", "") for row in range(800)]
    store = LanceIvfFlat.create(tmp_path / "index", passages, vectors)
    request = SearchRequest(k=400, vector=vectors[0])
    few, many = (len(store.search(replace(request, options={"nprobe": nprobe}))) for nprobe in (1, 20))
    assert few < many == 400


@pytest.mark.parametrize("sort", ["data", "_indices"])
def test_a_damaged_file_of_the_table_is_a_sentence(sort, tmp_path, tiny_corpus, tiny_encoder, vectors):
    LanceIvfHnswSq.create(tmp_path / "index", tiny_corpus.passages, vectors).close()
    for path in (tmp_path / "index").rglob("*"):
        if path.is_file() and sort in path.parts:
            path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(ArtefactStale, match="cannot be read") as refusal:
        LanceIvfHnswSq.open(tmp_path / "index").search(
            SearchRequest(k=3, vector=tiny_encoder.encode_query("lighthouse"))
        )
    assert refusal.value.kinds == ("index-lancedb-ivf-hnsw-sq",)


def test_object_storage_that_cannot_be_reached_is_a_sentence(s3, impatient, monkeypatch, tiny_corpus, vectors):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(TesseraError, match=r"cannot be reached for s3://.*AWS_ENDPOINT_URL"):
        LanceFlat.create_at(TableLocation(f"{s3.url}/0fbd403b"), tiny_corpus.passages, vectors)


def test_a_table_that_cannot_be_deleted_is_a_sentence(s3, impatient, tmp_path, monkeypatch, tiny_corpus, vectors):
    monkeypatch.setenv(URL_VARIABLE, s3.url)
    LanceFlat.create(tmp_path / "index", tiny_corpus.passages, vectors)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(TesseraError, match="cannot be reached"):
        drop(tmp_path / "index")


def test_a_bucket_that_is_not_there_is_a_sentence(s3, impatient, tiny_corpus, vectors):
    with pytest.raises(TesseraError, match="no bucket"):
        LanceFlat.create_at(TableLocation("s3://no-such-bucket-at-all/x"), tiny_corpus.passages, vectors)


def test_wrong_credentials_are_a_sentence(s3, impatient, tiny_corpus, vectors):
    with refusing_strangers(s3), pytest.raises(TesseraError, match=r"refused access.*AWS_ACCESS_KEY_ID"):
        LanceFlat.create_at(TableLocation(f"{s3.url}/x"), tiny_corpus.passages, vectors)
