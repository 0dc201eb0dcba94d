import json
import urllib.request

import pytest

from core import pipeline
from core.errors import ArtefactMissing, TesseraError
from core.labs.serverless import serving as serving_module
from core.labs.serverless.serving import build_index, publish, serving
from core.labs.serverless.table import PassageTable
from core.settings import Settings
from core.trace import Tracer
from core.workspace import Workspace
from tests.core.labs.serverless.study.test_study import functions
from tests.models import TinyModels


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, tiny_corpus, tiny_encoder, tiny_lm):
    ws = Workspace(tmp_path_factory.mktemp("serving") / "w")
    for _ in pipeline.prepare_corpus(ws, TinyModels(Settings(), tiny_lm, tiny_encoder), tiny_corpus):
        pass
    return ws


def test_an_index_is_built_once_for_the_same_embeddings(prepared, monkeypatch):
    folder = build_index(prepared, "flat")
    monkeypatch.setattr(serving_module, "publish", lambda *given: pytest.fail("built again"))
    assert build_index(prepared, "flat") == folder


def test_a_workspace_is_published_to_object_storage(prepared, s3, tiny_encoder):
    stats = publish(prepared, f"{s3.url}/index", "ivf-hnsw-sq")
    assert stats.documents == 11
    table = PassageTable.open(f"{s3.url}/index", "ivf-hnsw-sq")
    found = table.search(tiny_encoder.encode_query("Who planted the pear orchard?"), 1, Tracer())
    assert "Tess Quill" in found[0].passage.text


def test_a_question_over_http_is_answered_by_a_worker(prepared, monkeypatch):
    def tiny(url, kind, concurrency, endpoint, results_url):
        return functions(url, kind, concurrency, generation=False)

    monkeypatch.setattr(serving_module, "rag_functions", tiny)
    with serving(prepared, "flat", None, 0, 1) as front:
        body = json.dumps({"question": "Who planted the pear orchard?", "k": 1}).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{front.address}/retrieve", body), timeout=90) as reply:
            found = json.loads(reply.read())
        pids = front.cloud.pids()
    assert "Tess Quill" in found["passages"][0]["text"] and found["function"]["cold"] is True
    assert pids and not front.cloud.pids()


def test_what_cannot_be_served_is_a_sentence(prepared, tmp_path):
    with pytest.raises(TesseraError, match="tree"), serving(prepared, "tree", None, 0, 1):
        pass
    with pytest.raises(ArtefactMissing), serving(Workspace(tmp_path / "none"), "flat", None, 0, 1):
        pass
