import pytest

from core.corpus.types import Question
from core.errors import TesseraError
from core.models.prompt import NOT_FOUND
from core.reader.assess import BLOCKS, CLOSED_BOOK, FULL, RIGHT_PASSAGE, AssessConfig, assess_reader, read_in_full


class Oracle:
    """A language model that says the answer when the passage that holds it is in the prompt, else rubbish."""

    def __init__(self, lm, answers):
        self.prompt, self._lm, self.answers, self.missing = lm.prompt, lm, answers, "no"
        self.prompts = []

    def session(self):
        return self

    def prefill(self, ids):
        self.prompts.append(self._lm.tokenizer.decode(ids))

    def decode(self, max_new_tokens):
        passages, _, question = self.prompts[-1].rpartition("Question: ")
        said = next(
            (answer for text, answer in self.answers.items() if text in question and answer in passages), self.missing
        )
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
    _, scores = assess(oracle, tiny_encoder, tiny_corpus, AssessConfig(ks=(1, everything), refuse_k=0))
    assert set(scores) == {CLOSED_BOOK, RIGHT_PASSAGE, "top 1", f"top {everything}"}
    assert scores[CLOSED_BOOK]["em"] == 0 and scores[CLOSED_BOOK]["found"] == 0
    for setting in (RIGHT_PASSAGE, f"top {everything}"):
        assert scores[setting]["em"] == scores[setting]["f1"] == scores[setting]["found"] == 1
    assert scores["top 1"]["em"] == scores["top 1"]["found"]
    assert scores["top 1"]["n"] == len(tiny_corpus.questions["test"])


def test_steps_name_the_setting_and_carry_the_scores_so_far(tiny_lm, tiny_encoder, tiny_corpus):
    config = AssessConfig(ks=(1,), closed_book=False, refuse_k=0, max_new_tokens=3)
    steps, _ = assess(tiny_lm, tiny_encoder, tiny_corpus, config)
    finished = [len(step.data["scores"]) for step in steps if step.data]
    assert finished == [1, 2]
    assert steps[-1].stage == "Reading: top 1, full" and steps[-1].done == steps[-1].total == 2


def test_every_kind_of_attention_is_measured(oracle, tiny_encoder, tiny_corpus):
    config = AssessConfig(ks=(1,), closed_book=False, right_passage=False, refuse_k=0)
    readings = {FULL: read_in_full(oracle), BLOCKS: lambda passages, question: read_in_full(oracle)([], question)}
    steps = list(assess_reader(oracle, tiny_encoder, tiny_corpus, tiny_corpus.questions["test"], config, readings))
    full, blocks = steps[-1].data["scores"]
    assert (full["attention"], blocks["attention"]) == (FULL, BLOCKS)
    assert full["em"] > blocks["em"] == 0


@pytest.mark.parametrize(("missing", "precision", "recall"), [(NOT_FOUND, 1.0, 1.0), ("no", 1.0, 0.0)])
def test_refusing_is_right_where_no_answer_is_there(oracle, tiny_encoder, tiny_corpus, missing, precision, recall):
    oracle.missing = missing
    everything = len(tiny_corpus.passages) - 1
    config = AssessConfig(ks=(), closed_book=False, right_passage=False, refuse_k=everything)
    questions = tiny_corpus.questions["test"]
    steps = list(assess_reader(oracle, tiny_encoder, tiny_corpus, questions, config))
    (refusing,) = steps[-1].data["refusing"]
    assert (refusing["precision"], refusing["recall"], refusing["n"]) == (precision, recall, len(questions))


def test_a_reader_that_always_refuses_is_right_half_of_the_time(oracle, tiny_encoder, tiny_corpus):
    oracle.missing, oracle.answers = NOT_FOUND, {}
    config = AssessConfig(ks=(), closed_book=False, right_passage=False, refuse_k=len(tiny_corpus.passages) - 1)
    steps = list(assess_reader(oracle, tiny_encoder, tiny_corpus, tiny_corpus.questions["test"], config))
    (refusing,) = steps[-1].data["refusing"]
    assert refusing["recall"] == 1 and refusing["precision"] < 1


def test_questions_without_known_gold_are_refused(tiny_lm, tiny_encoder, tiny_corpus):
    stray = [Question("q", "Who?", ("x",), ("elsewhere",)), Question("r", "Who?", ("x",))]
    with pytest.raises(TesseraError, match="gold passages"):
        assess(tiny_lm, tiny_encoder, tiny_corpus, AssessConfig(), stray)
