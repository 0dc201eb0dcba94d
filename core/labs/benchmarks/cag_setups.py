"""The setups of ``bench cag``: different ways to answer one question about the same passages."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import DynamicCache
from transformers.generation.streamers import BaseStreamer

from core.corpus.types import Passage
from core.jobs import finish
from core.kvcache.blocks import block_ids, build_blocks
from core.kvcache.build import build_cells
from core.kvcache.cell_file import Layers
from core.kvcache.compose import head_layers
from core.kvcache.storage import LocalStorage
from core.kvcache.store import CacheStore
from core.kvcache.variants import BLOCKS
from core.labs.benchmarks.cache_loading import can_drop, drop_from_page_cache
from core.labs.benchmarks.clock import AnswerTime, Stopwatch
from core.labs.benchmarks.llama_cpp import LlamaCpp
from core.models.kv_buffer import new_buffer
from core.models.language_model import LanguageModel
from core.models.session import Session
from core.models.side_by_side import SideBySide

Setup = Callable[[], AnswerTime]
_PAGE_BYTES = 4096


class Setups:
    """Tessera's ways to answer, and what they share: built caches, one question at a time.

    Args:
        few: Passages that RAG reads as text, and others from their blocks, each alone.
        tokens: Length of every answer; a stop id does not end it.
        folder: Where the cache is built.
    """

    def __init__(self, lm: LanguageModel, passages: Sequence[Passage], few: int, tokens: int, folder: Path) -> None:
        self._lm, self._passages, self._tokens, self._folder = lm, passages, tokens, folder
        self.context = lm.prompt.context(passages)
        self.tail: list[int] = []
        self._build(folder)
        self._store = CacheStore(folder)
        self._resident = self._store.load(0, lm, self.context)
        self._few, self._head = passages[:few], head_layers(lm)
        finish(build_blocks(folder / BLOCKS, lm, self._few, {}, force=True))
        self._block_store = CacheStore(folder / BLOCKS, BLOCKS)
        self._blocks = self._read_blocks()
        self._saved = DynamicCache()
        for number, (keys, values) in enumerate(self._resident.layers):
            self._saved.update(keys.clone(), values.clone(), number)

    @property
    def cache_bytes(self) -> int:
        """Size of the cache in memory."""
        return self._resident.bytes

    def ask(self, tail: Sequence[int]) -> None:
        """Sets the question to ask, see ``Prompt.tail``."""
        self.tail = list(tail)

    def answering(self) -> dict[str, Setup]:
        """Each answers the question once."""
        setups: dict[str, Setup] = {
            "floor": lambda: self._answer(self._lm.session, self.tail),
            "hot": lambda: self._answer(lambda: self._lm.session(self._resident.cache(), self.context), self.tail),
            "warm": lambda: self._answer(self._from_disk, self.tail),
            "blocks_hot": lambda: self._answer_alone(lambda: self._blocks),
            "blocks_warm": lambda: self._answer_alone(self._read_blocks),
            "no_cache": lambda: self._answer(self._lm.session, self.context + self.tail),
            "rag": self._answer_alone,
            "plain_recipe": self._plain_recipe,
        }
        if can_drop():
            setups |= {"cold": self._cold, "blocks_cold": self._cold_blocks}
        return setups

    def steps(self) -> dict[str, Setup]:
        """The cost of a cache besides answers: building it, and reading it from the disk."""
        return {
            # Not over the cache that is read: a file that has changed is verified anew.
            "build": lambda: self._timed(lambda: self._build(self._folder / "again")),
            "prefill": lambda: self._timed(lambda: self._lm.session().prefill(self.context)),
            "touched_load": lambda: self._timed(self._touch),
            "read": lambda: self._timed(lambda: LocalStorage(self._folder).read(self._file.name)),
        }

    @property
    def _file(self) -> Path:
        return next(self._folder.glob("*.safetensors"))

    def _answer(self, begin: Callable[[], Session], ids: Sequence[int]) -> AnswerTime:
        watch = Stopwatch(self._lm.synchronise)
        session = begin()
        session.prefill(ids)
        for _ in session.decode(self._tokens, stop=False):
            watch.first()
        return watch.stop()

    def _from_disk(self) -> Session:
        return self._lm.session(self._store.load(0, self._lm, self.context).cache(), self.context)

    def _cold(self) -> AnswerTime:
        drop_from_page_cache(self._file)
        return self._answer(self._from_disk, self.tail)

    def _read_blocks(self) -> list[Layers]:
        lm, store = self._lm, self._block_store
        return [store.load(row, lm, block_ids(lm, passage)).layers for row, passage in enumerate(self._few)]

    def _answer_alone(self, read_blocks: Callable[[], Sequence[Layers]] | None = None) -> AnswerTime:
        """By the few passages, each read alone as the methods do; without blocks they are prefilled as text."""
        watch = Stopwatch(self._lm.synchronise)
        cache = new_buffer(len(self._head), self._head, *read_blocks()) if read_blocks else None
        side = SideBySide(self._lm, [self._lm.prompt.passage(passage) for passage in self._few], cache)
        for _ in side.ask(self.tail).decode(self._tokens, stop=False):
            watch.first()
        return watch.stop()

    def _cold_blocks(self) -> AnswerTime:
        for path in (self._folder / BLOCKS).glob("*.safetensors"):
            drop_from_page_cache(path)
        return self._answer_alone(self._read_blocks)

    def _touch(self) -> None:
        """Loads the cache and reads a number of every page, so that none can have been left on the disk."""
        for pair in self._store.load(0, self._lm, self.context).layers:
            for tensor in pair:
                tensor.flatten()[:: _PAGE_BYTES // tensor.element_size()].sum()

    def _build(self, folder: Path) -> None:
        finish(build_cells(folder, self._lm, [list(self._passages)], {}, force=True))

    def _plain_recipe(self) -> AnswerTime:
        """The recipe found in many blogs: a saved ``DynamicCache``, deep-copied, then ``generate``."""
        ids = torch.tensor([self.context + self.tail], device=self._lm.device)
        watch = Stopwatch(self._lm.synchronise)
        self._lm.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            past_key_values=copy.deepcopy(self._saved),
            min_new_tokens=self._tokens,
            max_new_tokens=self._tokens,
            do_sample=False,
            pad_token_id=self._lm.tokenizer.pad_token_id,
            streamer=_AtFirst(watch),
        )
        return watch.stop()

    def _timed(self, run: Callable[[], object]) -> AnswerTime:
        watch = Stopwatch(self._lm.synchronise)
        run()
        return watch.stop()


class PeerSetups:
    """llama.cpp's ways to answer the same tokens."""

    def __init__(self, name: str, peer: LlamaCpp, setups: Setups, tokens: int) -> None:
        self._name, self._peer, self._setups, self._tokens = name, peer, setups, tokens
        peer.save(setups.context)

    def answering(self) -> dict[str, Setup]:
        """Each answers the question once."""
        setups = {"hot": self._hot, "warm": self._warm, "no_cache": lambda: self._ask(reuse=False)}
        return {f"{self._name}_{setup}": answer for setup, answer in setups.items()}

    def _hot(self) -> AnswerTime:
        self._peer.restore()  # it holds the passages and no question
        return self._ask(reuse=True)

    def _warm(self) -> AnswerTime:
        watch = Stopwatch()
        self._peer.restore()
        restored = watch.stop().total_ms
        answered = self._ask(reuse=True)
        return AnswerTime(restored + answered.ttft_ms, restored + answered.total_ms)

    def _ask(self, reuse: bool) -> AnswerTime:
        return self._peer.answer(self._setups.context + self._setups.tail, self._tokens, reuse)


class _AtFirst(BaseStreamer):
    """Tells a watch of the first token; what ``generate`` hands over before it is the prompt."""

    def __init__(self, watch: Stopwatch) -> None:
        self._watch, self._heard = watch, 0

    def put(self, value: Any) -> None:
        """Called with the prompt, then with every token."""
        self._heard += 1
        if self._heard == 2:
            self._watch.first()

    def end(self) -> None:
        """Called after the last token."""
