"""The race on tiny models: changes are made for real, in copies, and the workspace keeps every bit."""

import hashlib
from dataclasses import replace

import pytest

from core import pipeline
from core.corpus.types import Question
from core.errors import TesseraError, WorkspaceBusy
from core.labs.changes.race import race
from core.labs.changes.report import RaceConfig, report
from core.labs.changes.results import DATA, old_questions, results_of
from core.labs.changes.scratch import PREFIX
from core.labs.changes.updaters.registry import DEFAULT_METHODS, UPDATERS, parse_methods
from core.methods.base import Answer, Evidence, Finished, answer
from core.methods.rag import Rag
from core.methods.resources import Resources
from core.trace import Trace
from core.workspace import Workspace

SHORT = RaceConfig(steps=4, every=2)


def digests(ws):
    files = (path for path in sorted(ws.path.rglob("*")) if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(ws.path)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def run(resources, change, config=SHORT, questions=()):
    return [step.data for step in race(resources, change, config, questions)]


@pytest.fixture(params=["addition", "edit", "deletion"])
def change(request):
    return request.getfixturevalue(request.param)


def test_every_method_makes_every_change_and_the_workspace_keeps_its_bits(resources, change):
    before = digests(resources.workspace)
    old = old_questions(resources.corpus, change, 2, 0)
    results = results_of(run(resources, change, replace(SHORT, methods=tuple(UPDATERS)), old))
    assert [result.method for result in results] == list(UPDATERS)
    assert digests(resources.workspace) == before
    for result in results:
        assert result.state in ("known", "not reached"), result.reason
        assert result.before is not None and result.attempts and result.regressions is not None
        assert [one.question_id for one in result.regressions.answers] == [question.id for question in old]
        ends = [stage.end_ms for stage in result.stages]
        assert [stage.start_ms for stage in result.stages] == [0.0, *ends[:-1]]
        assert result.attempts[-1].at_ms == result.total_ms == pytest.approx(sum(result.by_stage().values()))
    assert not list(resources.workspace.path.glob(f"{PREFIX}*"))


def test_the_stages_are_those_of_the_method(resources, addition, deletion):
    results = {result.method: list(result.by_stage()) for result in results_of(run(resources, addition))}
    assert results["rag"] == ["embed", "write", "index", "open", "ask"]
    assert results["cag"] == ["embed", "assign", "write", "check", "prefill", "open", "ask"]
    assert results["memory"] == ["first z", "write", "ask", "adapt"]
    gone = {result.method: list(result.by_stage()) for result in results_of(run(resources, deletion))}
    assert gone["memory"] == ["forget", "write", "ask"]


def test_an_added_passage_is_found_and_a_deleted_one_is_not(resources, addition, deletion):
    for result in results_of(run(resources, addition, replace(SHORT, methods=("rag", "cag", "bm25")))):
        assert result.attempts[-1].verdict.from_passage and not result.before.verdict.from_passage, result.method
    for result in results_of(run(resources, deletion, replace(SHORT, methods=("rag", "cag", "bm25")))):
        assert result.before.verdict.from_passage and not result.attempts[-1].verdict.from_passage, result.method
        assert result.state == "known"


def test_only_the_block_that_changed_is_computed(resources, addition):
    result = results_of(run(resources, addition, replace(SHORT, methods=("cag",))))[0]
    (prefill,) = [stage for stage in result.stages if stage.name == "prefill"]
    count = len(resources.passages) + 1
    assert prefill.note == f"block {count} of {count}"  # the others were kept: it is the last one of the build


def test_the_memory_is_asked_every_few_steps_until_it_can_do_no_more(resources, addition):
    never = replace(addition, question=Question("own", addition.question.text, ("unsayable zzz",)))
    result = results_of(run(resources, never, replace(SHORT, methods=("memory",))))[0]
    assert result.state == "not reached" and result.known_ms is None
    assert [attempt.step for attempt in result.attempts] == [None, 2, 4]


class Knows:
    """A method that answers right when it is asked for the n-th time."""

    name = "rag"

    def __init__(self, nth, text, passage_id):
        self.nth, self.text, self.passage_id, self.asked = nth, text, passage_id, 0

    def stream(self, question):
        self.asked += 1
        text = self.text if self.asked >= self.nth else "nothing"
        trace = Trace((), 0.0, 0.0, 0, 0, 0, 0)
        yield Finished(Answer("rag", question, text, (Evidence(self.passage_id, "", "", 1.0),), trace))


def test_a_method_stops_at_its_first_right_answer(resources, addition, monkeypatch):
    closed, method = [], Knows(3, "by Ada Brill", "horn")

    class Slow:
        def __init__(self, context):
            pass

        def open(self):
            return method

        def update(self, change, clock):
            try:
                for _ in range(9):
                    with clock.stage("adapt"):
                        pass
                    yield method
            finally:
                closed.append("take")

        def close(self):
            closed.append("updater")

    monkeypatch.setitem(UPDATERS, "rag", replace(UPDATERS["rag"], make=Slow))
    result = results_of(run(resources, addition, replace(SHORT, methods=("rag",))))[0]
    assert result.state == "known" and len(result.attempts) == 2
    assert result.known_ms == result.attempts[-1].at_ms == result.total_ms
    assert closed == ["take", "updater"]


def test_regressions_count_what_changed_between_the_same_questions(resources, addition, tiny_corpus, monkeypatch):
    asked = tiny_corpus.questions["test"]
    method = Knows(2, "Mira Tolle", "horn")

    class Breaks:
        def __init__(self, context):
            pass

        def open(self):
            return method

        def update(self, change, clock):
            yield method

        def close(self):
            pass

    monkeypatch.setitem(UPDATERS, "rag", replace(UPDATERS["rag"], make=Breaks))
    change = replace(addition, about=(Question("more", "How often?", ("Mira Tolle",)),))
    result = results_of(run(resources, change, replace(SHORT, methods=("rag",)), asked))[0]
    figures = result.regressions.figures()
    assert (figures["n"], figures["changed"], figures["broken"], figures["mended"]) == (2, 1, 0, 1)
    assert (figures["em_before"], figures["em_after"]) == (0.0, 0.5)
    assert [one.from_change for one in result.regressions.answers] == [True, True]
    assert (result.about.figures()["n"], result.about.figures()["right_after"]) == (1, 1)


def test_a_method_that_cannot_run_is_refused_and_the_others_go_on(models, tiny_corpus, addition, tmp_path):
    ws = Workspace(tmp_path / "ws")
    list(pipeline.prepare_corpus(ws, models, tiny_corpus))
    resources = Resources(ws, models, models.settings)
    results = {result.method: result for result in results_of(run(resources, addition))}
    assert results["rag"].state in ("known", "not reached")
    assert results["cag"].state == "refused" and "partition" in results["cag"].reason
    assert results["memory"].state == "refused" and "train" in results["memory"].reason
    with pytest.raises(TesseraError, match="has no partition"):
        run(resources, addition, replace(SHORT, methods=("cag",)))


def test_a_cancelled_race_leaves_nothing(resources, addition):
    before = digests(resources.workspace)
    work = race(resources, addition, SHORT)
    for step in work:
        if DATA in step.data and step.data[DATA].method == "cag" and step.data[DATA].stages:
            break
    work.close()
    assert digests(resources.workspace) == before
    assert not list(resources.workspace.path.glob(f"{PREFIX}*"))
    with resources.workspace.lock():
        pass


def test_a_change_that_cannot_be_made_is_refused_before_anything_starts(resources, addition, tiny_corpus):
    with pytest.raises(TesseraError, match="already holds"):
        next(race(resources, replace(addition, passage=tiny_corpus.passages[0]), SHORT))


def test_a_workspace_in_which_something_is_built_is_busy(resources, addition):
    other = Workspace(resources.workspace.path)
    with other.lock(), pytest.raises(WorkspaceBusy):
        run(resources, addition)


def test_the_report_holds_what_a_stranger_needs(resources, addition):
    found = report(run(resources, addition, replace(SHORT, methods=("rag",))))
    assert found["change"]["passage"]["id"] == "horn" and found["model"]["name"] == "tiny"
    (result,) = found["results"]
    assert result["method"] == "rag" and set(result["by_stage"]) == {"embed", "write", "index", "open", "ask"}
    assert result["regressions"] is None and result["before"]["answer"] is not None
    assert report([]) == {}


def test_old_questions_come_from_the_split_that_is_least_known(resources, addition, edit):
    corpus = resources.corpus
    assert {q.id for q in old_questions(corpus, addition, 9, 0)} == {"test-0", "test-1"}
    assert [q.id for q in old_questions(corpus, edit, 9, 0, "train")] == ["train-1"]
    assert old_questions(corpus, addition, 0, 0) == ()
    with pytest.raises(TesseraError, match="no 'hard' questions"):
        old_questions(corpus, addition, 9, 0, "hard")


def test_methods_are_named():
    assert parse_methods("cag, rag,cag") == ("cag", "rag")
    for names in ("oracle", " , "):
        with pytest.raises(TesseraError, match="rag, cag, memory"):
            parse_methods(names)
    assert set(DEFAULT_METHODS) < set(UPDATERS)


def test_rag_answers_as_a_workspace_built_from_the_changed_corpus(resources, addition, models, tmp_path):
    fresh = Workspace(tmp_path / "fresh")
    list(pipeline.prepare_corpus(fresh, models, addition.made_to(resources.corpus)))
    result = results_of(run(resources, addition, replace(SHORT, methods=("rag",))))[0]
    assert (
        result.attempts[-1].answer
        == answer(Rag(Resources(fresh, models, models.settings)), addition.question.text).text
    )
