import pytest

from core.corpus.types import Question
from core.errors import TesseraError
from core.reader.assess import CLOSED_BOOK, RIGHT_PASSAGE, AssessConfig, assess_reader


class Oracle:
    """A language model that says the answer when the passage that holds it is in the prompt, else rubbish."""

    def __init__(self, lm, answers):
        self.prompt, self._lm, self._answers = lm.prompt, lm, answers
        self.prompts = []

    def session(self):
        return self

    def feed(self, ids):
        self.prompts.append(self._lm.tokenizer.decode(ids))
        yield len(ids)

    def decode(self, max_new_tokens):
        passages, _, question = self.prompts[-1].rpartition("Question: ")
        said = next((answer for text, answer in self._answers.items() if text in question and answer in passages), "no")
        return self._lm.prompt.encode(said)

    def stream_text(self, ids):
        yield self._lm.tokenizer.decode(ids)


def assess(lm, encoder, corpus, config, questions=None):
    questions = corpus.questions["test"] if questions is None else questions
    steps = list(assess_reader(lm, encoder, corpus, questions, config))
    return steps, {score["setting"]: score for score in steps[-1].data["scores"]}


@pytest.fixture
def oracle(tiny_lm, tiny_corpus):
    return Oracle(tiny_lm, {question.text: question.answers[0] for question in tiny_corpus.questions["test"]})


def test_every_setting_sees_its_passages(oracle, tiny_encoder, tiny_corpus):
    everything = len(tiny_corpus.passages)
    _, scores = assess(oracle, tiny_encoder, tiny_corpus, AssessConfig(ks=(1, everything)))
    assert set(scores) == {CLOSED_BOOK, RIGHT_PASSAGE, "top 1", f"top {everything}"}
    assert scores[CLOSED_BOOK]["em"] == 0 and scores[CLOSED_BOOK]["found"] == 0
    for setting in (RIGHT_PASSAGE, f"top {everything}"):
        assert scores[setting]["em"] == scores[setting]["f1"] == scores[setting]["found"] == 1
    assert scores["top 1"]["em"] == scores["top 1"]["found"]
    assert scores["top 1"]["n"] == len(tiny_corpus.questions["test"])


def test_best_last_turns_the_passages_round(oracle, tiny_encoder, tiny_corpus):
    config = AssessConfig(ks=(3,), right_passage=False, closed_book=False, questions=1)
    assess(oracle, tiny_encoder, tiny_corpus, config)
    assess(oracle, tiny_encoder, tiny_corpus, AssessConfig(**{**vars(config), "best_last": True}))
    first, last = (prompt.split("Passages:\n\n")[1].split("\n\n")[:3] for prompt in oracle.prompts)
    assert first == last[::-1] and first != last


def test_steps_name_the_setting_and_carry_the_scores_so_far(tiny_lm, tiny_encoder, tiny_corpus):
    config = AssessConfig(ks=(1,), closed_book=False, max_new_tokens=3)
    steps, _ = assess(tiny_lm, tiny_encoder, tiny_corpus, config)
    finished = [len(step.data["scores"]) for step in steps if step.data]
    assert finished == [1, 2]
    assert steps[-1].stage == "Reading: top 1" and steps[-1].done == steps[-1].total == 2


def test_questions_without_known_gold_are_refused(tiny_lm, tiny_encoder, tiny_corpus):
    stray = [Question("q", "Who?", ("x",), ("elsewhere",)), Question("r", "Who?", ("x",))]
    with pytest.raises(TesseraError, match="gold passages"):
        assess(tiny_lm, tiny_encoder, tiny_corpus, AssessConfig(), stray)
