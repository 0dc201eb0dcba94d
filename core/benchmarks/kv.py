"""What a cell cache saves, measured side by side: same machine, model, text and question, one arm after another.

Every repeat runs all arms in turn, so that whatever slows the machine down for a while slows all of them. The floor is
the question alone, prefilled with nothing cached: no cache can be faster than having nothing to look at.
"""

from __future__ import annotations

import copy
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from core.benchmarks.llama_cpp import LlamaCpp
from core.corpus.types import Passage
from core.jobs import Progress, Work
from core.kvcache.build import build_caches
from core.kvcache.store import CacheStore, LoadedCache
from core.models.device import describe
from core.models.language_model import LanguageModel, Session

STAGE = "Measuring"
_RAG_PASSAGES = 3
_OTHER = "What else do the passages say?"
_BANDWIDTH_FLOATS = 1 << 26
Arm = Callable[[], float]
"""Runs once; returns ms, or tokens per second."""


@dataclass(frozen=True)
class KvBenchConfig:
    """How to measure.

    Attributes:
        repeats: Times that every arm runs, after one run that does not count.
        decode_tokens: Tokens decoded to find the pace.
    """

    repeats: int = 7
    decode_tokens: int = 32


def bench_kv(
    lm: LanguageModel,
    passages: Sequence[Passage],
    question: str,
    config: KvBenchConfig = KvBenchConfig(),
    peer: Callable[[int], LlamaCpp] | None = None,
) -> Work:
    """Measures time to the first token and the pace of decoding behind the same passages.

    Args:
        lm: The model.
        passages: What is cached.
        question: What is asked.
        config: Repeats and lengths.
        peer: Opens llama.cpp for a context of so many tokens; None leaves it out.

    Yields:
        A step per run; the last one's ``data`` is the result.
    """
    with tempfile.TemporaryDirectory(prefix="tessera-bench-") as scratch:
        bench = _Bench(lm, passages, question, config, Path(scratch))
        arms, paces = bench.arms(), bench.paces()
        if peer:
            room = len(bench.context) + len(bench.tail) + config.decode_tokens + 64
            opened = peer(room)
            arms |= bench.peer_arms(opened)
            paces["llama_cpp"] = lambda: opened.tokens_per_s(bench.context + bench.tail, config.decode_tokens)
        measured: dict[str, list[float]] = {name: [] for name in [*arms, *(f"pace {name}" for name in paces)]}
        runs = [*arms.items(), *((f"pace {name}", arm) for name, arm in paces.items())]
        total = (config.repeats + 1) * len(runs)
        done = 0
        for repeat in range(config.repeats + 1):
            for name, arm in runs:
                value = arm()
                if repeat:  # the first round warms up
                    measured[name].append(value)
                done += 1
                yield Progress(STAGE, done, total, name)
        yield Progress(STAGE, total, total, "", bench.result(measured))


class _Bench:
    """The arms, and what they share."""

    def __init__(
        self, lm: LanguageModel, passages: Sequence[Passage], question: str, config: KvBenchConfig, folder: Path
    ) -> None:
        self._lm, self._config, self._folder = lm, config, folder
        self._passages = passages
        self.context, self.tail = lm.prompt.context(passages), lm.prompt.tail(question)
        self._short = lm.prompt.context(passages[:_RAG_PASSAGES]) + self.tail
        self._other = lm.prompt.tail(_OTHER)
        self._build()
        self._store = CacheStore(folder)
        self._resident = self._store.load(0, lm, self.context)
        self._file = next(folder.glob("*.safetensors"))

    def arms(self) -> dict[str, Arm]:
        """Times in ms."""
        arms: dict[str, Arm] = {
            "floor": lambda: self._ttft(None, self.tail),
            "hot": lambda: self._ttft(self._resident, self.tail),
            "warm": lambda: self._timed(self._from_disk),
            "no_cache": lambda: self._ttft(None, self.context + self.tail),
            "rag": lambda: self._ttft(None, self._short),
            "plain_recipe": lambda: self._plain_recipe(1),
            "build": lambda: self._timed(self._build),
            "touched_load": lambda: self._timed(self._touch),
            "read": lambda: self._timed(self._file.read_bytes),
        }
        if hasattr(os, "posix_fadvise"):
            arms["cold"] = self._cold
        return arms

    def paces(self) -> dict[str, Arm]:
        """Tokens per second at the end of the context."""
        return {"ours": self._pace, "transformers": self._plain_pace}

    def peer_arms(self, peer: LlamaCpp) -> dict[str, Arm]:
        """llama.cpp with its prompt cache, and without."""

        def hot() -> float:
            peer.prefill_ms(self.context + self._other, True)  # it holds the passages now, and another question
            return peer.prefill_ms(self.context + self.tail, True)

        return {"llama_cpp_hot": hot, "llama_cpp_no_cache": lambda: peer.prefill_ms(self.context + self.tail, False)}

    def result(self, measured: dict[str, list[float]]) -> dict[str, Any]:
        """All numbers, the ratios, and how far from the machine's limits they are."""
        lm = self._lm
        arms = {name: _spread(values) for name, values in measured.items() if not name.startswith("pace ")}
        paces = {name.removeprefix("pace "): _spread(v) for name, v in measured.items() if name.startswith("pace ")}
        floor = arms["floor"]["median"]
        bandwidth = read_bandwidth(lm.device)
        touched = weight_bytes(lm) + len(self.context) * lm.kv_bytes_per_token
        return {
            "model": lm.identity.name,
            "reader": bool(lm.identity.adapter),
            "device": describe(lm.device),
            "dtype": lm.identity.dtype,
            "cpu": {"cores": os.cpu_count(), "threads": torch.get_num_threads()},
            "n": self._config.repeats,
            "context_tokens": len(self.context),
            "question_tokens": len(self.tail),
            "cache_bytes": self._resident.bytes,
            "floor_ttft_ms": floor,
            "arms": {name: {"ttft_ms": spread, "to_floor": spread["median"] / floor} for name, spread in arms.items()},
            "decode": {
                "tokens_per_s": paces,
                "bytes_per_token": touched,
                "read_bytes_per_s": bandwidth,
                "share_of_limit": paces["ours"]["median"] * touched / bandwidth,
            },
            "ratios": _ratios({name: spread["median"] for name, spread in arms.items()}),
        }

    def _ttft(self, cached: LoadedCache | None, ids: Sequence[int]) -> float:
        return self._timed(lambda: _first_token(self._lm.session(cached.cache() if cached else None), ids))

    def _from_disk(self) -> None:
        loaded = self._store.load(0, self._lm, self.context)
        _first_token(self._lm.session(loaded.cache()), self.tail)

    def _cold(self) -> float:
        with self._file.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return self._timed(self._from_disk)

    def _touch(self) -> float:
        return float(sum(float(k.sum()) + float(v.sum()) for k, v in self._store.load(0, self._lm).layers))

    def _build(self) -> None:
        for _ in build_caches(self._folder, self._lm, [list(self._passages)], {}, force=True):
            pass

    def _plain_recipe(self, tokens: int) -> float:
        """What is copied from blog to blog: a saved ``DynamicCache``, deep-copied, then ``generate``."""
        ids = torch.tensor([self.context + self.tail], device=self._lm.device)
        saved = DynamicCache()
        for number, (keys, values) in enumerate(self._resident.layers):
            saved.update(keys, values, number)

        def run() -> None:
            self._lm.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                past_key_values=copy.deepcopy(saved),
                min_new_tokens=tokens,
                max_new_tokens=tokens,
                do_sample=False,
                pad_token_id=self._lm.tokenizer.pad_token_id,
            )

        return self._timed(run)

    def _plain_pace(self) -> float:
        tokens = self._config.decode_tokens
        return tokens / max(1e-9, self._plain_recipe(tokens + 1) - self._plain_recipe(1)) * 1000

    def _pace(self) -> float:
        session = self._lm.session(self._resident.cache())
        _first_token(session, self.tail)
        tokens = self._config.decode_tokens
        return tokens / self._timed(lambda: [_first_token(session, [token]) for token in range(5, 5 + tokens)]) * 1000

    def _timed(self, run: Callable[[], object]) -> float:
        self._lm.synchronise()
        began = time.perf_counter()
        run()
        self._lm.synchronise()
        return (time.perf_counter() - began) * 1000


def weight_bytes(lm: LanguageModel) -> int:
    """Bytes of weights that one token passes through: all but the embedding, unless the head is the same tensor."""
    tensors = {parameter.data_ptr(): parameter.nbytes for parameter in lm.model.parameters()}
    embedding, head = lm.model.get_input_embeddings().weight, lm.model.get_output_embeddings()
    if head is None or head.weight.data_ptr() != embedding.data_ptr():
        tensors.pop(embedding.data_ptr(), None)
    return sum(tensors.values())


def read_bandwidth(device: torch.device, floats: int = _BANDWIDTH_FLOATS) -> float:
    """Bytes per second at which the device reads memory that no cache holds: the best of five sums."""
    block = torch.ones(floats, device=device)
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        block.sum().item()
        best = min(best, time.perf_counter() - began)
    return block.nbytes / best


def _first_token(session: Session, ids: Sequence[int]) -> int:
    for _ in session.feed(ids):
        pass
    return int(session.logits.argmax()) if session.logits is not None else -1


def _spread(values: Sequence[float]) -> dict[str, float]:
    low, middle, high = np.percentile(values, [10, 50, 90])
    return {"median": float(middle), "p10": float(low), "p90": float(high)}


def _ratios(ms: dict[str, float]) -> dict[str, float]:
    ratios = {
        "hot_to_floor": ms["hot"] / ms["floor"],
        "no_cache_to_hot": ms["no_cache"] / ms["hot"],
        "rag_to_hot": ms["rag"] / ms["hot"],
        "plain_recipe_to_hot": ms["plain_recipe"] / ms["hot"],
        "build_to_prefill": ms["build"] / ms["no_cache"],
        # Of rates, not of times: 1 is a load as fast as reading the bytes.
        "touched_load_to_read": ms["read"] / ms["touched_load"],
    }
    if "llama_cpp_hot" in ms:
        ratios["llama_cpp_to_hot"] = ms["llama_cpp_hot"] / ms["hot"]
    return ratios
