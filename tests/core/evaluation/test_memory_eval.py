"""A memory's evaluation: what is questions of whom, what a row holds, and figures that follow from rows alone."""

import json
from dataclasses import replace

import pytest

from core.corpus.types import Question
from core.errors import TesseraError
from core.evaluation.memory_eval import evaluate_memory, run_folder, sort_questions
from core.evaluation.memory_figures import ROWS_FILE, null_figures, read_rows, summarise
from core.memory import store
from core.memory.prompt import NOT_IN_MEMORY
from core.memory.z_reader import ReadConfig, ZReader
from core.methods.base import answer
from core.methods.memory import LlmAsMemory
from tests.core.methods.conftest import built, models, resources  # noqa: F401 (fixtures of the same workspace)

KEYS = {
    "n_documents", "n_questions", "recall_at_1", "recall_at_5", "bm25_recall_at_1", "rouge_l", "coverage", "em", "f1",
    "shuffled", "oracle", "routed_right_said_wrong", "null_precision", "evidence_ms", "rag_ms", "read_mode", "order",
    "ttft_ms", "total_ms", "rag_ttft_ms", "bytes_per_document", "bytes_per_1000_documents",
    "store_bytes_per_1000_documents",
}  # fmt: skip
FOREIGN = Question("far", "Who swept the moon?", ("nobody",), ("elsewhere",))


@pytest.fixture
def method(resources):  # noqa: F811
    return LlmAsMemory(resources)


@pytest.fixture
def questions(tiny_corpus, method):
    return sort_questions([*tiny_corpus.questions["test"], FOREIGN], tiny_corpus, method.memory.pool.ids)


def test_questions_are_told_apart_by_what_the_memory_holds(questions):
    assert [question.id for question in questions.in_memory] == ["test-0", "test-1"]
    assert questions.foreign == (FOREIGN,)


def test_evidence_is_found_where_a_question_names_none(tiny_corpus):
    bare = Question("bare", "Who founded the harbour pilots?", ("Mira Tolle",), ("p3",))
    (held,) = sort_questions([bare], tiny_corpus, ["p3"]).in_memory
    assert held.evidence == ("Mira Tolle founded the harbour pilots.",)


def test_questions_about_other_documents_alone_are_refused(tiny_corpus):
    with pytest.raises(TesseraError, match="None of the questions"):
        sort_questions([FOREIGN], tiny_corpus, ["p0"])


def test_a_run_has_all_figures_and_goes_on_where_it_stopped(resources, method, questions, tmp_path):  # noqa: F811
    work = evaluate_memory(resources, questions, method, tmp_path)
    next(work)
    work.close()
    assert [row["id"] for row in read_rows(tmp_path)] == ["test-0"]
    (first,) = (tmp_path / ROWS_FILE).read_text().splitlines()
    rest = [progress.done for progress in evaluate_memory(resources, questions, method, tmp_path)]
    assert rest == [2, 3]
    assert (tmp_path / ROWS_FILE).read_text().splitlines()[0] == first
    assert [progress.done for progress in evaluate_memory(resources, questions, method, tmp_path)] == [3]
    figures = summarise(tmp_path, resources.workspace)
    assert set(figures) == KEYS
    assert (figures["n_documents"], figures["n_questions"]) == (11, 2)
    assert set(figures["shuffled"]) == set(figures["oracle"]) == {"rouge_l", "coverage", "em"}
    assert 0 < figures["evidence_ms"] < figures["ttft_ms"] <= figures["total_ms"]
    assert 0 < figures["rag_ttft_ms"] <= figures["rag_ms"]
    assert (figures["read_mode"], figures["order"]) == ("prefix", "evidence")
    assert figures["bm25_recall_at_1"] == 1.0
    assert figures["store_bytes_per_1000_documents"] > 0
    assert json.loads(json.dumps(figures)) == figures


def test_a_shuffled_z_is_another_documents(resources, method, questions, tmp_path):  # noqa: F811
    list(evaluate_memory(resources, questions, method, tmp_path))
    row = read_rows(tmp_path)[0]
    assert row["right"]["evidence"] == ZReader(method.memory).evidence(row["question"], row["routed"][:1])
    assert row["shuffled"]["evidence"] != row["right"]["evidence"]


def test_another_memory_is_another_run(resources, method, questions):  # noqa: F811
    folder = run_folder(resources, questions, method)
    method.engine.identity = replace(method.engine.identity, weights="another")
    assert run_folder(resources, questions, method) != folder


def test_two_documents_can_be_read_at_once(resources, questions, tmp_path):  # noqa: F811
    two = LlmAsMemory(resources, ReadConfig("kv", top_r=2))
    list(evaluate_memory(resources, questions, two, tmp_path))
    one = LlmAsMemory(resources)
    assert run_folder(resources, questions, two) != run_folder(resources, questions, one)
    result = answer(two, questions.in_memory[0].text)
    assert result.details["read"] == list(result.details["routing"])[:2]
    assert result.details["kv_bytes"] > 0
    assert result.evidence[0].title.count(" / ") == 1


def row(name, recall=1.0, coverage=1.0, knows=True):
    scores = {
        "evidence": NOT_IN_MEMORY if coverage else "",
        "answer": "slate",
        "rouge_l": coverage,
        "coverage": coverage,
        "em": 0.0,
        "f1": 0.5,
    }
    return {
        "id": name, "question": "", "knows": knows, "recall_at_1": recall, "recall_at_5": 1.0, "bm25_recall_at_1": 0.0,
        "right": scores, "shuffled": scores, "oracle": scores, "evidence_ms": 10.0, "rag_ms": None,
        "read_mode": "prefix", "order": "evidence", "ttft_ms": 12.0, "total_ms": 15.0, "rag_ttft_ms": None,
    }  # fmt: skip


def write(folder, rows):
    (folder / ROWS_FILE).write_text("".join(f"{json.dumps(line)}\n" for line in rows) + '{"id": "cut sh')


def test_the_null_slot_is_measured_on_foreign_questions(resources, tmp_path):  # noqa: F811
    held = [row("a"), row("b", knows=False), row("c", recall=0.0, coverage=0.0), row("d", coverage=0.0)]
    write(tmp_path, held)
    figures = summarise(tmp_path, resources.workspace)
    assert figures["null_precision"] is None and figures["rag_ms"] is None
    assert figures["routed_right_said_wrong"] == 0.25
    foreign = [
        {"id": f"x{i}", "question": "", "knows": i < 2, "evidence": NOT_IN_MEMORY if i == 1 else "", "answer": answer}
        for i, answer in enumerate(("slate", "slate", "not in the passages", ""))
    ]
    write(tmp_path, [*held, *foreign])
    assert summarise(tmp_path, resources.workspace)["null_precision"] == 2 / 3
    assert null_figures(tmp_path) == {
        "false_nulls": 0.25, "refused": 0.5, "foreign_questions": 4, "foreign_caught": 0.5, "foreign_stopped": 0.75,
    }  # fmt: skip


def test_bytes_grow_with_the_documents_and_the_adapters_do_not(resources, tmp_path):  # noqa: F811
    write(tmp_path, [row("a")])
    folder = resources.workspace.folder("memory")
    sizes = {name: (folder / name).stat().st_size for name in (store.POOL, store.CARD, store.PARTS, store.LORA)}
    expected = (sizes[store.POOL] + sizes[store.CARD]) * 1000 / 11 + sizes[store.PARTS] + sizes[store.LORA]
    figures = summarise(tmp_path, resources.workspace)
    assert figures["bytes_per_1000_documents"] == pytest.approx(expected)
    assert figures["bytes_per_document"] == pytest.approx((sizes[store.POOL] + sizes[store.CARD]) / 11)
