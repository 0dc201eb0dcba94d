"""What ships does what its card or label says, and the command that made it still makes the like."""

import json
from dataclasses import replace

import pytest
from safetensors import safe_open

from app.lessons import ask
from core import pipeline
from core.corpus.sample import load_sample, load_unseen
from core.corpus.types import Corpus
from core.evaluation.lessons import KINDS, LESSONS, candidates, suggestions
from core.evaluation.memory_eval import evaluate_memory, sort_questions
from core.evaluation.memory_figures import summarise
from core.memory import store
from core.memory.training import train_memory
from core.methods.memory import LlmAsMemory
from core.methods.resources import Resources
from core.metrics import exact_match
from core.models.registry import Models
from core.models.variant import READER_FOLDER
from core.pipeline import SAMPLE_MEMORY
from core.settings import Settings
from core.workspace import Workspace
from tests.sample import copy_sample

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def models():
    return Models(Settings())


@pytest.fixture(scope="module")
def corpus():
    return load_sample()


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The sample workspace, whole."""
    return Workspace(copy_sample(tmp_path_factory.mktemp("shipped")))


def shapes(path):
    with safe_open(path, "pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 (not iterable)


def test_the_reader_reads_better_than_the_plain_model(models, corpus):
    questions = [question for question in corpus.questions["dev"] if len(question.passage_ids) == 1][::13]
    passages = {passage.id: passage for passage in corpus.passages}

    def right(lm):
        found = 0.0
        for question in questions:
            session = lm.session()
            ids = lm.prompt.context([passages[question.passage_ids[0]]]) + lm.prompt.tail(question.text)
            session.prefill(ids)
            found += exact_match("".join(lm.stream_text(session.decode(16))), question.answers)
        return found / len(questions)

    with_reader, plain = right(models.language_model()), right(models.language_model(models.variant.plain))
    assert with_reader >= 0.5
    assert with_reader >= plain + 0.3


def test_the_reader_has_a_card_that_names_its_data():
    card = (READER_FOLDER / "README.md").read_text(encoding="utf-8")
    for name in ("SQuAD", "SquadShifts", "train-reader", "CC BY"):
        assert name in card


def test_the_memory_remembers_and_its_control_does_not(models, corpus, sample, tmp_path):
    resources = Resources(sample, models, Settings())
    method = LlmAsMemory(resources)
    assert set(method.memory.pool.ids) == {passage.id for passage in corpus.passages}
    test = [question for question in corpus.questions["test"] if len(question.passage_ids) == 1][::12]
    questions = sort_questions(test, corpus, method.memory.pool.ids)
    list(evaluate_memory(resources, replace(questions, foreign=()), method, tmp_path / "run"))
    figures = summarise(tmp_path / "run", sample)
    assert figures["recall_at_1"] >= 0.7
    assert figures["coverage"] >= figures["shuffled"]["coverage"] + 0.15
    assert figures["rouge_l"] >= figures["shuffled"]["rouge_l"] + 0.3
    assert figures["order"] == "answer"
    assert figures["em"] >= figures["shuffled"]["em"] + 0.4
    assert figures["bytes_per_document"] < 2_400


def test_the_memory_is_for_this_very_sample(corpus):
    from core.corpus.store import fingerprint

    assert store.read_card(SAMPLE_MEMORY).corpus == fingerprint(corpus.passages)


def test_training_still_makes_the_like(models, corpus, tmp_path):
    shipped = store.read_card(SAMPLE_MEMORY)
    config = replace(shipped.config, steps=1, batch=4, router_steps=1, eval_questions=2)
    few = replace(corpus, passages=corpus.passages[:6], questions={})
    list(train_memory(models.language_model(models.variant.plain), few, tmp_path, config))
    for name in (store.PARTS, store.LORA):
        assert shapes(tmp_path / name) == shapes(SAMPLE_MEMORY / name)
    made, there = shapes(tmp_path / store.POOL), shapes(SAMPLE_MEMORY / store.POOL)
    assert made == {name: (6, *shape[1:]) for name, shape in there.items()}
    assert {shape[0] for shape in there.values()} == {len(corpus.passages)}


def test_a_first_memory_finds_documents_it_was_never_trained_on(models, tmp_path):
    unseen = load_unseen()
    ws = Workspace(tmp_path / "unseen")
    list(pipeline.prepare_corpus(ws, models, Corpus("unseen", tuple(passage for passage, _ in unseen), {})))
    list(pipeline.first_memory(ws, models))
    memory = pipeline.open_memory(ws, models)
    asked = [(question.text, passage.id) for passage, questions in unseen for question in questions]
    routed = memory.route_all([text for text, _ in asked], 1)
    right = sum(found.documents[0].passage_id == own for found, (_, own) in zip(routed, asked, strict=True))
    assert right >= 0.9 * len(asked)


def test_the_lessons_show_what_their_labels_say(corpus, sample):
    settings = Settings()
    rows = {row["question_id"]: row for row in json.loads(LESSONS.read_text(encoding="utf-8"))["lessons"]}
    assert [one.question.id for one in suggestions(sample, corpus, settings, len(rows))] == list(rows)
    assert next(iter(rows.values()))["kind"] == "all_right"
    asked = [question for question in candidates(corpus) if question.id in rows]
    for found in ask(sample, settings, asked):
        row = rows.pop(found.question_id)
        assert KINDS[row["kind"]].shows(found), found
        assert (found.verdicts, list(found.cells)) == (row["verdicts"], row["cells"]), found
    assert not rows
