"""The arms of a run: named on the command line, checked before the first question, weighed on disk.

``rag`` reads as the settings say; ``rag:plain`` is the same arm without the reader adapter, so that the effect of the
adapter is one more row of the table.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import ArtefactMissing, TesseraError
from core.methods import registry
from core.methods.resources import Resources
from core.settings import Settings
from core.workspace import Workspace, index_kind, remedy_for

PLAIN = ":plain"
_READS = {
    "rag": ("index",),
    "bm25": (),
    "cag": ("partition", "caches"),
    "wrong-cell": ("partition", "caches"),
    "memory": ("memory",),
    "shuffled-memory": ("memory",),
}
_TEXT = ("rag", "bm25", "oracle")
_BUILDS = {
    "rag": ("embeddings", "index"),
    "cag": ("embeddings", "partition", "caches"),
    "wrong-cell": ("embeddings", "partition", "caches"),
    "memory": ("memory",),
    "shuffled-memory": ("memory",),
}


@dataclass(frozen=True)
class Arm:
    """One row of the table.

    Attributes:
        method: Name of the method.
        plain: Whether it reads without the reader adapter, whatever the settings say.
    """

    method: str
    plain: bool = False

    @property
    def name(self) -> str:
        """How it is written on the command line and in results."""
        return self.method + (PLAIN if self.plain else "")

    @property
    def label(self) -> str:
        """Its name for people."""
        return registry.METHODS[self.method].label + (", plain reader" if self.plain else "")

    def resources(self, resources: Resources) -> Resources:
        """What it is opened with."""
        return replace(resources, reader=False) if self.plain else resources


@dataclass(frozen=True)
class Storage:
    """What an arm keeps on disk, the text of the passages included where it reads text.

    Attributes:
        bytes: By part: "text", or the kind of an artefact.
        build_s: Seconds spent building before the first question.
        documents: Passages of the corpus.
    """

    bytes: dict[str, int]
    build_s: float
    documents: int

    @property
    def per_1000(self) -> float:
        """Bytes for every 1,000 passages."""
        return 1000 * sum(self.bytes.values()) / max(self.documents, 1)


def parse_arms(names: str | Sequence[str]) -> tuple[Arm, ...]:
    """Arms from their names, each once, in order.

    Raises:
        TesseraError: There is none, or one of them does not exist.
    """
    given = names.split(",") if isinstance(names, str) else names
    arms: dict[Arm, None] = {}
    for name in filter(None, (name.strip() for name in given)):
        arm = Arm(name.removesuffix(PLAIN), name.endswith(PLAIN))
        if arm.method not in registry.METHODS:
            raise TesseraError(f"There is no method {arm.method!r}.", f"Choose from: {', '.join(registry.METHODS)}.")
        arms[arm] = None
    if not arms:
        raise TesseraError("No method was named.", f"Choose from: {', '.join(registry.METHODS)}.")
    return tuple(arms)


def needs_of(method: str, settings: Settings) -> tuple[str, ...]:
    """Kinds of artefacts a method answers from; the index is that of the store it searches."""
    searched = index_kind(settings.store)
    return tuple(searched if kind == "index" else kind for kind in registry.METHODS[method].needs)


def what_is_missing(ws: Workspace, arms: Sequence[Arm], settings: Settings) -> dict[str, list[str]]:
    """Kinds of artefacts that are missing or stale, by the name of the arm that needs them."""
    needs = {arm.name: needs_of(arm.method, settings) for arm in arms}
    status = {kind: ws.state(kind).status for kinds in needs.values() for kind in kinds}
    lacking = {name: [kind for kind in kinds if status[kind] != "ready"] for name, kinds in needs.items()}
    return {name: kinds for name, kinds in lacking.items() if kinds}


def refuse_missing(ws: Workspace, lacking: dict[str, list[str]]) -> None:
    """Says everything that has to be built at once.

    Raises:
        ArtefactMissing: Something is missing.
    """
    if not lacking:
        return
    needs = "; ".join(f"{name} needs {', '.join(kinds)}" for name, kinds in lacking.items())
    remedies = dict.fromkeys(remedy_for(kind) for kinds in lacking.values() for kind in kinds)
    raise ArtefactMissing(f"The workspace {ws.name!r} is not ready: {needs}.", " ".join(remedies))


def key_of(arm: Arm, resources: Resources) -> str:
    """Digest of everything an arm answers from: answers of a run are taken over only while it holds."""
    ws = resources.workspace
    lm = resources.models.language_model(arm.resources(resources).reader)
    facts = {kind: ws.fingerprint(kind) for kind in needs_of(arm.method, resources.settings)}
    return hashlib.sha256(json.dumps([facts, lm.identity.fingerprint], sort_keys=True).encode()).hexdigest()[:12]


def storage_of(method: str, ws: Workspace, documents: int, settings: Settings) -> Storage:
    """Weighs what an arm reads when it answers, and how long it took to build."""
    searched = index_kind(settings.store)
    reads, builds = (
        [searched if kind == "index" else kind for kind in kinds.get(method, ())] for kinds in (_READS, _BUILDS)
    )
    parts = {kind: ws.state(kind).bytes for kind in reads}
    if method in _TEXT:
        parts["text"] = _size(ws.folder("corpus") / "passages.jsonl")
    return Storage(parts, sum(_build_s(ws, kind) for kind in builds), documents)


def _build_s(ws: Workspace, kind: str) -> float:
    manifest = ws.manifest(kind)
    if manifest is None:
        return 0.0
    # A shipped memory is installed in no time: what counts is how long it was trained.
    return float(manifest.params.get("train_s") or manifest.build_s)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
