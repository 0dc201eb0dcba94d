"""Training examples of the reader: one to ten passages, questions about them, and the shortest accepted answers.

Example number i depends on the seed and on i alone, so a training that was interrupted goes on with exactly the
examples it would have seen. Distractors are mostly what the encoder finds for the question, as at answering time.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.corpus.types import Passage, Question
from core.errors import CorpusError
from core.evaluation.metrics import coverage
from core.models.encoder import Encoder
from core.models.prompt import NOT_FOUND, Prompt
from core.reader.batches import Tokens
from core.reader.pools import TRAIN_FILE, Pool


@dataclass(frozen=True)
class Recipe:
    """What the examples look like.

    Attributes:
        passages: Numbers of passages in a prompt, drawn evenly.
        window_words: Fewest and most words that a passage is cut to, around the answer where it holds it.
        longest_answer: Most words of a target; questions without so short an answer are left out.
        without_answer: Share whose passages do not hold the answer; the target is ``NOT_FOUND``.
        closed_book: Share without passages, so that the closed-book arm guesses as briefly; pools may opt out.
        as_retrieved: Share whose passages keep the encoder's order; the others are shuffled.
        lower_case: Share of questions set in lower case, as people type them.
        no_question_mark: Share of questions that lose their question mark.
        random_distractors: Share of distractors that are any passage of the pool rather than a near one.
        questions: Most questions that share the passages of an example.
    """

    passages: tuple[int, ...] = (1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 8, 10)
    window_words: tuple[int, int] = (60, 95)
    longest_answer: int = 6
    without_answer: float = 0.08
    closed_book: float = 0.04
    as_retrieved: float = 0.5
    lower_case: float = 0.6
    no_question_mark: float = 0.5
    random_distractors: float = 0.15
    questions: int = 4


@dataclass(frozen=True)
class Turn:
    """A question and what the model is to say.

    Attributes:
        question: As it is put in the prompt.
        target: The shortest accepted answer, or ``NOT_FOUND``.
        source: Id of the question.
    """

    question: str
    target: str
    source: str


@dataclass(frozen=True)
class Example:
    """One training example in words.

    Attributes:
        passages: Cut to their windows, in the prompt's order.
        turns: Questions that are asked of them, each by itself.
    """

    passages: tuple[Passage, ...]
    turns: tuple[Turn, ...]

    def tokens(self, prompt: Prompt, stop: int) -> Tokens:
        """Ids of the passages and of each turn; ``stop`` ends every answer."""
        turns = tuple((prompt.tail(turn.question), [*prompt.encode(turn.target), stop]) for turn in self.turns)
        return Tokens(prompt.context(self.passages), turns)


class ExampleStream:
    """Example by number, drawn from several pools.

    Args:
        pools: At least one, with questions.
        encoder: Finds the near distractors.
        recipe: What the examples look like.
        seed: Another seed is another stream.

    Raises:
        CorpusError: No pool has a question with a short enough answer.
    """

    def __init__(self, pools: Sequence[Pool], encoder: Encoder, recipe: Recipe, seed: int) -> None:
        self._pools = [pool for pool in pools if pool.questions]
        if not self._pools:
            raise CorpusError("There is no question to train the reader on.", f"Give folders with a {TRAIN_FILE}.")
        self._encoder, self._recipe, self._seed = encoder, recipe, seed
        self._rows = [{passage.id: row for row, passage in enumerate(pool.passages)} for pool in self._pools]
        self._about: list[dict[tuple[str, ...], list[Question]]] = [{} for _ in self._pools]
        for about, pool in zip(self._about, self._pools, strict=True):
            for question in pool.questions:
                about.setdefault(question.passage_ids, []).append(question)

    def __getitem__(self, number: int) -> Example:
        draw = random.Random(f"{self._seed}/{number}")
        recipe = self._recipe
        which = draw.choices(range(len(self._pools)), [pool.source.share for pool in self._pools])[0]
        pool = self._pools[which]
        first = draw.choice(pool.questions)
        others = [question for question in self._about[which][first.passage_ids] if question is not first]
        questions = [first, *draw.sample(others, len(others))]
        kind = draw.random()
        if pool.source.closed_book and kind < recipe.closed_book:
            return self._example((), [(question, question.answers[0]) for question in questions], draw)
        gold = [self._rows[which][identifier] for identifier in first.passage_ids]
        answerable = kind < 1 - recipe.without_answer
        rows = self._choose(pool, first, gold if answerable else [], draw.choice(recipe.passages), draw)
        passages = tuple(_window(pool.passages[row], first.evidence, recipe, draw) for row in rows)
        if answerable:
            kept = [(question, question.answers[0]) for question in questions if _answers(passages, question)]
        else:
            kept = [(question, NOT_FOUND) for question in questions if not _mentions(passages, question)]
        return self._example(passages, kept, draw)

    def _example(
        self, passages: tuple[Passage, ...], asked: list[tuple[Question, str]], draw: random.Random
    ) -> Example:
        turns = (
            Turn(_as_typed(question.text, self._recipe, draw), target, question.id)
            for question, target in asked[: self._recipe.questions]
        )
        return Example(passages, tuple(turns))

    def _choose(self, pool: Pool, question: Question, gold: list[int], count: int, draw: random.Random) -> list[int]:
        """Rows of the passages in a prompt; without gold, none of them contains an accepted answer."""
        wanted = min(max(count, len(gold)), len(pool.passages))
        near = np.argsort(-(pool.vectors @ self._encoder.encode_query(question.text)), kind="stable")
        chosen = list(gold)
        ranked = [int(row) for row in near[: 3 * wanted + 10]]
        while len(chosen) < wanted:
            if ranked and draw.random() >= self._recipe.random_distractors:
                row = ranked.pop(0)
            elif ranked:
                row = draw.randrange(len(pool.passages))
            else:
                break
            if row not in chosen and (gold or not coverage(pool.passages[row].text, question.answers)):
                chosen.append(row)
        if draw.random() < self._recipe.as_retrieved:
            place = {int(row): rank for rank, row in enumerate(near)}
            return sorted(chosen, key=place.__getitem__)
        draw.shuffle(chosen)
        return chosen


def _answers(passages: Sequence[Passage], question: Question) -> bool:
    """Whether all evidence of a question is left in the windows, and its answer with it."""
    shown = [passage.text for passage in passages]
    evidence = all(any(piece in text for text in shown) for piece in question.evidence)
    return evidence and any(question.answers[0] in text for text in shown)


def _mentions(passages: Sequence[Passage], question: Question) -> bool:
    return any(coverage(passage.text, question.answers) for passage in passages)


def _as_typed(text: str, recipe: Recipe, draw: random.Random) -> str:
    if draw.random() < recipe.lower_case:
        text = text.lower()
    return text.strip().rstrip("?").rstrip() if draw.random() < recipe.no_question_mark else text.strip()


def _window(passage: Passage, keep: Sequence[str], recipe: Recipe, draw: random.Random) -> Passage:
    """Cuts a passage to a random length and place that holds the first of ``keep`` that the passage contains."""
    words = passage.text.split(" ")
    length = draw.randint(*recipe.window_words)
    if len(words) <= length:
        return passage
    first, last = 0, len(words) - length
    kept = next((text for text in keep if text and text in passage.text), "")
    if kept:
        at = passage.text.index(kept)
        begins, ends = passage.text.count(" ", 0, at), passage.text.count(" ", 0, at + len(kept))
        length = max(length, ends - begins + 1)
        first, last = max(0, ends - length + 1), min(len(words) - length, begins)
    start = draw.randint(first, last)
    return replace(passage, text=" ".join(words[start : start + length]))
