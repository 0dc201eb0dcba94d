"""Ragas itself, in its own environment, on answers whose scores can be worked out by hand."""

import json
from contextlib import closing

import pytest

from core.errors import TesseraError
from core.evaluation.export import to_csv
from core.evaluation.judge.config import KEY_VARIABLE, RAGAS, Judge, ragas_python
from core.evaluation.judge.judging import judge_run
from core.evaluation.judge.kept import FILE, judged_rows
from core.evaluation.runs import ANSWERS_FILE, read_run
from core.evaluation.summary import summarise
from tests.core.evaluation.judge.conftest import KEY

pytestmark = pytest.mark.skipif(not (RAGAS / ".installed").is_file(), reason="`make ragas` was not run")


@pytest.fixture
def run(finished, monkeypatch):
    """A run of two arms whose answers are replaced by ones that the rules of the endpoint tell apart."""
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    folder = finished("closed-book,rag")
    rows = [json.loads(line) for line in (folder / ANSWERS_FILE).read_text(encoding="utf-8").splitlines()]
    for number, row in enumerate(rows):
        row["answer"] = row["evidence"][0]["text"][:20] if row["evidence"] and number % 2 else "xyzzy"
    (folder / ANSWERS_FILE).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder, rows


def judged(folder, endpoint, arms=None, embeddings=""):
    return list(judge_run(folder, Judge(endpoint.url, "m", embeddings, 20), ragas_python(), arms))


def test_supported_answers_are_told_from_made_up_ones(run, endpoint):
    folder, rows = run
    steps = judged(folder, endpoint)
    reads = [row for row in rows if row["arm"] == "rag"]
    expected = sum(row["answer"] != "xyzzy" for row in reads) / len(reads)
    methods = summarise(folder)["methods"]
    assert 0 < expected < 1 and steps[-1].done == len(rows)
    assert methods["rag"]["ragas_faithfulness"]["mean"] == pytest.approx(expected)
    assert "ragas_faithfulness" not in methods["closed-book"]  # it had no evidence to be faithful to
    assert "ragas_faithfulness" in to_csv(folder).splitlines()[0]
    assert read_run(folder)["judge"]["name"] == "m at 127.0.0.1"
    assert endpoint.keys == {f"Bearer {KEY}"} and KEY not in (folder / FILE).read_text(encoding="utf-8")


def test_relevancy_is_measured_where_embeddings_are_named(run, endpoint):
    folder, _ = run
    judged(folder, endpoint, ["closed-book"], "e")
    methods = summarise(folder)["methods"]
    assert 0 <= methods["closed-book"]["ragas_relevancy"]["mean"] < 1
    assert "ragas_relevancy" not in methods["rag"]
    assert any(path.endswith("/embeddings") for path in endpoint.paths)


def test_a_cancelled_judging_goes_on_where_it_stopped(run, endpoint):
    folder, rows = run
    with closing(judge_run(folder, Judge(endpoint.url, "m"), ragas_python(), ["rag"])) as work:
        assert next(work).done == 0 and next(work).done == 1
    there = judged_rows(folder)
    assert len(there) == 1
    (folder / FILE).open("a", encoding="utf-8").write('{"arm": "ra')
    assert judged(folder, endpoint, ["rag"])[0].done == 1
    assert len(judged_rows(folder)) == sum(row["arm"] == "rag" for row in rows)
    asked = len(endpoint.paths)
    judged(folder, endpoint, ["rag"])
    assert len(endpoint.paths) == asked


def test_another_judge_begins_anew(run, endpoint):
    folder, _ = run
    judged(folder, endpoint, ["rag"])
    with closing(judge_run(folder, Judge(endpoint.url, "another"), ragas_python(), ["rag"])) as work:
        assert next(work).done == 0


def test_a_judge_that_refuses_is_a_sentence_without_the_key(run, endpoint):
    folder, _ = run
    endpoint.status = 401
    with pytest.raises(TesseraError, match="TESSERA_JUDGE_KEY") as refused:
        judged(folder, endpoint, ["rag"])
    assert KEY not in str(refused.value)
