"""Kept results on a real S3 server, and in a folder."""

from dataclasses import replace

import pytest

from core.errors import TesseraError
from core.labs.serverless.requests import RetrievalRequest
from core.labs.serverless.results import Results, publish
from core.labs.serverless.settings import FunctionSettings

ASKED = RetrievalRequest("Who built the lighthouse?", 3)
RESULT = {"answer": "Oren Pask", "passages": [{"id": "p0", "title": "등대", "text": "t", "score": 0.5}]}


@pytest.fixture(params=["s3", "folder"])
def settings(request, tmp_path):
    place = request.getfixturevalue("s3").url if request.param == "s3" else str(tmp_path)
    publish(f"{place}/index")
    return FunctionSettings(index_url=f"{place}/index", results_url=f"{place}/results", results_ttl=100)


def test_a_result_is_found_again_until_it_expires(settings):
    now = 1000.0
    results = Results(settings, clock=lambda: now)
    assert results.find(ASKED) is None
    results.save(ASKED, RESULT)
    assert Results(settings, clock=lambda: now + 99).find(ASKED) == RESULT
    assert Results(settings, clock=lambda: now + 101).find(ASKED) is None


def test_another_question_setting_or_model_is_another_result(settings):
    Results(settings).save(ASKED, RESULT)
    for other in (replace(ASKED, question="Who broke it?"), replace(ASKED, k=4), replace(ASKED, rerank=True)):
        assert Results(settings).find(other) is None
    assert Results(settings).find(replace(ASKED, cache=True)) == RESULT
    for changed in ({"index_kind": "ivf-hnsw-sq"}, {"answers": "bedrock"}, {"model": "another/model"}):
        assert Results(replace(settings, **changed)).find(ASKED) is None
    reranked = replace(ASKED, rerank=True)
    Results(settings).save(reranked, RESULT)
    assert Results(replace(settings, reranker="cross/encoder")).find(reranked) is None


def test_results_of_an_older_index_miss(settings):
    Results(settings).save(ASKED, RESULT)
    publish(settings.index_url)
    assert Results(settings).find(ASKED) is None


def test_what_lies_there_on_s3_is_one_object_a_result(s3):
    settings = FunctionSettings(index_url=f"{s3.url}/index", results_url=f"{s3.url}/results")
    publish(settings.index_url)
    Results(settings).save(ASKED, RESULT)
    Results(settings).save(ASKED, RESULT)
    index, kept = s3.keys()
    assert index == "index/published.json" and kept.startswith("results/") and "lighthouse" not in kept
    s3.client().put_object(Bucket=s3.bucket, Key=kept, Body=b"{damaged")
    assert Results(settings).find(ASKED) is None


def test_a_place_that_refuses_is_a_sentence(s3, impatient):
    with pytest.raises(TesseraError, match="TESSERA_RESULTS_URL"):
        Results(FunctionSettings())
    nowhere = FunctionSettings(index_url=f"{s3.url}/index", results_url="s3://no-such-bucket/results")
    with pytest.raises(TesseraError, match="no-such-bucket"):
        Results(nowhere).save(ASKED, RESULT)
