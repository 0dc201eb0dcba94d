import json
import threading
from functools import partial

import pytest

from core.artefacts import index_kind
from core.labs.benchmarks import store_memory, stores, workloads
from core.stores.index import build_index
from core.stores.registry import STORES
from tests.pages.conftest import button, said, wait_for_job


@pytest.fixture
def two(prepared):
    """The prepared workspace with a second index."""
    list(build_index(prepared, "bm25"))
    return prepared


def test_every_store_has_its_line_and_one_click_builds_it(page, prepared, models):
    app = page("stores")
    assert {found.key for found in app.button} >= {f"index-build-{name}" for name in STORES}
    button(app, "index-build-lancedb-flat").click().run()
    assert wait_for_job(prepared.path).state.value == "done"
    assert prepared.state(index_kind("lancedb-flat")).status == "ready"
    app.run()
    assert button(app, "index-build-lancedb-flat").label == "Rebuild"


def test_an_index_can_be_deleted_but_not_the_default(page, two, models):
    app = page("stores")
    assert not [found for found in app.button if found.key == "index-delete-faiss-flat"]
    button(app, "index-delete-bm25").click().run()
    assert two.state(index_kind("bm25")).status == "missing"
    assert not app.exception


def test_a_build_that_fails_is_a_sentence(page, prepared, models, impatient, monkeypatch):
    monkeypatch.setenv("TESSERA_LANCEDB_URL", "s3://nowhere/x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    app = page("stores")
    button(app, "index-build-lancedb-flat").click().run()
    assert "cannot be reached" in wait_for_job(prepared.path, 60).error
    assert any("cannot be reached" in error.value for error in app.run().error)
    assert prepared.state(index_kind("lancedb-flat")).status == "missing"


def test_the_last_bench_is_a_curve_a_table_and_a_verdict(page, prepared, models, monkeypatch):
    monkeypatch.setattr(store_memory, "measure", lambda *_: 1_000_000)
    list(stores.run(prepared, [partial(workloads.synthetic, 300, 16, 5)], ["faiss-flat", "faiss-ivf", "bm25"]))
    app = page("stores")
    assert not app.exception
    assert len(app.get("plotly_chart")) == 1
    assert "wins" in said(app)
    table = app.dataframe[0].value
    assert set(table["store"]) == {"FAISS flat", "FAISS IVF"} and table["best"].any()
    assert any("BM25" in caption.value and "words" in caption.value for caption in app.caption)


def test_a_bench_can_be_started_and_cancelled(page, prepared, models, monkeypatch):
    asked = threading.Event()
    # The bench of eleven passages is over in a moment: it waits at its first store until it has been cancelled.
    monkeypatch.setattr(store_memory, "measure", lambda *_: asked.wait(60) and None)
    app = page("stores")
    button(app, "bench-run").click().run()
    button(app, "job-cancel").click().run()
    asked.set()
    assert wait_for_job(prepared.path, 60).state.value == "cancelled"
    assert stores.load(prepared) is None


def test_a_damaged_bench_is_an_error_with_a_remedy(page, prepared, models):
    (prepared.path / "runs").mkdir()
    (prepared.path / "runs" / stores.FILE).write_text(json.dumps({"tested": [1]}), encoding="utf-8")
    assert any("measure again" in error.value for error in page("stores").error)


def test_it_speaks_korean(page, two, models, monkeypatch):
    monkeypatch.setattr(store_memory, "measure", lambda *_: 1_000_000)
    list(stores.run(two, [partial(workloads.synthetic, 300, 16, 5)], ["faiss-flat", "faiss-ivf"]))
    app = page("stores", lang="ko")
    assert not app.exception
    text = said(app)
    assert "의 승리" in text and "질문의 벡터를 모든 문단과 비교합니다" in text
    assert button(app, "index-build-bm25").label == "다시 만들기"
