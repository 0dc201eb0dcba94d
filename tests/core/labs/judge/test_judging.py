"""Ragas itself, in its own environment, on answers whose scores can be worked out by hand."""

from contextlib import closing
from dataclasses import replace

import pytest
from pydantic import SecretStr

from core import jsonl
from core.errors import TesseraError
from core.evaluation.report import to_csv
from core.evaluation.runs import ANSWERS_FILE, JUDGED_FILE, read_run, read_scores
from core.evaluation.summary import summarise
from core.labs.judge.judging import RAGAS, Judge, judge_run, ragas_python
from core.models.server import Server
from core.settings import Settings
from tests.core.labs.judge.conftest import KEY

pytestmark = pytest.mark.skipif(not (RAGAS / ".installed").is_file(), reason="`make ragas` was not run")


@pytest.fixture
def run(finished):
    """A run of two methods whose answers are replaced by ones that the rules of the endpoint tell apart."""
    folder = finished("closed-book,rag")
    rows = list(jsonl.read(folder / ANSWERS_FILE))
    (folder / ANSWERS_FILE).unlink()
    for number, row in enumerate(rows):
        row["answer"] = row["evidence"][0]["text"][:20] if row["evidence"] and number % 2 else "xyzzy"
        jsonl.append(folder / ANSWERS_FILE, row)
    return folder, rows


def judge_of(endpoint, model="m", embeddings=""):
    return Judge(Server(endpoint.url, model, 20, SecretStr(KEY), "TESSERA_JUDGE"), embeddings)


def judged(folder, endpoint, methods=None, embeddings=""):
    return list(judge_run(folder, judge_of(endpoint, embeddings=embeddings), ragas_python(), methods))


def test_supported_answers_are_told_from_made_up_ones(run, endpoint):
    folder, rows = run
    steps = judged(folder, endpoint)
    reads = [row for row in rows if row["method"] == "rag"]
    expected = sum(row["answer"] != "xyzzy" for row in reads) / len(reads)
    methods = summarise(folder)["methods"]
    assert 0 < expected < 1 and steps[-1].done == len(rows)
    assert methods["rag"]["ragas_faithfulness"]["mean"] == pytest.approx(expected)
    assert "ragas_faithfulness" not in methods["closed-book"]  # it had no evidence to be faithful to
    assert "ragas_faithfulness" in to_csv(folder).splitlines()[0]
    assert read_run(folder)["judge"]["name"] == "m at 127.0.0.1"
    assert endpoint.keys == {f"Bearer {KEY}"} and KEY not in (folder / JUDGED_FILE).read_text(encoding="utf-8")


def test_relevancy_is_measured_where_embeddings_are_named(run, endpoint):
    folder, _ = run
    judged(folder, endpoint, ["closed-book"], "e")
    methods = summarise(folder)["methods"]
    assert 0 <= methods["closed-book"]["ragas_relevancy"]["mean"] < 1
    assert "ragas_relevancy" not in methods["rag"]
    assert any(path.endswith("/embeddings") for path in endpoint.paths)


def test_a_cancelled_judging_goes_on_where_it_stopped(run, endpoint):
    folder, rows = run
    with closing(judge_run(folder, judge_of(endpoint), ragas_python(), ["rag"])) as work:
        assert next(work).done == 0 and next(work).done == 1
    there = read_scores(folder)
    assert len(there) == 1
    (folder / JUDGED_FILE).open("a", encoding="utf-8").write('{"method": "ra')
    assert judged(folder, endpoint, ["rag"])[0].done == 1
    assert len(read_scores(folder)) == sum(row["method"] == "rag" for row in rows)
    asked = len(endpoint.paths)
    judged(folder, endpoint, ["rag"])
    assert len(endpoint.paths) == asked


def test_another_judge_begins_anew(run, endpoint):
    folder, _ = run
    judged(folder, endpoint, ["rag"])
    with closing(judge_run(folder, judge_of(endpoint, "another"), ragas_python(), ["rag"])) as work:
        assert next(work).done == 0


def test_a_judge_that_refuses_is_a_sentence_without_the_key(run, endpoint):
    folder, _ = run
    endpoint.status = 401
    with pytest.raises(TesseraError, match="TESSERA_JUDGE_KEY") as refused:
        judged(folder, endpoint, ["rag"])
    assert KEY not in str(refused.value)


def test_the_settings_name_the_judge():
    judge = Judge.from_settings(Settings(judge_url="http://127.0.0.1:1/v1", judge_model="m", judge_embeddings="e"))
    assert judge.name == "m at 127.0.0.1"
    assert judge.fingerprint != replace(judge, embeddings="").fingerprint


@pytest.mark.parametrize(
    ("url", "model", "says"),
    [("", "m", "No judge"), ("ftp://x", "m", "no address"), ("http://", "m", "no address"), ("http://x", " ", "model")],
)
def test_what_names_no_judge_is_refused(url, model, says):
    with pytest.raises(TesseraError, match=says):
        Judge.from_settings(Settings(judge_url=url, judge_model=model))


def test_without_its_environment_the_way_to_it_is_named(tmp_path):
    with pytest.raises(TesseraError, match="make ragas"):
        ragas_python(tmp_path)
