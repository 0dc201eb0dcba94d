"""Encoders compared: what they find, how fast, and what they do to cells and to the answers of RAG and CAG.

One workspace is embedded anew with each encoder, so that all share its passages, questions and blocks and differ in the
encoder alone. It is thrown away afterwards.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from core import pipeline
from core.corpus.types import Question
from core.errors import TesseraError
from core.evaluation.harness import evaluate
from core.evaluation.questions import QuestionSet, from_split
from core.evaluation.runs import plan_run, run_folder
from core.evaluation.summary import Rows, answers_of, differences, method_figures
from core.evaluation.variants import parse_variants
from core.jobs import Progress, Work
from core.messages import message
from core.methods.resources import Resources
from core.models.device import choose_device, describe
from core.models.embeddings import load_vectors, nearest_rows
from core.models.encoder import Vectors
from core.models.machine import machine
from core.models.registry import Models
from core.models.variant import ModelVariant
from core.settings import Settings
from core.statistics import bootstrap_mean, paired_difference
from core.trace import timed
from core.units import timestamp
from core.voronoi.partition import Partition
from core.voronoi.routing import default_nprobe, routing_recall
from core.workspace import Workspace

Hits = Mapping[int, Sequence[float]]
"""By depth k, for each question whether all its gold passages are among the best k: 1 or 0."""
METHODS = ("rag", "cag")
DEPTHS = (1, 3, 5)


@dataclass(frozen=True)
class EncoderResult:
    """The result of an encoder.

    Attributes:
        passage_ms: Milliseconds for each passage, embedded in batches.
        question_ms: Median milliseconds for a question, one at a time.
        recall: Share of questions whose gold passages are all among the best k, by k, with its interval.
        recall_difference: The same minus that of the first encoder, paired by question.
        nearest: Share of gold passages in the nearest cell.
        searched: Share of them in the cells that CAG searches.
        methods: Figures of each method, see ``core.evaluation.summary.method_figures``.
        differences: The same minus those of the first encoder, paired by question.
    """

    name: str
    dim: int
    passage_ms: float
    question_ms: float
    recall: dict[int, dict[str, float]]
    recall_difference: dict[int, dict[str, float]]
    cells: int
    nearest: float
    searched: float
    methods: dict[str, Any] = field(default_factory=dict)
    differences: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """Encoders on one corpus.

    Attributes:
        questions: Questions with gold passages, over which recall is a mean.
        answered: Questions that the methods answered.
        model: Name and number format of the language model that answered.
        encoders: In the order in which they were named.
    """

    corpus: str
    passages: int
    split: str
    questions: int
    answered: int
    model: dict[str, str]
    machine: dict[str, Any]
    created: str
    encoders: tuple[EncoderResult, ...]


def compare(
    settings: Settings, source: str, encoders: Sequence[str], split: str, size: int | None = None, answered: int = 0
) -> Work:
    """Embeds a corpus with one encoder after the other and measures each.

    Args:
        settings: The language model, and where passages and models lie.
        source: See ``core.corpus.load.loading``.
        encoders: Presets, folders or hub ids; the others are compared with the first.
        size: Passages to keep; None keeps all.
        answered: Questions to have answered by ``METHODS``, drawn by the seed; 0 answers none.

    Yields:
        Progress; the last step's ``data["comparison"]`` is the ``Comparison``.

    Raises:
        TesseraError: The corpus has no question of that split that names its passages, or a stage fails.
    """
    with TemporaryDirectory(prefix="tessera-encoders-") as folder:
        ws, compared = Workspace(Path(folder) / "encoders"), list[EncoderResult]()
        first: tuple[Hits, Mapping[str, Rows]] | None = None
        for name in encoders:
            with_encoder = replace(settings, encoder=name)
            resources = Resources(ws, Models(with_encoder), with_encoder)
            if first is None:
                yield from pipeline.prepare(ws, resources.models, source, size)
                yield from pipeline.blocks(ws, resources.models, with_encoder) if answered else ()
            else:
                yield from pipeline.embed_anew(ws, resources.models, with_encoder)
            yield from pipeline.cluster_with_settings(ws, resources.models, with_encoder)
            questions = _with_gold(resources, split)
            vectors, question_ms = yield from _encoded(resources, questions)
            hits = _hits(resources, questions, vectors)
            rows = (yield from _answer(resources, questions, split, answered)) if answered else {}
            first = first or (hits, rows)
            compared.append(_compared(resources, questions, vectors, question_ms, (hits, rows), first))
        comparison = Comparison(
            corpus=resources.corpus.name,
            passages=len(resources.corpus.passages),
            split=split,
            questions=len(questions),
            answered=min(answered, len(questions)),
            model={"name": settings.model, "dtype": ModelVariant.of(settings).dtype},
            machine=machine(describe(choose_device(settings.device))),
            created=timestamp(),
            encoders=tuple(compared),
        )
        yield Progress("Comparing encoders", 1, 1, "", {"comparison": asdict(comparison)})


def _with_gold(resources: Resources, split: str) -> tuple[Question, ...]:
    questions = tuple(q for q in from_split(resources.corpus, split).questions if q.passage_ids)
    if not questions:
        raise TesseraError(
            message("No {split!r} question names its passages.", split=split), "Choose another split or corpus."
        )
    return questions


def _encoded(resources: Resources, questions: Sequence[Question]) -> Generator[Progress, None, tuple[Vectors, float]]:
    """Unit vectors [m, dim] of questions, and the median milliseconds for one."""
    encoder, vectors, times = resources.models.encoder(), list[Vectors](), list[float]()
    for done, question in enumerate(questions):
        vector, ms = timed(partial(encoder.encode_query, question.text))
        vectors.append(vector)
        times.append(ms)
        yield Progress("Encoding questions", done + 1, len(questions), encoder.name)
    return np.stack(vectors), median(times)


def _hits(resources: Resources, questions: Sequence[Question], vectors: Vectors) -> Hits:
    """For each depth and question, whether all its gold passages are among the best: an exact search."""
    rows = resources.corpus.index()
    best = nearest_rows(load_vectors(resources.workspace), vectors, max(DEPTHS))
    gold = [{rows[name] for name in question.passage_ids} for question in questions]
    return {k: [float(gold_rows <= set(best[i][:k])) for i, gold_rows in enumerate(gold)] for k in DEPTHS}


def _answer(
    resources: Resources, questions: tuple[Question, ...], split: str, n: int
) -> Generator[Progress, None, dict[str, Rows]]:
    question_set = QuestionSet(questions, message("{split} questions", split=split))
    plan = plan_run(parse_variants(METHODS), question_set, n, resources.settings.seed)
    folder = run_folder(resources, plan)
    yield from evaluate(resources, plan, folder)
    return dict(answers_of(folder))


def _compared(
    resources: Resources,
    questions: Sequence[Question],
    vectors: Vectors,
    question_ms: float,
    measured: tuple[Hits, Mapping[str, Rows]],
    first: tuple[Hits, Mapping[str, Rows]],
) -> EncoderResult:
    ws, seed, encoder = resources.workspace, resources.settings.seed, resources.models.encoder()
    partition, rows, manifest = (
        ws.read("partition", Partition.load),
        resources.corpus.index(),
        ws.manifest("embeddings"),
    )
    gold = [[rows[name] for name in question.passage_ids] for question in questions]
    nearest, searched = routing_recall(partition, vectors, gold, (1, default_nprobe(partition.k)))
    embedding_s = manifest.build_s if manifest else 0.0
    return EncoderResult(
        name=resources.settings.encoder,
        dim=encoder.dim,
        passage_ms=1000 * embedding_s / len(rows),
        question_ms=question_ms,
        recall={k: asdict(bootstrap_mean(measured[0][k], seed)) for k in DEPTHS},
        recall_difference={k: asdict(paired_difference(measured[0][k], first[0][k], seed)) for k in DEPTHS},
        cells=partition.k,
        nearest=nearest.recall,
        searched=searched.recall,
        methods={name: method_figures(list(rows_of.values()), seed) for name, rows_of in measured[1].items()},
        differences={name: differences(rows_of, first[1][name], seed) for name, rows_of in measured[1].items()},
    )
