"""Training examples of the evidence stage, drawn by seed and block so that a resumed run draws the same ones.

Kinds: *read* (a question of the corpus -> its evidence, from the document's own z), *recite* (-> the whole document),
*counterfactual* (a document with swapped facts, read from its untrained z), *general* (a document of another pool,
likewise) and *wrong* (a z that does not hold the answer -> ``NOT_IN_MEMORY``). Counterfactuals and the general pool
keep the LoRA from learning the corpus
by heart; the wrong ones teach it to compare z with the question.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from core.corpus.sentences import whole_sentences
from core.corpus.types import Corpus, Passage, texts
from core.errors import TesseraError
from core.memory.config import MemoryConfig
from core.memory.counterfactuals import Counterfactuals
from core.memory.prompt import NOT_IN_MEMORY, RECITE, ZPrompt
from core.memory.self_study import evidence_for, self_study_question
from core.messages import message

BLOCK = 16
_GENERAL_LIMIT = 60


@dataclass(frozen=True)
class Example:
    """One training sequence.

    Attributes:
        kind: read, recite, counterfactual, general or wrong.
        row: Row of the pool whose z is shown; -1 when ``document`` is.
        document: Text of a document outside the pool, whose first z is shown.
        general: Whether that document is of the general pool.
        tail: Ids of the question.
        target: Ids of the evidence, end included.
    """

    kind: str
    row: int
    document: str
    tail: tuple[int, ...]
    target: tuple[int, ...]
    general: bool = False


class Reading(NamedTuple):
    """A question and what a document says to it.

    Attributes:
        evidence: The sentence that holds the answer.
    """

    row: int
    question: str
    evidence: str


def given_questions(corpus: Corpus, split: str) -> list[Reading]:
    """The questions of a split, one for each gold passage that holds evidence."""
    rows = corpus.index()
    readings: list[Reading] = []
    for question in corpus.questions.get(split, ()):
        for passage_id in question.passage_ids:
            row = rows.get(passage_id)
            sentence = None if row is None else evidence_for(question, corpus.passages[row])
            if row is not None and sentence:
                readings.append(Reading(row, question.text, sentence))
    return readings


class Examples:
    """Draws training batches.

    Args:
        corpus: The documents to remember, with their train questions.
        general: A pool to learn reading on, or None.
        near: Row to rows of similar documents, for wrong z that are hard to tell.

    Raises:
        TesseraError: A share for the general pool is set without one, or the pool has no usable question.
    """

    def __init__(
        self,
        corpus: Corpus,
        general: Corpus | None,
        prompt: ZPrompt,
        config: MemoryConfig,
        near: Sequence[Sequence[int]],
    ) -> None:
        self._corpus, self._prompt, self._config, self._near = corpus, prompt, config, near
        self._sentences = [whole_sentences(passage.text) for passage in corpus.passages]
        self._counterfactuals = Counterfactuals(corpus.passages)
        self._given = given_questions(corpus, "train")
        self._general: list[Reading] = []
        self._cached: tuple[int, list[list[Example]]] | None = None
        self._general_passages = general.passages if general else ()
        self._rows = {text: row for row, text in enumerate(texts(self._general_passages))}
        self._by_row: dict[int, list[tuple[str, str]]] = defaultdict(list)
        if config.general:
            pool = given_questions(general, "train") if general else []
            self._general = [reading for reading in pool if len(prompt.encode(reading.evidence)) <= _GENERAL_LIMIT]
            for row, question, sentence in self._general:
                self._by_row[row].append((question, sentence))
            if not self._general:
                raise TesseraError(
                    message(
                        "general is {share}, but there is no pool with usable train questions.", share=config.general
                    ),
                    "Give a pool, or set general to 0.",
                )

    def batch(self, step: int) -> list[Example]:
        """The examples of one step."""
        return self._block(step // BLOCK)[step % BLOCK]

    def _block(self, number: int) -> list[list[Example]]:
        """A block's batches; sorting by length inside the block keeps padding low."""
        if self._cached is None or self._cached[0] != number:
            rng = random.Random(f"{self._config.seed}/{number}")
            drawn = [self._draw(rng) for _ in range(BLOCK * self._config.batch)]
            alone = [group for group in drawn if all(example.kind == "wrong" for example in group)]
            reading = sorted((g for g in drawn if any(example.kind != "wrong" for example in g)), key=_length)
            batches = [reading[len(reading) * i // BLOCK : len(reading) * (i + 1) // BLOCK] for i in range(BLOCK)]
            # Refusals are short: sorted in, they would fill batches of their own and the model would swing to and fro.
            for i, group in enumerate(alone):
                batches[i % BLOCK].append(group)
            rng.shuffle(batches)
            self._cached = (number, [[example for group in batch for example in group] for batch in batches])
        return self._cached[1]

    def _draw(self, rng: random.Random) -> list[Example]:
        """One example, or several of the general pool."""
        group = self._draw_one(rng)
        if group[0].kind != "general" or self._config.siblings == 1:
            return group
        return self._siblings(group[0], rng)

    def _siblings(self, first: Example, rng: random.Random) -> list[Example]:
        """Other questions of the same document, as far as there are any; some of them are swapped for foreign ones."""
        row = self._rows[first.document]
        others = [e for pair in self._by_row[row] if (e := self._general_example(row, *pair)) != first]
        group = [first, *rng.sample(others, min(len(others), self._config.siblings - 1))]
        return [self._refused(e, row, rng) if rng.random() < self._config.wrong else e for e in dict.fromkeys(group)]

    def _refused(self, example: Example, row: int, rng: random.Random) -> Example:
        """The same document with a question about another one."""
        passage = self._other_general(row, rng)
        pairs = self._by_row.get(self._rows[texts([passage])[0]])
        if not pairs:
            return example
        wrong = self._example("wrong", passage, rng.choice(pairs)[0], NOT_IN_MEMORY)
        return replace(wrong, document=example.document, general=True)

    def _general_example(self, row: int, question: str, sentence: str) -> Example:
        example = self._example("general", self._general_passages[row], question, sentence, _GENERAL_LIMIT)
        return replace(example, general=True)

    def _draw_one(self, rng: random.Random) -> list[Example]:
        share = self._config
        draw = rng.random()
        if draw < share.recite:
            row = rng.randrange(len(self._corpus.passages))
            return [self._example("recite", row, RECITE, self._corpus.passages[row].text, share.passage_tokens)]
        draw -= share.recite
        if draw < share.wrong:
            return self._wrong(rng)
        draw -= share.wrong
        if draw < share.counterfactual:
            reading = self._reading(rng)
            passage, rewrite = self._counterfactuals.make(self._corpus.passages[reading.row], rng)
            return [self._example("counterfactual", passage, rewrite(reading.question), rewrite(reading.evidence))]
        draw -= share.counterfactual
        if draw < share.general:
            row, question, sentence = rng.choice(self._general)
            return [self._general_example(row, question, sentence)]
        return [self._example("read", *self._reading(rng))]

    def _wrong(self, rng: random.Random) -> list[Example]:
        """A question shown the z of another document; as often from an untrained z as right ones are."""
        own = 1 - self._config.wrong - self._config.recite
        draw = rng.random() * own
        if draw < self._config.general:
            row, question, _ = rng.choice(self._general)
            example = self._example("wrong", self._other_general(row, rng), question, NOT_IN_MEMORY)
            return [replace(example, general=True)]
        row, question, _ = self._reading(rng)
        other = self._other(row, rng)
        if draw < self._config.general + self._config.counterfactual:
            passage, rewrite = self._counterfactuals.make(self._corpus.passages[other], rng)
            return [self._example("wrong", passage, rewrite(question), NOT_IN_MEMORY)]
        return [self._example("wrong", other, question, NOT_IN_MEMORY)]

    def _reading(self, rng: random.Random) -> Reading:
        if self._given and rng.random() >= self._config.study:
            return rng.choice(self._given)
        row = rng.randrange(len(self._corpus.passages))
        sentence = rng.choice(self._sentences[row])
        return Reading(row, self_study_question(sentence, self._corpus.passages[row].title, rng), sentence)

    def _other(self, row: int, rng: random.Random) -> int:
        """Another document: in half of the cases a similar one."""
        if self._near[row] and rng.random() < 0.5:
            return rng.choice(self._near[row])
        other = rng.randrange(max(1, len(self._corpus.passages) - 1))
        return other + (other >= row) if len(self._corpus.passages) > 1 else row

    def _other_general(self, row: int, rng: random.Random) -> Passage:
        """Another document of the pool under another title: neighbours often share their facts."""
        title = self._general_passages[row].title
        for _ in range(20):
            other = rng.randrange(len(self._general_passages))
            if other != row and self._general_passages[other].title != title:
                break
        return self._general_passages[other]

    def _example(self, kind: str, shown: int | Passage, question: str, text: str, limit: int = 0) -> Example:
        target = tuple(self._prompt.target(text, limit or self._config.evidence_tokens))
        tail = tuple(self._prompt.tail(question))
        if isinstance(shown, int):
            return Example(kind, shown, "", tail, target)
        return Example(kind, -1, texts([shown])[0], tail, target)


def _length(group: Sequence[Example]) -> int:
    return sum(len(example.tail) + len(example.target) for example in group)
