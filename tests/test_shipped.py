"""What ships in assets/ does what its card says, and the command that made it still makes the like."""

from dataclasses import replace

import pytest
from safetensors import safe_open

from core import pipeline
from core.corpus.sample import load_sample, load_unseen
from core.corpus.types import Corpus
from core.evaluation.metrics import exact_match
from core.memory import store
from core.memory.controls import measure_controls
from core.memory.model import Memory
from core.memory.training import train_memory
from core.models.bundle import READER_FOLDER, Models
from core.pipeline import SAMPLE_MEMORY
from core.settings import Settings
from core.workspace import Workspace

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def models():
    return Models(Settings())


@pytest.fixture(scope="module")
def corpus():
    return load_sample()


def shapes(path):
    with safe_open(path, "pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 (not iterable)


def test_the_reader_reads_better_than_the_plain_model(models, corpus):
    questions = [question for question in corpus.questions["dev"] if len(question.passage_ids) == 1][::9]
    passages = {passage.id: passage for passage in corpus.passages}

    def right(lm):
        found = 0.0
        for question in questions:
            session = lm.session()
            ids = lm.prompt.context([passages[question.passage_ids[0]]]) + lm.prompt.tail(question.text)
            list(session.feed(ids))
            found += exact_match("".join(lm.stream_text(session.decode(16))), question.answers)
        return found / len(questions)

    with_reader, plain = right(models.language_model(reader=True)), right(models.language_model(reader=False))
    assert with_reader >= 0.5
    assert with_reader >= plain + 0.3


def test_the_reader_has_a_card_that_names_its_data():
    card = (READER_FOLDER / "README.md").read_text(encoding="utf-8")
    for name in ("SQuAD", "SquadShifts", "train-reader", "CC BY"):
        assert name in card


def test_the_memory_remembers_and_its_control_does_not(models, corpus):
    memory = Memory.load(SAMPLE_MEMORY, models.language_model(reader=False))
    assert set(memory.pool.ids) == {passage.id for passage in corpus.passages}
    questions = [question for question in corpus.questions["test"] if len(question.passage_ids) == 1][::4]
    report = measure_controls(memory, questions, ("right", "shuffled"))
    assert report.recall_at_1 >= 0.7
    assert report.controls["right"].coverage >= report.controls["shuffled"].coverage + 0.15
    assert report.specificity >= 0.15


def test_the_memory_is_for_this_very_sample(corpus):
    from core.corpus.store import fingerprint

    assert store.read_card(SAMPLE_MEMORY).corpus == fingerprint(corpus.passages)


def test_training_still_makes_the_like(models, corpus, tmp_path):
    shipped = store.read_card(SAMPLE_MEMORY)
    config = replace(shipped.config, steps=1, batch=4, router_steps=1, eval_questions=2)
    few = replace(corpus, passages=corpus.passages[:6], questions={})
    list(train_memory(models.language_model(reader=False), few, tmp_path, config))
    for name in (store.PARTS, store.LORA):
        assert shapes(tmp_path / name) == shapes(SAMPLE_MEMORY / name)
    made, there = shapes(tmp_path / store.POOL)["z"], shapes(SAMPLE_MEMORY / store.POOL)["z"]
    assert made[1:] == there[1:] and (made[0], there[0]) == (6, len(corpus.passages))


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
