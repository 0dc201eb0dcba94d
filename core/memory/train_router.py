"""The routing stage: trains the router to find the document of a question, or the null slot if there is none."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from core.corpus.sentences import whole_sentences
from core.corpus.types import Corpus
from core.jobs import Progress, Work
from core.memory.config import MemoryConfig
from core.memory.document_keys import DocumentKeys
from core.memory.prompt import ZPrompt
from core.memory.router import QuestionReader, QuestionStates, Router
from core.memory.self_study import self_study_question
from core.memory.z_codec import ZReading
from core.messages import message

STAGE = "Learning to route"
_LEFT_OUT = 0.15
_GIVEN_SHARE = 0.4
_MOST_STUDY = 12_000
_WORDINGS = 4
_BATCH = 64
_REPORT_EVERY = 20


@dataclass(frozen=True)
class RoutingQuestion:
    """A question and the rows of its documents."""

    text: str
    rows: tuple[int, ...]


def study_questions(corpus: Corpus, seed: int) -> list[RoutingQuestion]:
    """Self-study questions for every sentence, several wordings each, within a fixed total."""
    rng = random.Random(f"{seed}/routing")
    pieces = [(row, s) for row, passage in enumerate(corpus.passages) for s in whole_sentences(passage.text)]
    wordings = max(1, min(_WORDINGS, _MOST_STUDY // max(1, len(pieces))))
    return [
        RoutingQuestion(self_study_question(sentence, corpus.passages[row].title, rng), (row,))
        for row, sentence in pieces
        for _ in range(wordings)
    ]


def corpus_questions(corpus: Corpus, split: str) -> list[RoutingQuestion]:
    """The questions of a split whose documents are in the corpus."""
    rows = corpus.index()
    all_questions = [
        RoutingQuestion(question.text, tuple(rows[i] for i in question.passage_ids if i in rows))
        for question in corpus.questions.get(split, ())
    ]
    return [question for question in all_questions if question.rows]


def train_router(
    router: Router, reader: QuestionReader, prompt: ZPrompt, z: ZReading, corpus: Corpus, config: MemoryConfig
) -> Work:
    """Trains the router in place on what is read off a finished Z.

    In some of the questions the right document is left out, and the null slot is the right answer.

    Yields:
        Progress with ``routing_loss``, and ``held_out_recall_at_1`` and ``_at_5`` on the dev questions; without a step
        nothing is measured, which takes minutes on thousands of documents.
    """
    if not config.router_steps:
        router.eval()
        yield Progress(STAGE, 0, 0, "no steps")
        return
    held_out = corpus_questions(corpus, "dev")
    idf = router.idf if config.casings else None
    held_out_states = [part for _, part in read_questions(reader, prompt, held_out, idf)]
    study, given = study_questions(corpus, config.seed), corpus_questions(corpus, "train")
    questions = study + given
    states: list[QuestionStates] = []
    for done, part in read_questions(reader, prompt, questions, idf):
        states.append(part)
        yield Progress("Reading routing questions", done, len(questions))
    optimiser = torch.optim.AdamW(router.parameters(), lr=config.lr_router, weight_decay=0.01)
    rng = random.Random(f"{config.seed}/router")
    torch.manual_seed(config.seed)
    mean_loss = 0.0
    for step in range(config.router_steps):
        rows = _draw(len(study), len(given), config.router_batch, rng)
        for group in optimiser.param_groups:
            group["lr"] = config.lr_router * (1 - step / config.router_steps)
        router.train()
        shown, gold = _documents([questions[row].rows for row in rows], len(z.rows), config.router_documents, rng)
        loss = routing_loss(router, gather(states, rows), z if shown is None else z.picked(shown), gold, rng)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        mean_loss += loss.item()
        if (step + 1) % _REPORT_EVERY == 0 or step + 1 == config.router_steps:
            router.eval()
            data = {"routing_step": step + 1, "routing_loss": mean_loss / (step % _REPORT_EVERY + 1)}
            mean_loss = 0.0
            if held_out and ((step + 1) % (5 * _REPORT_EVERY) == 0 or step + 1 == config.router_steps):
                data |= recall(router, held_out_states, z, held_out)
            yield Progress(
                STAGE, step + 1, config.router_steps, message("loss {loss:.3f}", loss=data["routing_loss"]), data
            )
    router.eval()


def routing_loss(
    router: Router, states: QuestionStates, z: ZReading, gold: Sequence[Sequence[int]], rng: random.Random
) -> torch.Tensor:
    """-log P(a right document | question), or of the null slot where the right ones are left out."""
    logits = router.logits(router.similarity(states, keys_of(router, z)))
    right = torch.zeros_like(logits, dtype=torch.bool)
    for i, rows in enumerate(gold):
        if rng.random() < _LEFT_OUT:
            logits[i, list(rows)] = -torch.inf
            right[i, -1] = True
        else:
            right[i, list(rows)] = True
    chosen = logits.masked_fill(~right, -torch.inf).logsumexp(1)
    return (logits.logsumexp(1) - chosen).mean()


@torch.no_grad()
def recall(
    router: Router, states: Sequence[QuestionStates], z: ZReading, questions: Sequence[RoutingQuestion]
) -> dict[str, float]:
    """Share of questions with a right document first, and among the first five."""
    keys = keys_of(router, z)
    top = torch.cat([router.similarity(part, keys).topk(min(5, len(z.rows)), 1).indices for part in states]).tolist()
    first = sum(rows[0] in q.rows for rows, q in zip(top, questions, strict=True))
    five = sum(any(row in q.rows for row in rows) for rows, q in zip(top, questions, strict=True))
    return {"held_out_recall_at_1": first / len(questions), "held_out_recall_at_5": five / len(questions)}


def keys_of(router: Router, z: ZReading) -> DocumentKeys:
    """The router's keys of what is read off Z."""
    return DocumentKeys.of_vectors(router.keys(z.coordinates), z.rows)


def read_questions(
    reader: QuestionReader, prompt: ZPrompt, questions: Sequence[RoutingQuestion], idf: torch.Tensor | None = None
) -> Iterator[tuple[int, QuestionStates]]:
    """States of questions, a batch at a time, with how many are done; ``idf`` as in ``question_words``."""
    for start in range(0, len(questions), _BATCH):
        part = questions[start : start + _BATCH]
        yield start + len(part), reader.read([question_words(prompt, question.text, idf) for question in part])


def question_words(prompt: ZPrompt, text: str, idf: torch.Tensor | None = None) -> list[list[list[int]]]:
    """Words of a question for the router, each as ids with a space in front, so that the first looks like any other.

    Args:
        idf: [vocabulary], of the corpus. With it, every word stands in each casing all of whose tokens the corpus has,
            or as it is where there is none: people ask for "harry potter", and tokens know no casing but their own.

    Returns:
        For every word its casings, each as ids. Without ``idf`` the question is a single word in a single casing, which
        weighs its tokens as they are.
    """
    if idf is None:
        return [[prompt.encode(f" {text.strip()}")]]
    unseen = float(idf.max())
    words: list[list[list[int]]] = []
    for word in text.split():
        casings = dict.fromkeys((word, word[:1].upper() + word[1:], word.upper(), word.lower()))
        encoded = [prompt.encode(f" {casing}") for casing in casings]
        words.append([ids for ids in encoded if all(float(idf[i]) < unseen for i in ids)] or encoded[:1])
    return words


def gather(parts: Sequence[QuestionStates], rows: Sequence[int]) -> QuestionStates:
    """A batch of single questions out of parts of ``_BATCH`` each, padded to the longest."""
    picked = [parts[row // _BATCH].select([row % _BATCH]) for row in rows]
    width = max(int(states.mask.sum()) for states in picked)

    def stack(tensors: list[torch.Tensor]) -> torch.Tensor:
        out = tensors[0].new_zeros(len(tensors), width, *tensors[0].shape[2:])
        for i, tensor in enumerate(tensors):
            out[i, : tensor.shape[1]] = tensor[0, :width]
        return out

    return QuestionStates(*(stack(list(tensors)) for tensors in zip(*(s.tensors for s in picked), strict=True)))


def _documents(
    gold: Sequence[Sequence[int]], count: int, most: int, rng: random.Random
) -> tuple[list[int] | None, list[tuple[int, ...]]]:
    """Which documents questions are compared with, None for all of them, and where their own stand among those."""
    if count <= most:
        return None, [tuple(rows) for rows in gold]
    own = {row for rows in gold for row in rows}
    shown = sorted(own | set(rng.sample(range(count), max(0, most - len(own)))))
    index_of = {row: i for i, row in enumerate(shown)}
    return shown, [tuple(index_of[row] for row in rows) for rows in gold]


def _draw(study: int, given: int, size: int, rng: random.Random) -> list[int]:
    """Rows of a batch: given questions are few and worth more, so they are drawn more often."""
    rows = []
    for _ in range(size):
        from_given = given and (not study or rng.random() < _GIVEN_SHARE)
        rows.append(study + rng.randrange(given) if from_given else rng.randrange(study))
    return rows
