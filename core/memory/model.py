"""A memory ready to use: it finds the document a question asks for and says what its z knows, from Z alone."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from core.corpus.types import Passage, texts
from core.errors import ArtefactStale, TesseraError
from core.memory import lora, store
from core.memory.frame import NOT_IN_MEMORY, Frame
from core.memory.kept import as_kept
from core.memory.lexicon import Lexicon
from core.memory.pool import Basis, MemoryPool, embedding_basis, first_z
from core.memory.projector import Projector
from core.memory.reading import crossed, greedy
from core.memory.router import QuestionReader, QuestionStates, Routed, Router, Routing
from core.memory.routing import question_words
from core.memory.theta import build_parts
from core.models.files import digest_of
from core.models.kv_buffer import new_buffer
from core.models.language_model import LanguageModel
from core.models.session import Session

_READ_AT_ONCE = 64


class Memory:
    """Documents as Z, and the parts that find and read them.

    Args:
        lm: The base model with the memory's LoRA merged in.
        pool: The documents.
        projector: From z to soft tokens.
        router: From a question to documents.
        card: What it was made from.
        folder: Where projector, router and LoRA lie on disk.

    Attributes:
        keys: [N, m, dim], the router's keys. They stay with the documents when a control swaps the z that is read.
    """

    def __init__(
        self,
        lm: LanguageModel,
        pool: MemoryPool,
        projector: Projector,
        router: Router,
        card: store.Card,
        folder: Path,
        keys: torch.Tensor | None = None,
    ) -> None:
        self.lm, self.pool, self.card, self.folder = lm, pool, card, folder
        self.projector, self.router = projector.eval(), router.eval()
        self.frame = Frame(lm.tokenizer, min(lm.stop_ids))
        self._spoken: dict[str, torch.Tensor] = {}
        with torch.no_grad():
            self.keys = router.keys(pool.z) if keys is None else keys

    @classmethod
    def load(cls, folder: Path, lm: LanguageModel, corpus: str | None = None) -> Memory:
        """Opens the memory in a folder.

        Args:
            folder: Written by training or by ``save``.
            lm: The plain model, without adapter; it is copied, not changed.
            corpus: Fingerprint of the corpus it should know; None accepts any.

        Raises:
            ArtefactMissing: There is none.
            ArtefactStale: It is damaged, or was trained on another model or corpus.
        """
        card = store.read_card(folder)
        frame = Frame(lm.tokenizer, min(lm.stop_ids))
        if card.base != store.base_fingerprint(lm.identity, frame.fingerprint):
            raise ArtefactStale(
                f"This memory was trained on {card.model}, not on {lm.identity.name} as it is loaded now.",
                "Choose that model, or train a memory for this one: `python -m app train`.",
            )
        if corpus is not None and corpus != card.corpus:
            raise ArtefactStale(
                f"This memory was trained on another corpus ({card.corpus_name}).",
                "Train one for this corpus: `python -m app train`.",
            )
        parts, adapters = store.load_parts(folder)
        merged = copy.deepcopy(lm.model).requires_grad_(False)
        lora.apply(merged, adapters)
        identity = replace(lm.identity, adapter=digest_of(folder, store.LORA))
        projector, router = build_parts(parts)
        return cls(
            LanguageModel(merged, lm.tokenizer, identity), store.load_pool(folder), projector, router, card, folder
        )

    def save(self, folder: Path) -> None:
        """Writes it to a folder; what has not changed is only copied when the folder is another one."""
        folder.mkdir(parents=True, exist_ok=True)
        if folder.resolve() != self.folder.resolve():
            for name in (store.PARTS, store.LORA):
                shutil.copyfile(self.folder / name, folder / name)
        store.save_pool(folder, self.pool, self.card)

    def save_router(self, folder: Path) -> None:
        """Writes projector and router as they are now to a folder that holds the memory."""
        parts = {f"projector.{name}": tensor for name, tensor in self.projector.state_dict().items()}
        parts |= {f"router.{name}": tensor for name, tensor in self.router.state_dict().items()}
        store.save_parts(folder, {name: tensor.cpu() for name, tensor in parts.items()})

    def route(self, question: str, k: int = 5) -> Routing:
        """The ``k`` documents the model thinks of first, with softmax weights, and the weight of "not in memory"."""
        return self.route_all([question], k)[0]

    @torch.inference_mode()
    def route_all(self, questions: Sequence[str], k: int = 5) -> list[Routing]:
        """``route`` for several questions at once."""
        weights = self.router.logits(self.similarities(questions)).softmax(1)
        found: list[Routing] = []
        for row in weights:
            best = row[:-1].topk(min(k, len(self.pool.ids)))
            pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
            found.append(Routing(tuple(Routed(self.pool.ids[i], w) for i, w in pairs), float(row[-1])))
        return found

    @torch.inference_mode()
    def similarities(self, questions: Sequence[str]) -> torch.Tensor:
        """[len(questions), N]: how well each document's keys match each question, in [-1, 1]."""
        batches = [questions[start : start + _READ_AT_ONCE] for start in range(0, len(questions), _READ_AT_ONCE)]
        return torch.cat([self.router.similarity(self._states(batch), self.keys) for batch in batches])

    @torch.inference_mode()
    def similarities_by_layer(self, question: str) -> dict[int, torch.Tensor]:
        """[N] of one question for each layer that the router listens to, as if it listened to that one alone."""
        states = self._states([question])
        alone = {0: states.of_embeddings(), self.card.config.router_layer: states.of_layer(self.router.mean)}
        return {layer: self.router.similarity(part, self.keys)[0] for layer, part in alone.items()}

    def _states(self, questions: Sequence[str]) -> QuestionStates:
        idf = self.router.idf if self.card.config.casings else None
        return self._question_reader.read([question_words(self.frame, question, idf) for question in questions])

    def routing_loss(self, questions: Sequence[str], passage_id: str, z: torch.Tensor) -> torch.Tensor:
        """Cross entropy, in nats, of routing questions to a document, the null slot included.

        Args:
            questions: What is asked about it.
            passage_id: The document.
            z: [m, z_dim], its z, with gradient; the others' keys stand still.
        """
        row = self.pool.row(passage_id)
        states = self._states(questions)
        with torch.no_grad():
            others = self.router.similarity(states, self.keys)
        own = self.router.similarity(states, self.router.keys(z[None]))
        similarity = torch.cat([others[:, :row], own, others[:, row + 1 :]], 1)
        return cross_entropy(self.router.logits(similarity), torch.full((len(questions),), row))

    def title(self, passage_id: str) -> str:
        """Title of a document.

        Raises:
            TesseraError: The memory does not hold it.
        """
        return self.pool.titles[self.pool.row(passage_id)]

    @torch.inference_mode()
    def opening(self, passage_ids: Sequence[str]) -> torch.Tensor:
        """Embeddings [T, hidden] of ``head | z | z ...``: what is read before a question is."""
        head = self.embed(self.frame.head)
        return torch.cat([head, *self.soft_tokens(passage_ids).to(head)])

    @torch.inference_mode()
    def embed(self, ids: Sequence[int]) -> torch.Tensor:
        """Embeddings [T, hidden] of token ids."""
        embedded: torch.Tensor = self.lm.model.get_input_embeddings()(torch.tensor(list(ids), device=self.lm.device))
        return embedded

    @property
    def crosses(self) -> bool:
        """Whether the layers look at z, instead of reading it as a soft prompt."""
        return self.card.config.crosses

    def opened(self, passage_ids: Sequence[str]) -> Session:
        """A session in which the z of documents have been read, and nothing has been asked yet.

        Raises:
            ModelError: They are more than the model's context holds.
        """
        if not self.crosses:
            session = self.lm.session()
            session.feed_embeddings(self.opening(passage_ids))
            return session
        with torch.inference_mode():
            cache = crossed(self.lm.model, self.frame.head, self.soft_tokens(passage_ids).flatten(0, 1)[None])
        layers: list[Any] = cache.layers
        return self.lm.session(new_buffer(len(layers), [(layer.keys, layer.values) for layer in layers]))

    def soft_tokens(self, passage_ids: Sequence[str]) -> torch.Tensor:
        """[n, m, hidden] of documents, on the model's device."""
        rows = [self.pool.row(passage_id) for passage_id in passage_ids]
        return self.projector(self.pool.z[rows]).to(self.lm.device)

    @torch.inference_mode()
    def bias(self, passage_ids: Sequence[str]) -> torch.Tensor | None:
        """What is added to the logits [vocabulary] while evidence is said; None where any token may be said."""
        penalty = self.card.config.lexicon
        if not penalty:
            return None
        for passage_id in passage_ids:
            if passage_id not in self._spoken:
                self._spoken[passage_id] = self._lexicon.ids(self.soft_tokens([passage_id])[0])
        return self._lexicon.bias(torch.cat([self._spoken[passage_id] for passage_id in passage_ids]), penalty)

    def _biases(self, passage_ids: Sequence[str]) -> torch.Tensor | None:
        found = [self.bias([passage_id]) for passage_id in passage_ids]
        return None if found[0] is None else torch.stack([bias for bias in found if bias is not None])

    def evidence_ids(self, question: str, passage_id: str) -> Generator[int, None, None]:
        """Token ids of the evidence as they are decoded; closing the iterator stops the model at once."""
        session = self.opened([passage_id])
        for _ in session.feed(self.frame.tail(question)):
            pass
        yield from session.decode(self.card.config.evidence_tokens, bias=self.bias([passage_id]))

    def stream_evidence(self, question: str, routed: Routed | str) -> Iterator[str]:
        """Pieces of the evidence that the z of a document holds for a question.

        Raises:
            TesseraError: The memory does not hold the document.
        """
        passage_id = routed if isinstance(routed, str) else routed.passage_id
        return self.lm.stream_text(self.evidence_ids(question, passage_id))

    def evidence(self, questions: Sequence[str], passage_ids: Sequence[str], refuse: bool = True) -> list[str]:
        """Evidence of several questions, each from a document of its own, decoded as a batch.

        Args:
            questions: What is asked.
            passage_ids: Whose z is read, one for each question.
            refuse: Whether "not in memory" may be said; a control forbids it to see what else would be.
        """
        if not questions:
            return []
        with torch.inference_mode():
            soft = self.soft_tokens(passage_ids)
        said = greedy(
            self.lm.model,
            self.frame.head,
            soft,
            [self.frame.tail(question) for question in questions],
            self.card.config.evidence_tokens,
            self.lm.stop_ids,
            never_first=None if refuse else self.frame.encode(NOT_IN_MEMORY)[0],
            bias=self._biases(passage_ids),
            cross=self.crosses,
        )
        return [self.frame.decode(ids) for ids in said]

    def with_document(self, passage: Passage) -> Memory:
        """A memory that also holds ``passage``, with its untrained first z; the other documents keep their bits.

        Raises:
            TesseraError: It already holds a document of that id, or the text is empty.
        """
        pool = self.pool.with_row(passage.id, passage.title, self._kept(self.first_z(passage)))
        card = replace(self.card, learned=(*self.card.learned, passage.id))
        return self._with_pool(pool, card)

    def with_edited(self, passage: Passage) -> Memory:
        """A memory in which the document of that id is another text, with its untrained first z.

        Raises:
            TesseraError: It holds no document of that id, or the text is empty.
        """
        pool = self.pool.with_other(passage.id, passage.title, self._kept(self.first_z(passage)))
        learned = (*(i for i in self.card.learned if i != passage.id), passage.id)
        return self._with_pool(pool, replace(self.card, learned=learned))

    def without_document(self, passage_id: str) -> Memory:
        """A memory that has forgotten one document.

        Raises:
            TesseraError: It does not hold it, or holds nothing else.
        """
        if len(self.pool.ids) == 1:
            raise TesseraError("This is the only document the memory holds.", "Delete the memory instead.")
        card = replace(self.card, learned=tuple(i for i in self.card.learned if i != passage_id))
        return self._with_pool(self.pool.without_row(passage_id), card)

    def set_z(self, passage_id: str, z: torch.Tensor) -> None:
        """Gives one document another z [m, z_dim], in place and as it is kept on disk; other rows keep their bits."""
        row = self.pool.row(passage_id)
        with torch.no_grad():
            self.pool.z[row] = self._kept(z)
            self._spoken.pop(passage_id, None)
            self.keys[row] = self.router.keys(self.pool.z[row : row + 1])[0]

    def reading(self, pool: MemoryPool) -> Memory:
        """A memory that routes as this one does, but reads the z of ``pool``: for controls."""
        other = Memory(self.lm, pool, self.projector, self.router, self.card, self.folder, self.keys)
        return self._share(other)

    def first_z(self, passage: Passage) -> torch.Tensor:
        """The z [m, z_dim] that a document gives of itself, before any training."""
        ids = self.frame.content(texts([passage])[0], self.router.idf)
        return first_z(ids, self.lm.model.get_input_embeddings().weight, self._basis, self.card.config.m)

    def _kept(self, z: torch.Tensor) -> torch.Tensor:
        return as_kept(z, self.card.config.kept)

    def _with_pool(self, pool: MemoryPool, card: store.Card) -> Memory:
        return self._share(Memory(self.lm, pool, self.projector, self.router, card, self.folder))

    def _share(self, other: Memory) -> Memory:
        """Hands on what depends on the model alone and takes a moment to make."""
        for name in ("_basis", "_lexicon"):
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        return other

    @cached_property
    def _lexicon(self) -> Lexicon:
        always = [*self.frame.encode(NOT_IN_MEMORY), *self.lm.stop_ids]
        return Lexicon(self.lm.model.get_input_embeddings().weight, self.router.idf, always)

    @cached_property
    def _basis(self) -> Basis:
        return embedding_basis(self.lm.model.get_input_embeddings().weight, self.card.config.z_dim)

    @cached_property
    def _question_reader(self) -> QuestionReader:
        return QuestionReader(self.lm.model, self.card.config.router_layer, self.frame.head[0])
