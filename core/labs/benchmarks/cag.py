"""Benchmark of cell caches: same machine, model, text and questions, one setup after another.

Every round asks one question of all setups in turn, so that whatever slows the machine down for a while slows all of
them. The floor is the question alone, prefilled with nothing cached: no cache can be faster than having nothing to
look at.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch

from core.corpus.types import Corpus, Passage
from core.errors import TesseraError
from core.jobs import Progress, Work
from core.labs.benchmarks.cag_setups import PeerSetups, Setups
from core.labs.benchmarks.clock import AnswerTime, spread
from core.labs.benchmarks.llama_cpp import Opener
from core.messages import message
from core.models.device import describe
from core.models.language_model import LanguageModel
from core.models.machine import processor

STAGE = "Measuring"
_SPARE_TOKENS = 64
"""Tokens of llama.cpp's context beyond what is asked of it."""


@dataclass(frozen=True)
class CagBenchConfig:
    """How to measure.

    Attributes:
        repeats: Rounds, after one that does not count.
        answer_tokens: Length of every answer. 16 is as long as all answers but a few of Natural Questions are.
        rag_passages: Passages that the RAG setup reads as text, and the block setups from their blocks.
    """

    repeats: int = 7
    answer_tokens: int = 16
    rag_passages: int = 3

    def __post_init__(self) -> None:
        if self.answer_tokens < 2:
            raise TesseraError(
                message("An answer of {answer_tokens} token has no pace to measure.", answer_tokens=self.answer_tokens),
                "Ask for 2 tokens or more.",
            )


def questions_about(corpus: Corpus, passages: Sequence[Passage], most: int) -> list[str]:
    """Questions of the corpus that these passages answer, test questions first; one about a title where it has none."""
    ids = {passage.id for passage in passages}
    every = [question for split in ("test", "dev", "train") for question in corpus.questions.get(split, ())]
    texts = [question.text for question in every if question.passage_ids and ids >= set(question.passage_ids)]
    return texts[:most] or [f"What do the passages say about {passages[0].title or 'it'}, and when did it happen?"]


def bench_cag(
    lm: LanguageModel,
    passages: Sequence[Passage],
    questions: Sequence[str],
    config: CagBenchConfig = CagBenchConfig(),
    peers: Mapping[str, Opener] | None = None,
) -> Work:
    """Measures the time to the first and to the last token behind the same passages.

    Args:
        questions: One is asked in every round; when they run out, they begin anew.
        peers: Opens llama.cpp, by the name of its setups.

    Yields:
        A step per run; the last one's ``data`` is the result.

    Raises:
        TesseraError: llama.cpp cannot be opened.
    """
    tails = [lm.prompt.tail(question) for question in questions]
    with tempfile.TemporaryDirectory(prefix="tessera-bench-") as scratch:
        setups = Setups(lm, passages, config.rag_passages, config.answer_tokens, Path(scratch) / "cells")
        answering, steps = setups.answering(), setups.steps()
        room = len(setups.context) + max(map(len, tails)) + config.answer_tokens + _SPARE_TOKENS
        for name, opener in (peers or {}).items():
            folder = Path(scratch) / name
            folder.mkdir()
            answering |= PeerSetups(name, opener(room, folder), setups, config.answer_tokens).answering()
        total, done = (config.repeats + 1) * (len(answering) + len(steps)), 0
        clocks: dict[str, list[AnswerTime]] = {name: [] for name in (*answering, *steps)}
        for number in range(config.repeats + 1):
            setups.ask(tails[number % len(tails)])
            for name, setup in {**answering, **steps}.items():
                clocked = setup()
                if number:  # the first round warms up
                    clocks[name].append(clocked)
                done += 1
                yield Progress(STAGE, done, total, name)
        lengths = [len(tails[number % len(tails)]) for number in range(1, config.repeats + 1)]
        answers = {name: clocks[name] for name in answering}
        beside = {name: spread([each.total_ms for each in clocks[name]]) for name in steps}
        yield Progress(STAGE, total, total, "", _result(lm, setups, config, lengths, answers, beside))


def _result(
    lm: LanguageModel,
    setups: Setups,
    config: CagBenchConfig,
    question_lengths: Sequence[int],
    answers: Mapping[str, Sequence[AnswerTime]],
    steps: Mapping[str, Mapping[str, float]],
) -> dict[str, Any]:
    """All numbers, the ratios, and how far from the machine's limits they are."""
    ttft = {name: spread([each.ttft_ms for each in clocked]) for name, clocked in answers.items()}
    total = {name: spread([each.total_ms for each in clocked]) for name, clocked in answers.items()}
    floor = ttft.pop("floor")["median"]
    first = {name: each["median"] for name, each in ttft.items()}
    ratios = _ratios(first, {name: each["median"] for name, each in steps.items()}, floor)
    return {
        "model": lm.identity.name,
        "reader": bool(lm.identity.adapter),
        "device": describe(lm.device),
        "dtype": lm.identity.dtype,
        "cpu": {"name": processor(), "cores": os.cpu_count(), "threads": torch.get_num_threads()},
        "n": config.repeats,
        "context_tokens": len(setups.context),
        "question_tokens": int(median(question_lengths)),
        "answer_tokens": config.answer_tokens,
        "cache_bytes": setups.cache_bytes,
        "setups": {
            name: {"ttft_ms": ttft[name], "total_ms": total[name], "to_floor": first[name] / floor} for name in ttft
        },
        "floor_ttft_ms": floor,
        "steps_ms": steps,
        "ratios": ratios,
    }


def _ratios(ms: Mapping[str, float], steps: Mapping[str, float], floor: float) -> dict[str, float]:
    ratios = {
        "hot_to_floor": ms["hot"] / floor,
        "no_cache_to_hot": ms["no_cache"] / ms["hot"],
        "rag_to_hot": ms["rag"] / ms["hot"],
        "plain_recipe_to_hot": ms["plain_recipe"] / ms["hot"],
        "build_to_prefill": steps["build"] / steps["prefill"],
        # Of rates, not of times: 1 is a load as fast as reading the bytes.
        "touched_load_to_read": steps["read"] / steps["touched_load"],
        # A cache on the disk cannot answer before its bytes are read.
        "warm_to_floor": ms["warm"] / (floor + steps["read"]),
    }
    ratios |= {f"{name}_to_floor": ms[name] / floor for name in ms if name.startswith("blocks_")}
    ratios["rag_to_blocks_hot"] = ms["rag"] / ms["blocks_hot"]
    peers = {f"{name}_to_hot": value / ms["hot"] for name, value in ms.items() if name.startswith("llama_cpp")}
    return {**ratios, **peers}
