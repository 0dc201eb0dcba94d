"""Every kind of artefact that a workspace can hold: its name, its sources, and what to do when it is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from core.messages import Message, joined, message

DEFAULT_STORE = "faiss-flat"
INDEX_PREFIX = "index-"


@dataclass(frozen=True)
class ArtefactSpec:
    """One kind of artefact.

    Attributes:
        kind: Its name, and the folder it lives in.
        remedy: What to do when it is missing or stale, as a request without its full stop ("train a memory"). Where
            to click or what to type, each front adds itself.
        built_from: Kinds it is built from directly; their cost counts as part of its own.
        varied: Whether several variants stand side by side, a folder each: KV caches by model and number format. A
            question about such a kind means one variant: one that agrees with the expected inputs, of several the
            newest.
        optional: Whether it is built only when it is asked for by name.
        format: Version of how it is stored; what an older version wrote is out of date.
        shared: Files that all documents share: their size does not grow with the corpus.
    """

    kind: str
    label: str
    remedy: str
    built_from: tuple[str, ...] = ()
    varied: bool = False
    optional: bool = False
    format: int = 1
    shared: tuple[str, ...] = ()

    def shared_bytes(self, sizes: Mapping[str, int]) -> int:
        """Bytes of the files that all documents share, of files by name."""
        return sum(sizes.get(name, 0) for name in self.shared)


ARTEFACTS: dict[str, ArtefactSpec] = {
    spec.kind: spec
    for spec in (
        ArtefactSpec("corpus", "Corpus", "bring documents"),
        ArtefactSpec("embeddings", "Embeddings", "embed the passages", ("corpus",)),
        ArtefactSpec("index", "Search index", "index the passages", ("corpus", "embeddings")),
        ArtefactSpec("partition", "Voronoi cells", "cut the cells", ("corpus", "embeddings")),
        ArtefactSpec("projection", "Map", "cut the cells", ("corpus", "embeddings", "partition")),
        ArtefactSpec("blocks", "Blocks", "build the blocks of passages", ("corpus",), varied=True, format=2),
        ArtefactSpec(
            "caches",
            "KV caches of whole cells",
            "build the KV caches of whole cells",
            ("corpus", "partition"),
            varied=True,
            optional=True,
        ),
        ArtefactSpec(
            "prefixes", "Prefixes on a server", "have the server read the cells", ("corpus", "partition"), optional=True
        ),
        ArtefactSpec(
            "memory", "Memory", "train a memory", ("corpus",), shared=("parts.safetensors", "lora.safetensors")
        ),
    )
}
"""By kind, in the order in which they are built."""


def artefact(kind: str) -> ArtefactSpec:
    """The entry of a kind; the index of every store counts as "index".

    Raises:
        KeyError: There is no such kind.
    """
    if kind.startswith(INDEX_PREFIX):
        return replace(ARTEFACTS["index"], kind=kind)
    return ARTEFACTS[kind]


def remedy_for(kinds: Iterable[str]) -> Message:
    """The remedy for missing or stale artefacts, as a sentence."""
    actions = dict.fromkeys(artefact(kind).remedy for kind in kinds)
    return message("First {actions}.", actions=joined(", ", map(message, actions)))


def with_sources(kinds: Iterable[str]) -> tuple[str, ...]:
    """Kinds and all they are built from, directly and indirectly, each once and after its sources."""
    ordered: dict[str, None] = {}
    for kind in kinds:
        ordered |= dict.fromkeys((*with_sources(artefact(kind).built_from), kind))
    return tuple(ordered)


def index_kind(store: str) -> str:
    """Kind of the artefact that holds the index of a store; the default store's is "index"."""
    return "index" if store == DEFAULT_STORE else f"{INDEX_PREFIX}{store}"
