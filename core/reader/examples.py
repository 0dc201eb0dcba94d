"""Training examples of the reader: a question, one to ten passages, and the shortest accepted answer.

Example number i depends on the seed and on i alone, so a training that was interrupted goes on with exactly the
examples it would have seen. Distractors are mostly what the encoder finds for the question, as at answering time.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.corpus.types import Passage, Question, texts
from core.errors import CorpusError
from core.evaluation.metrics import coverage, f1, normalise
from core.models.encoder import Encoder, Vectors
from core.models.prompt import NOT_FOUND, Prompt

TRAIN_FILE = "questions_train.jsonl"
_SPACES = re.compile(r"\s+")


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


@dataclass(frozen=True)
class Pool:
    """Passages and the questions that may be trained on.

    Attributes:
        name: For messages and the card.
        passages: In a fixed order.
        questions: With the shortest accepted answer first, and as evidence what a cut must leave whole.
        vectors: Unit vectors of the passages [n, dim].
        share: Relative frequency of the pool among the examples.
        closed_book: Whether its questions may be asked without passages; not those of a fictional world.
    """

    name: str
    passages: tuple[Passage, ...]
    questions: tuple[Question, ...]
    vectors: Vectors
    share: float = 1.0
    closed_book: bool = True


@dataclass(frozen=True)
class Example:
    """One training example in words.

    Attributes:
        question: As it is put in the prompt.
        passages: Cut to their windows, in the prompt's order.
        target: What the model is to say.
        source: Id of the question.
    """

    question: str
    passages: tuple[Passage, ...]
    target: str
    source: str

    def tokens(self, prompt: Prompt, stop: int) -> tuple[list[int], list[int]]:
        """Ids of the prompt, and of the target with the stop id after it."""
        return prompt.context(self.passages) + prompt.tail(self.question), [*prompt.encode(self.target), stop]


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

    def __getitem__(self, number: int) -> Example:
        draw = random.Random(f"{self._seed}/{number}")
        recipe = self._recipe
        which = draw.choices(range(len(self._pools)), [pool.share for pool in self._pools])[0]
        pool = self._pools[which]
        question = draw.choice(pool.questions)
        kind = draw.random()
        asked = _as_typed(question.text, recipe, draw)
        if pool.closed_book and kind < recipe.closed_book:
            return Example(asked, (), question.answers[0], question.id)
        gold = [self._rows[which][identifier] for identifier in question.passage_ids]
        count = draw.choice(recipe.passages)
        answerable = kind < 1 - recipe.without_answer
        rows = self._choose(pool, question, gold if answerable else [], count, draw)
        passages = tuple(_window(pool.passages[row], question.evidence, recipe, draw) for row in rows)
        return Example(asked, passages, question.answers[0] if answerable else NOT_FOUND, question.id)

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


def load_pool(folder: Path, encoder: Encoder, recipe: Recipe, share: float = 1.0, closed_book: bool = True) -> Pool:
    """Reads ``passages.jsonl`` and ``questions_train.jsonl`` of a folder; other question files are never opened.

    Args:
        folder: A folder as ``data/sample``.
        encoder: Encodes the passages.
        recipe: Says how long an answer may be.
        share: See ``Pool``.
        closed_book: See ``Pool``.

    Raises:
        CorpusError: A file is missing or a line of it cannot be read.
    """
    passages = tuple(_passage(row) for row in _rows(folder / "passages.jsonl"))
    by_id = {passage.id: passage for passage in passages}
    questions = (_trainable(row, by_id, recipe) for row in _rows(folder / TRAIN_FILE))
    vectors = encoder.encode_passages(texts(passages))
    return Pool(folder.name, passages, tuple(filter(None, questions)), vectors, share, closed_book)


def _rows(path: Path) -> list[dict]:
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise CorpusError(
            f"{path.name} of the pool {path.parent.name} cannot be read: {error}", "Correct it."
        ) from None


def _passage(row: dict) -> Passage:
    title = row.get("title", "")
    # An address is no title: it would teach the model to read the answer out of the link.
    title = "" if title.startswith("http") else title
    return Passage(row["id"], title, _SPACES.sub(" ", row["text"]).strip(), row.get("topic", ""))


def _trainable(row: dict, passages: dict[str, Passage], recipe: Recipe) -> Question | None:
    """The question with its shortest answer first and what to keep of each gold passage, or None if it does not fit.

    Left out are long answers, answers that no gold passage contains, and questions whose annotators disagree.
    """
    cleaned = {_SPACES.sub(" ", answer).strip(" .,;:") for answer in row["answers"]}
    answers = tuple(sorted(filter(None, cleaned), key=lambda answer: (len(answer.split()), len(answer), answer)))
    ids = tuple(row.get("passage_ids") or [row.get("passage_id", "")])
    if not answers or len(answers[0].split()) > recipe.longest_answer or any(i not in passages for i in ids):
        return None
    if any(f1(answers[0], [answer]) == 0 for answer in answers[1:]):
        return None
    texts_of_gold = [passages[i].text for i in ids]
    if not any(_occurrences(text, answers[0]) for text in texts_of_gold):
        return None
    evidence = tuple(row.get("evidence") or ()) or tuple(
        _sentence(text, row["question"], answers[0]) for text in texts_of_gold
    )
    return Question(row["id"], row["question"], answers, ids, evidence)


def _occurrences(text: str, answer: str) -> list[int]:
    """Where ``answer`` stands in ``text`` as whole words."""
    return [match.start() for match in re.finditer(rf"(?<!\w){re.escape(answer)}(?!\w)", text)]


def _sentence(text: str, question: str, answer: str) -> str:
    """The stretch of 12 words either side of the answer; where it occurs more than once, the most like the question."""
    asked = set(normalise(question).split())
    stretches = []
    for at in _occurrences(text, answer):
        before, after = text[:at].split(" "), text[at:].split(" ")
        stretches.append(" ".join(before[-12:])[-400:] + " ".join(after[: len(answer.split()) + 12]))
    return max(stretches, key=lambda stretch: len(asked & set(normalise(stretch).split())), default="")


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
