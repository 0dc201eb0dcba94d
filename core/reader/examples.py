"""Training examples of the reader: one to ten passages, questions about them, and the shortest accepted answers.

The passages are retrieved by the encoder for one question. All questions that any of them answers are asked: a question
costs a tenth of the tokens of its passages, and the passages of one question are distractors for the others. Some
questions are near misses, whose own passage is truncated or left out; they teach the model to refuse.

Example number i depends only on the seed and i, so that an interrupted training continues with the same examples. Most
distractors are retrieved by the encoder, as at answering time.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.corpus.types import Passage, Question
from core.errors import CorpusError
from core.messages import message
from core.metrics import coverage
from core.models.encoder import Encoder
from core.models.prompt import NOT_FOUND, Prompt
from core.reader.batches import Tokens
from core.reader.pools import TRAIN_FILE, Pool

_NEAR = 3
"""Number of near passages left out of a prompt whose questions are asked as unanswerable."""


@dataclass(frozen=True)
class Recipe:
    """Settings of the examples.

    Attributes:
        passages: Numbers of passages in a prompt, drawn with equal probability.
        window_words: Fewest and most words that a passage is truncated to, around the answer if it contains it.
        longest_answer: Most words of a target; questions without such a short answer are left out.
        without_answer: Share of examples without the gold passage of their first question, whose target is then
            ``NOT_FOUND``.
        near_misses: Number of further questions without an answer per question with one.
        block_attention: Share of examples under block attention, see ``core.reader.batches``; the rest under full
            attention.
        closed_book: Share of examples without passages, so that the closed-book method also answers briefly; pools may
            opt out.
        as_retrieved: Share of examples whose passages keep the encoder's order; the others are shuffled.
        lower_case: Share of questions in lower case, as people type them.
        no_question_mark: Share of questions without their question mark.
        random_distractors: Share of distractors that are drawn from the whole pool instead of the nearest passages.
        questions: Most questions in an example.
        passage_questions: Most questions about one passage.
    """

    passages: tuple[int, ...] = (1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 5, 5, 5, 6, 8, 10)
    window_words: tuple[int, int] = (50, 130)
    longest_answer: int = 6
    without_answer: float = 0.08
    near_misses: float = 0.05
    block_attention: float = 0.6
    closed_book: float = 0.04
    as_retrieved: float = 0.5
    lower_case: float = 0.6
    no_question_mark: float = 0.5
    random_distractors: float = 0.15
    questions: int = 16
    passage_questions: int = 4


@dataclass(frozen=True)
class Target:
    """A question and the answer that the model is trained on.

    Attributes:
        target: The shortest accepted answer, or ``NOT_FOUND``.
        source: Id of the question.
    """

    question: str
    target: str
    source: str


@dataclass(frozen=True)
class Example:
    """One training example as text.

    Attributes:
        passages: Truncated passages, in prompt order.
        targets: Questions about them, which do not attend to each other.
        blocks: Whether the passages are read under block attention.
    """

    passages: tuple[Passage, ...]
    targets: tuple[Target, ...]
    blocks: bool = False

    def tokens(self, prompt: Prompt, stop: int) -> Tokens:
        """Token ids of the passages and of each question and answer; ``stop`` ends every answer."""
        pairs = tuple((prompt.tail(item.question), [*prompt.encode(item.target), stop]) for item in self.targets)
        blocks = tuple(len(prompt.passage(passage)) for passage in self.passages) if self.blocks else ()
        return Tokens(prompt.context(self.passages), pairs, blocks)


class ExampleStream:
    """A random-access stream of examples, drawn from several pools.

    Args:
        pools: At least one, with questions.

    Raises:
        CorpusError: No pool has a question with a short enough answer.
    """

    def __init__(self, pools: Sequence[Pool], encoder: Encoder, recipe: Recipe, seed: int) -> None:
        self._pools = [pool for pool in pools if pool.questions]
        if not self._pools:
            raise CorpusError(
                "There is no question to train the reader on.", message("Give folders with a {file}.", file=TRAIN_FILE)
            )
        self._encoder, self._recipe, self._seed = encoder, recipe, seed
        self._rows = [{passage.id: row for row, passage in enumerate(pool.passages)} for pool in self._pools]
        # For each pool and row of a passage, the questions about it; a question about several passages is under each.
        self._about: list[list[list[Question]]] = [[[] for _ in pool.passages] for pool in self._pools]
        for about, rows, pool in zip(self._about, self._rows, self._pools, strict=True):
            for question in pool.questions:
                for identifier in question.passage_ids:
                    about[rows[identifier]].append(question)

    def __getitem__(self, number: int) -> Example:
        draw = random.Random(f"{self._seed}/{number}")
        recipe = self._recipe
        which = draw.choices(range(len(self._pools)), [pool.source.share for pool in self._pools])[0]
        pool, about = self._pools[which], self._about[which]
        first = draw.choice(pool.questions)
        gold = [self._rows[which][identifier] for identifier in first.passage_ids]
        kind, count, blocks = draw.random(), draw.choice(recipe.passages), draw.random() < recipe.block_attention
        if pool.source.closed_book and kind < recipe.closed_book:
            limit = min(recipe.questions, recipe.passage_questions)
            questions = [first, *self._others(about, gold[:1], first, draw)][:limit]
            return self._example((), [(question, question.answers[0]) for question in questions], draw)
        included = gold if kind < 1 - recipe.without_answer else []
        rows, near = self._choose(pool, first, included, count, draw)
        candidates = [first, *self._others(about, [*gold, *rows], first, draw)]
        passages = tuple(_window(pool.passages[row], _evidence(candidates), recipe, draw) for row in rows)
        answerable = [question for question in candidates if _answers(passages, question)]
        others = [*candidates, *self._others(about, near, first, draw)]
        unanswerable = [question for question in dict.fromkeys(others) if not _mentions(passages, question)]
        misses = sum(draw.random() < recipe.near_misses for _ in answerable) if included else recipe.passage_questions
        refusals = [(question, NOT_FOUND) for question in unanswerable[: min(misses, recipe.questions)]]
        answers = [(question, question.answers[0]) for question in answerable[: recipe.questions - len(refusals)]]
        return self._example(passages, [*answers, *refusals], draw, blocks and len(passages) > 1)

    def _others(
        self, about: list[list[Question]], rows: Sequence[int], first: Question, draw: random.Random
    ) -> list[Question]:
        """Questions about these passages other than ``first``, a few per passage, shuffled."""
        chosen: list[Question] = []
        for row in dict.fromkeys(rows):
            others = [question for question in about[row] if question is not first and question not in chosen]
            chosen += draw.sample(others, min(len(others), self._recipe.passage_questions - (first in about[row])))
        draw.shuffle(chosen)
        return chosen

    def _example(
        self,
        passages: tuple[Passage, ...],
        pairs: list[tuple[Question, str]],
        draw: random.Random,
        blocks: bool = False,
    ) -> Example:
        targets = (Target(_as_typed(item.text, self._recipe, draw), target, item.id) for item, target in pairs)
        return Example(passages, tuple(targets), blocks)

    def _choose(
        self, pool: Pool, question: Question, gold: list[int], count: int, draw: random.Random
    ) -> tuple[list[int], list[int]]:
        """Rows of the passages for a prompt, and of a few near passages that are not in it.

        Without gold, no passage in the prompt contains an accepted answer.
        """
        size = min(max(count, len(gold)), len(pool.passages))
        near = np.argsort(-(pool.vectors @ self._encoder.encode_query(question.text)), kind="stable")
        chosen = list(gold)
        ranked = [int(row) for row in near[: 3 * size + 10]]
        while len(chosen) < size:
            if ranked and draw.random() >= self._recipe.random_distractors:
                row = ranked.pop(0)
            elif ranked:
                row = draw.randrange(len(pool.passages))
            else:
                break
            if row not in chosen and (gold or not coverage(pool.passages[row].text, question.answers)):
                chosen.append(row)
        left_out = [int(row) for row in near[: size + _NEAR] if int(row) not in chosen and row not in gold]
        if draw.random() < self._recipe.as_retrieved:
            rank_of = {int(row): rank for rank, row in enumerate(near)}
            return sorted(chosen, key=rank_of.__getitem__), left_out
        draw.shuffle(chosen)
        return chosen, left_out


def _evidence(questions: Sequence[Question]) -> list[str]:
    """Texts that truncation should keep, the first question's evidence first."""
    return [piece for question in questions for piece in question.evidence]


def _answers(passages: Sequence[Passage], question: Question) -> bool:
    """Whether the truncated passages contain all evidence of a question and its answer."""
    windows = [passage.text for passage in passages]
    evidence = all(any(piece in text for text in windows) for piece in question.evidence)
    return evidence and any(question.answers[0] in text for text in windows)


def _mentions(passages: Sequence[Passage], question: Question) -> bool:
    return any(coverage(passage.text, question.answers) for passage in passages)


def _as_typed(text: str, recipe: Recipe, draw: random.Random) -> str:
    if draw.random() < recipe.lower_case:
        text = text.lower()
    return text.strip().rstrip("?").rstrip() if draw.random() < recipe.no_question_mark else text.strip()


def _window(passage: Passage, keep: Sequence[str], recipe: Recipe, draw: random.Random) -> Passage:
    """Truncates a passage to a random window that contains the first text of ``keep`` found in the passage."""
    words = passage.text.split(" ")
    length = draw.randint(*recipe.window_words)
    if len(words) <= length:
        return passage
    first, last = 0, len(words) - length
    target = next((text for text in keep if text and text in passage.text), "")
    if target:
        at = passage.text.index(target)
        begin, end = passage.text.count(" ", 0, at), passage.text.count(" ", 0, at + len(target))
        length = max(length, end - begin + 1)
        first, last = max(0, end - length + 1), min(len(words) - length, begin)
    start = draw.randint(first, last)
    return replace(passage, text=" ".join(words[start : start + length]))
