"""An open memory: documents as Z, and the router and projector that find and read them.

``core.memory.z_reader`` reads evidence from it, ``core.memory.adaptation`` changes its documents.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch
from torch.nn.functional import cosine_similarity, cross_entropy

from core.digests import digest_of
from core.errors import ArtefactStale, ModelError
from core.memory import lora, store
from core.memory.document_keys import DocumentKeys
from core.memory.pool import MemoryPool, as_stored
from core.memory.projector import Lexicon, Projector
from core.memory.prompt import NOT_IN_MEMORY, ZPrompt
from core.memory.router import QuestionReader, QuestionStates, Routed, Router, Routing
from core.memory.routing_index import RoutingIndex
from core.memory.shared_weights import build_parts
from core.memory.spelled import Spelled
from core.memory.train_router import keys_of, question_words
from core.memory.z_codec import NO_WORD, ZCodec, ZReading
from core.messages import message
from core.models.language_model import LanguageModel
from core.models.mapped import release_pages

_QUESTIONS_PER_BATCH = 64
_WORDS_COUNT = 1.0
"""How much a match of all words counts beside a similarity of keys."""
_BY_CHANCE = 0.2
"""What of a question's words the best of the wrong documents has, about: taken away, so that a null slot that was set
for keys alone still holds."""


class Memory:
    """Documents as Z, with the router and projector that find and read them.

    Args:
        lm: The base model with the memory's LoRA merged in.
        folder: Where the LoRA lies on disk.
        index: What documents are found by, where it is not made from ``pool``.
        codec: Reads what ``pool`` stores, where there is one already.
        reading: What is read off the z of ``pool``, where that is known.

    Attributes:
        index: What documents are found by. It stays with them when a control swaps the z that is read.
        prompt: The sequence in which z is read.
    """

    def __init__(
        self,
        lm: LanguageModel,
        pool: MemoryPool,
        projector: Projector,
        router: Router,
        card: store.Card,
        folder: Path,
        index: RoutingIndex | None = None,
        codec: ZCodec | None = None,
        reading: ZReading | None = None,
    ) -> None:
        self.lm, self.pool, self.card, self.folder = lm, pool, card, folder
        self.projector, self.router = projector.eval(), router.eval()
        self.prompt = ZPrompt(lm.tokenizer, min(lm.stop_ids))
        self.codec = ZCodec(lm.model.get_input_embeddings().weight, card.config) if codec is None else codec
        self._lexicon_ids: dict[str, torch.Tensor] = {}
        self.index = self._index_of(reading or self.codec.read_documents(pool.z)) if index is None else index

    @classmethod
    def load(
        cls, folder: Path, lm: LanguageModel, corpus: str | None = None, reading: ZReading | None = None
    ) -> Memory:
        """Opens the memory in a folder.

        Args:
            folder: Written by training or by ``save``.
            lm: The plain model, without adapter; it is copied, not changed.
            corpus: Fingerprint of the corpus it should know; None accepts any.
            reading: What is read off its Z, where that is known; None reads it.

        Raises:
            ArtefactMissing: There is none.
            ArtefactStale: It is damaged, or was trained on another model or corpus.
        """
        card = store.read_card(folder)
        if card.base != store.base_fingerprint(lm.identity, ZPrompt(lm.tokenizer, min(lm.stop_ids)).fingerprint):
            raise ArtefactStale(
                message(
                    "This memory was trained on {trained}, not on {model} as it is loaded now.",
                    trained=card.model,
                    model=lm.identity.name,
                ),
                "Choose that model, or train a memory for this one.",
                ("memory",),
            )
        if corpus is not None and corpus != card.corpus:
            raise ArtefactStale(
                message("This memory was trained on another corpus ({name}).", name=card.corpus_name), kinds=("memory",)
            )
        parts, adapters = store.load_parts(folder)
        try:
            adapted = lora.applied(lm, adapters, digest_of(folder, store.LORA))
            projector, router = build_parts(parts)
        except (KeyError, ValueError, RuntimeError, AttributeError, IndexError, ModelError) as error:
            raise store.damaged(folder, error) from error
        return cls(adapted, store.load_pool(folder), projector, router, card, folder, reading=reading)

    def save(self, folder: Path) -> None:
        """Writes it to a folder; the LoRA never changes and is only copied when the folder is another one."""
        folder.mkdir(parents=True, exist_ok=True)
        if folder.resolve() != self.folder.resolve():
            shutil.copyfile(self.folder / store.LORA, folder / store.LORA)
        store.save_parts(folder, self.projector, self.router)
        store.save_pool(folder, self.pool, self.card)

    def with_pool(self, pool: MemoryPool, card: store.Card, index: RoutingIndex | None = None) -> Memory:
        """The same model and parts over other documents; with ``index`` it routes by that and reads ``pool``."""
        index = self._grown_index(pool) if index is None else index
        other = Memory(self.lm, pool, self.projector, self.router, card, self.folder, index, self.codec)
        if "lexicon" in self.__dict__:  # it depends on the model alone, and takes a moment to make
            other.lexicon = self.lexicon
        return other

    @torch.no_grad()
    def _index_of(self, reading: ZReading) -> RoutingIndex:
        """Keys and words of documents."""
        return RoutingIndex(keys_of(self.router, reading), [self._spelled(reading.words[row]) for row in reading.rows])

    def _spelled(self, words: torch.Tensor) -> str:
        """The text of the tokens [m] that a z names."""
        return self.prompt.decode(words[words != NO_WORD].tolist())

    def _grown_index(self, pool: MemoryPool) -> RoutingIndex:
        """The index of a pool; a document whose z is as it is here keeps its row, others are read anew."""
        here = {passage_id: row for row, passage_id in enumerate(self.pool.ids)}
        rows = [here.get(passage_id, -1) for passage_id in pool.ids]
        kept = [row >= 0 and self.pool.z[row].equal(z) for row, z in zip(rows, pool.z, strict=True)]
        index = self.index.picked([max(row, 0) for row in rows])
        for number in (number for number, keep in enumerate(kept) if not keep):
            self._read_anew(index, number, pool.z[number])
        return index

    @torch.no_grad()
    def _read_anew(self, index: RoutingIndex, row: int, z: torch.Tensor) -> None:
        """Makes the row of one document anew from its z [m, z_dim]."""
        coordinates, words = self.codec.read_with_words(z)
        index.put(row, self.router.keys(coordinates), self._spelled(words))

    @cached_property
    def lexicon(self) -> Lexicon:
        """Reads the tokens of a document off its z; a refusal is always allowed."""
        always = [*self.prompt.encode(NOT_IN_MEMORY), *self.lm.stop_ids]
        embeddings = self.lm.model.get_input_embeddings().weight
        lexicon = Lexicon(embeddings, self.router.idf, always, self.lm.against_vocabulary)
        release_pages(self.lm.model)  # the whole table of embeddings was read
        return lexicon

    def title(self, passage_id: str) -> str:
        """Title of a document.

        Raises:
            TesseraError: The memory does not hold it.
        """
        return self.pool.titles[self.pool.row(passage_id)]

    def soft_tokens(self, passage_ids: Sequence[str]) -> torch.Tensor:
        """[n, m, hidden] of documents, on the model's device.

        Raises:
            TesseraError: The memory does not hold one of them.
        """
        z = self.pool.z[self.pool.rows(passage_ids)]
        return self.projector(self.codec.read(z)).to(self.lm.device)

    @torch.no_grad()
    def spelled(self, passage_id: str) -> Spelled:
        """What the z of a document spells, for a model that never read z.

        Raises:
            TesseraError: The memory does not hold it.
        """
        z = self.pool.z[self.pool.row(passage_id)]
        coordinates, words = self.codec.read_with_words(z)
        named = words[words != NO_WORD].tolist()
        return Spelled(self._basis(coordinates[z.any(-1)]).to(self.lm.device), named, self.prompt.decode)

    @cached_property
    def _basis(self) -> Projector:
        """The projector before any training."""
        return Projector.from_basis(self.codec.basis)

    @torch.inference_mode()
    def lexicon_ids(self, passage_id: str) -> torch.Tensor:
        """Ids of the tokens nearest to the z of a document."""
        if passage_id not in self._lexicon_ids:
            self._lexicon_ids[passage_id] = self.lexicon.ids(self.soft_tokens([passage_id])[0])
        return self._lexicon_ids[passage_id]

    @torch.inference_mode()
    def nearest_tokens(self, passage_id: str) -> tuple[list[int], float]:
        """Of each vector of a document that is not empty the nearest token, in their order, and their mean cosine.

        Raises:
            TesseraError: The memory does not hold it.
        """
        (soft,) = self.soft_tokens([passage_id])
        soft = soft[self.pool.filled(passage_id).to(soft.device)].float()
        ids = self.lexicon.nearest(soft)[:, 0]
        table = self.lm.model.get_input_embeddings().weight
        return ids.tolist(), float(cosine_similarity(soft, table[ids].float(), dim=-1).mean())

    @torch.no_grad()
    def set_z(self, passage_id: str, z: torch.Tensor) -> None:
        """Replaces the z [m, z_dim] of one document in place, rounded as on disk; other rows are not changed."""
        row = self.pool.row(passage_id)
        self.pool.z[row] = as_stored(z, self.card.config.z_format)
        self._lexicon_ids.pop(passage_id, None)
        self._read_anew(self.index, row, self.pool.z[row])

    def route(self, question: str, k: int = 5) -> Routing:
        """The ``k`` best documents for a question with their softmax weights, and the weight of "not in memory"."""
        return self.route_all([question], k)[0]

    @torch.inference_mode()
    def route_all(self, questions: Sequence[str], k: int = 5) -> list[Routing]:
        """``route`` for several questions at once."""
        routings: list[Routing] = []
        for weights in self.router.logits(self.similarities(questions)).softmax(1):
            best = weights[:-1].topk(min(k, len(self.pool.ids)))
            pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
            documents = tuple(Routed(self.pool.ids[row], weight) for row, weight in pairs)
            routings.append(Routing(documents, float(weights[-1])))
        return routings

    @torch.inference_mode()
    def similarities(self, questions: Sequence[str]) -> torch.Tensor:
        """[len(questions), N]: how well each document matches each question, by its keys and by its words."""
        starts = range(0, len(questions), _QUESTIONS_PER_BATCH)
        batches = [questions[start : start + _QUESTIONS_PER_BATCH] for start in starts]
        by_keys = [self.router.similarity(self._states(batch), self.index.keys) for batch in batches]
        return torch.cat(by_keys) + self._by_words(questions)

    def _by_words(self, questions: Sequence[str]) -> torch.Tensor:
        if not self.index.spells:
            return torch.zeros(len(questions), len(self.pool.ids))
        matches = torch.stack([self.index.terms.match(question) for question in questions])
        return _WORDS_COUNT * (matches - _BY_CHANCE)

    def routing_loss(self, questions: Sequence[str], passage_id: str, z: torch.Tensor) -> torch.Tensor:
        """Cross entropy, in nats, of routing questions to a document, the null slot included.

        Args:
            z: [m, z_dim], its z, with gradient; the others' keys stand still.
        """
        row = self.pool.row(passage_id)
        states = self._states(questions)
        with torch.no_grad():
            others = self.router.similarity(states, self.index.keys)
        keys = DocumentKeys.of_vectors(self.router.keys(self.codec.read(z)), torch.arange(len(z))[None])
        own = self.router.similarity(states, keys)
        similarity = torch.cat([others[:, :row], own, others[:, row + 1 :]], 1) + self._by_words(questions)
        return cross_entropy(self.router.logits(similarity), torch.full((len(questions),), row))

    def _states(self, questions: Sequence[str]) -> QuestionStates:
        idf = self.router.idf if self.card.config.casings else None
        return self._question_reader.read([question_words(self.prompt, question, idf) for question in questions])

    @cached_property
    def _question_reader(self) -> QuestionReader:
        return QuestionReader(self.lm.model, self.card.config.router_layer, self.prompt.head[0], self.lm.decoder)
