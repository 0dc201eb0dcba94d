"""Training examples of the evidence stage, drawn by seed and block so that a resumed run draws the same ones.

Kinds: *read* (a question of the corpus -> its evidence, from the document's own z), *recite* (-> the whole document),
*twin* (a document with swapped facts, read from its untrained z), *general* (a document of another pool, likewise) and
*wrong* (a z that does not hold the answer -> ``NOT_IN_MEMORY``). Twins and the general pool keep the LoRA from
learning the corpus by heart; the wrong ones teach it to compare z with the question.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.corpus.types import Corpus, Passage, texts
from core.errors import TesseraError
from core.memory.config import MemoryConfig
from core.memory.frame import NOT_IN_MEMORY, RECITE, Frame
from core.memory.selfstudy import evidence_for, self_study_question, sentences
from core.memory.twins import Twins

BLOCK = 16
_GENERAL_LIMIT = 60


@dataclass(frozen=True)
class Example:
    """One sequence to learn from.

    Attributes:
        kind: read, recite, twin, general or wrong.
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


Triple = tuple[int, str, str]
"""Row, question, evidence sentence."""


def given_questions(corpus: Corpus, split: str) -> list[Triple]:
    """(row, question, evidence) of a split, one for each gold passage that holds evidence."""
    rows = corpus.index()
    triples: list[Triple] = []
    for question in corpus.questions.get(split, ()):
        for passage_id in question.passage_ids:
            row = rows.get(passage_id)
            sentence = None if row is None else evidence_for(question, corpus.passages[row])
            if row is not None and sentence:
                triples.append((row, question.text, sentence))
    return triples


class Examples:
    """Draws training batches.

    Args:
        corpus: The documents to remember, with their train questions.
        general: A pool to learn reading on, or None.
        frame: Turns text into ids.
        config: Shares of the kinds, batch size and seed.
        near: Row to rows of similar documents, for wrong z that are hard to tell.

    Raises:
        TesseraError: A share for the general pool is set without one, or the pool has no usable question.
    """

    def __init__(
        self,
        corpus: Corpus,
        general: Corpus | None,
        frame: Frame,
        config: MemoryConfig,
        near: Sequence[Sequence[int]],
    ) -> None:
        self._corpus, self._frame, self._config, self._near = corpus, frame, config, near
        self._sentences = [sentences(passage.text) for passage in corpus.passages]
        self._twins = Twins(corpus.passages)
        self._given = given_questions(corpus, "train")
        self._general: list[Triple] = []
        self._cached: tuple[int, list[list[Example]]] | None = None
        self._general_passages = general.passages if general else ()
        self._rows = {text: row for row, text in enumerate(texts(self._general_passages))}
        self._by_row: dict[int, list[tuple[str, str]]] = defaultdict(list)
        if config.general:
            pool = given_questions(general, "train") if general else []
            self._general = [t for t in pool if len(frame.encode(t[2])) <= _GENERAL_LIMIT]
            for row, question, sentence in self._general:
                self._by_row[row].append((question, sentence))
            if not self._general:
                raise TesseraError(
                    f"general is {config.general}, but there is no pool with usable train questions.",
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
            alone = [group for group in drawn if group[0].kind == "wrong" and len(group) == 1]
            reading = sorted((g for g in drawn if g[0].kind != "wrong" or len(g) > 1), key=_length)
            batches = [reading[len(reading) * i // BLOCK : len(reading) * (i + 1) // BLOCK] for i in range(BLOCK)]
            # Refusals are short: sorted in, they would fill batches of their own and the model would swing to and fro.
            for i, group in enumerate(alone):
                batches[i % BLOCK].append(group)
            rng.shuffle(batches)
            self._cached = (number, [[example for group in batch for example in group] for batch in batches])
        return self._cached[1]

    def _draw(self, rng: random.Random) -> list[Example]:
        """One example, or several about one document of the general pool."""
        example = self._draw_one(rng)
        if example.kind != "general" or self._config.siblings == 1:
            return [example]
        return self._siblings(example, rng)

    def _siblings(self, first: Example, rng: random.Random) -> list[Example]:
        """Other questions of the same document, as far as there are any; some of them are swapped for foreign ones."""
        row = self._rows[first.document]
        others = [e for found in self._by_row[row] if (e := self._general_example(row, *found)) != first]
        group = [first, *rng.sample(others, min(len(others), self._config.siblings - 1))]
        return [self._refused(e, row, rng) if rng.random() < self._config.wrong else e for e in dict.fromkeys(group)]

    def _refused(self, example: Example, row: int, rng: random.Random) -> Example:
        """The same document, asked for what another one holds."""
        passage = self._other_general(row, rng)
        found = self._by_row.get(self._rows[texts([passage])[0]])
        if not found:
            return example
        wrong = self._example("wrong", passage, rng.choice(found)[0], NOT_IN_MEMORY)
        return replace(wrong, document=example.document, general=True)

    def _general_example(self, row: int, question: str, sentence: str) -> Example:
        example = self._example("general", self._general_passages[row], question, sentence, _GENERAL_LIMIT)
        return replace(example, general=True)

    def _draw_one(self, rng: random.Random) -> Example:
        share = self._config
        draw = rng.random()
        if draw < share.recite:
            row = rng.randrange(len(self._corpus.passages))
            return self._example("recite", row, RECITE, self._corpus.passages[row].text, share.passage_tokens)
        draw -= share.recite
        if draw < share.wrong:
            return self._wrong(rng)
        draw -= share.wrong
        if draw < share.twin:
            row, question, sentence = self._reading(rng)
            twin, rewrite = self._twins.make(self._corpus.passages[row], rng)
            return self._example("twin", twin, rewrite(question), rewrite(sentence))
        draw -= share.twin
        if draw < share.general:
            return self._general_example(*rng.choice(self._general))
        row, question, sentence = self._reading(rng)
        return self._example("read", row, question, sentence)

    def _wrong(self, rng: random.Random) -> Example:
        """A question shown the z of another document; as often from an untrained z as right ones are."""
        own = 1 - self._config.wrong - self._config.recite
        draw = rng.random() * own
        if draw < self._config.general:
            row, question, _ = rng.choice(self._general)
            example = self._example("wrong", self._other_general(row, rng), question, NOT_IN_MEMORY)
            return replace(example, general=True)
        row, question, _ = self._reading(rng)
        other = self._other(row, rng)
        if draw < self._config.general + self._config.twin:
            twin, rewrite = self._twins.make(self._corpus.passages[other], rng)
            return self._example("wrong", twin, rewrite(question), NOT_IN_MEMORY)
        return self._example("wrong", other, question, NOT_IN_MEMORY)

    def _reading(self, rng: random.Random) -> Triple:
        if self._given and rng.random() >= self._config.study:
            return rng.choice(self._given)
        row = rng.randrange(len(self._corpus.passages))
        sentence = rng.choice(self._sentences[row])
        return row, self_study_question(sentence, self._corpus.passages[row].title, rng), sentence

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
        target = tuple(self._frame.target(text, limit or self._config.evidence_tokens))
        tail = tuple(self._frame.tail(question))
        if isinstance(shown, int):
            return Example(kind, shown, "", tail, target)
        return Example(kind, -1, texts([shown])[0], tail, target)


def _length(group: Sequence[Example]) -> int:
    return sum(len(example.tail) + len(example.target) for example in group)
