"""A run from the first question to the last, interrupted, resumed, with methods missing."""

import json
import shutil
from dataclasses import replace

import pytest

from core.errors import ArtefactMissing, TesseraError, WorkspaceBusy
from core.evaluation.harness import evaluate, resume
from core.evaluation.runs import ANSWERS_FILE, FORMAT, list_runs, plan_of, read_run, run_folder, write_run
from core.evaluation.summary import answers_of, summarise
from core.evaluation.variants import MethodVariant, parse_variants
from core.manifest import write_manifest
from core.methods.resources import Resources
from tests.core.evaluation.conftest import EVERY_METHOD
from tests.models import TinyModels


def lines(folder):
    return [json.loads(line) for line in (folder / ANSWERS_FILE).read_text(encoding="utf-8").splitlines()]


def test_every_method_answers_every_question_one_method_after_another(finished, tiny_corpus):
    folder = finished(EVERY_METHOD)
    count = sum(len(group) for group in tiny_corpus.questions.values())
    methods = [row["method"] for row in lines(folder)]
    assert methods == [method for method in EVERY_METHOD.split(",") for _ in range(count)]
    summary = summarise(folder)
    assert summary["questions"] == count and list(summary["methods"]) == EVERY_METHOD.split(",")
    for scores in summary["methods"].values():
        assert {"mean", "lo", "hi", "n"} == set(scores["em"]) and scores["em"]["n"] == count
        assert 0 < scores["ttft_ms"]["median"] <= scores["ttft_ms"]["p90"]
    assert set(summary["differences_to_rag"]) == set(EVERY_METHOD.split(",")) - {"rag"}
    assert summary["methods"]["oracle"]["recall"]["mean"] == 1
    assert summary["methods"]["wrong-cell"]["recall"]["mean"] == 0
    assert "recall" not in summary["methods"]["closed-book"]
    assert summary["methods"]["closed-book"]["kilt_em"]["mean"] == 0


def test_a_cancelled_run_goes_on_where_it_stopped(resources, plan):
    made = plan("closed-book,rag")
    folder = run_folder(resources, made)
    work = evaluate(resources, made, folder)
    steps = [next(work) for _ in range(4)]  # opening, then three answers
    work.close()
    before = lines(folder)
    assert len(before) == 3 and steps[-1].done == 3
    (folder / ANSWERS_FILE).open("a", encoding="utf-8").write(
        '{"method": "closed-book", "quest'
    )  # killed while writing
    later = list(evaluate(resources, made, folder))
    asked = [(row["method"], row["question_id"]) for row in _whole(folder)]
    assert len(asked) == len(set(asked)) == 2 * len(made.questions)
    assert _whole(folder)[:3] == before
    assert later[0].done == 3
    again = list(evaluate(resources, made, folder))
    assert {step.note for step in again} == {"answered before"}


def _whole(folder):
    rows = []
    for line in (folder / ANSWERS_FILE).read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def test_a_method_added_later_joins_the_answers_that_are_there(resources, plan):
    folder = run_folder(resources, plan("rag"))
    assert folder == run_folder(resources, plan("rag,bm25"))
    list(evaluate(resources, plan("rag"), folder))
    before = lines(folder)
    list(evaluate(resources, plan("bm25"), folder))
    assert lines(folder)[: len(before)] == before
    assert set(summarise(folder)["methods"]) == {"rag", "bm25"}
    assert set(summarise(folder, ["bm25"])["methods"]) == {"bm25"}


def test_answers_from_a_memory_that_has_changed_are_asked_for_again(resources, plan):
    made = plan("memory")
    folder = run_folder(resources, made)
    list(evaluate(resources, made, folder))
    manifest = resources.workspace.manifest("memory")
    changed = replace(manifest, params={**manifest.params, "steps": 99})
    write_manifest(resources.workspace.folder("memory"), changed)
    list(evaluate(resources, made, folder))
    assert len(lines(folder)) == 2 * len(made.questions)
    assert len(answers_of(folder)["memory"]) == len(made.questions)


def test_other_questions_are_another_run(resources, plan, tiny_corpus):
    assert run_folder(resources, plan()) != run_folder(resources, plan(questions=tiny_corpus.questions["dev"]))


def test_everything_that_is_missing_is_named_at_once(resources, plan):
    shutil.rmtree(resources.workspace.path / "blocks")
    shutil.rmtree(resources.workspace.path / "memory")
    made = plan("rag,cag,memory")
    with pytest.raises(
        ArtefactMissing, match=r"cag needs blocks; memory needs memory\..* blocks of passages, train a memory"
    ):
        list(evaluate(resources, made, run_folder(resources, made)))


def test_missing_methods_can_be_skipped(resources, plan):
    shutil.rmtree(resources.workspace.path / "blocks")
    made = plan("rag,cag")
    folder = run_folder(resources, made)
    list(evaluate(resources, made, folder, skip_missing=True))
    assert list(summarise(folder)["methods"]) == ["rag"]
    assert read_run(folder)["skipped"] == {"cag": "blocks not ready"}


def test_a_run_says_what_it_was_made_with(finished, resources, plan):
    folder = finished("rag", seed=3)
    run = read_run(folder)
    assert run["questions"]["ids"] == [question.id for question in plan().questions]
    assert run["questions"]["seed"] == 3 and run["questions"]["source"] == "tiny questions"
    assert run["model"]["weights"] == resources.models.language_model().identity.weights
    assert run["machine"]["cores"] > 0 and "torch" in run["versions"]
    assert (
        run["methods"]["rag"]["bytes"]["text"]
        == (resources.workspace.path / "corpus" / "passages.jsonl").stat().st_size
    )
    assert list_runs(resources.workspace) == [folder]


def test_without_questions_or_gold_there_is_nothing_to_ask(resources, plan, tiny_corpus):
    with pytest.raises(TesseraError, match="no question"):
        list(evaluate(resources, plan("rag", questions=()), resources.workspace.path / "runs" / "eval-x"))


def test_a_run_is_written_by_one_process_only(resources, plan):
    made = plan("rag")
    folder = run_folder(resources, made)
    first = evaluate(resources, made, folder)
    next(first)
    with pytest.raises(WorkspaceBusy, match="under way"):
        next(evaluate(resources, made, folder))
    first.close()
    assert list(evaluate(resources, made, folder))


def test_a_damaged_run_is_refused(tmp_path):
    write_run(tmp_path, {"format": FORMAT, "questions": {"n": 24}})
    whole = (tmp_path / "run.json").read_text(encoding="utf-8")
    assert read_run(tmp_path) == {"format": FORMAT, "questions": {"n": 24}}
    for damaged in ("{", "[]", whole[:-9], whole.replace("24", "25")):
        (tmp_path / "run.json").write_text(damaged, encoding="utf-8")
        with pytest.raises(TesseraError, match="again"):
            read_run(tmp_path)


def test_methods_are_named_once_and_must_exist():
    assert parse_variants("rag, cag:plain,,rag") == (MethodVariant("rag"), MethodVariant("cag", plain=True))
    assert [method.name for method in parse_variants("rag:plain")] == ["rag:plain"]
    for names in ("", "ragg", "rag:fancy"):
        with pytest.raises(TesseraError, match="closed-book"):
            parse_variants(names)


def test_a_method_with_the_plain_reader_is_a_row_of_its_own(finished):
    summary = summarise(finished("rag,rag:plain"))
    assert set(summary["methods"]) == {"rag", "rag:plain"}
    assert summary["differences_to_rag"]["rag:plain"]["em"]["mean"] == 0  # the tiny model has no adapter


def test_a_run_can_be_taken_up_from_its_folder_alone(resources, plan):
    made = plan("rag,bm25")
    folder = run_folder(resources, made)
    work = evaluate(resources, made, folder)
    [next(work) for _ in range(2)]
    work.close()
    assert plan_of(folder, made.variants) == made
    list(resume(resources, folder, made.variants))
    assert {name: len(rows) for name, rows in answers_of(folder).items()} == {"rag": 5, "bm25": 5}


def test_a_run_of_other_settings_is_not_taken_up(resources, plan, models):
    made = plan("rag")
    folder = run_folder(resources, made)
    list(evaluate(resources, made, folder))
    other = TinyModels(replace(models.settings, top_k=1), models.language_model(), models.encoder())
    with pytest.raises(TesseraError, match="other settings"):
        list(resume(Resources(resources.workspace, other, other.settings), folder, made.variants))
