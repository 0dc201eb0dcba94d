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
from core.kvcache.precision import chosen_precision
from core.methods import registry
from core.methods.resources import Resources
from core.workspace import ArtefactState, Workspace, index_kind, remedy_for

PLAIN = ":plain"
_READS = {
    "rag": ("index",),
    "redis-rag": ("embeddings",),
    "bm25": (),
    "cag": ("partition", "caches"),
    "composed": ("embeddings", "partition", "blocks"),
    "wrong-cell": ("partition", "caches"),
    "memory": ("memory",),
    "shuffled-memory": ("memory",),
}
_TEXT = ("rag", "redis-rag", "bm25", "oracle")
_BUILDS = {
    "rag": ("embeddings", "index"),
    "redis-rag": ("embeddings",),
    "cag": ("embeddings", "partition", "caches"),
    "composed": ("embeddings", "partition", "blocks"),
    "wrong-cell": ("embeddings", "partition", "caches"),
    "memory": ("memory",),
    "shuffled-memory": ("memory",),
}
_SET_BY = {"composed": ("nprobe", "block_passages", "link_tokens")}
"""Settings that one arm alone answers by."""


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


def states_of(arm: Arm, resources: Resources, kinds: Sequence[str] | None = None) -> dict[str, ArtefactState]:
    """Where the artefacts stand that an arm answers from: the index of its store, the caches of its model.

    Args:
        arm: The arm.
        resources: The workspace and the models.
        kinds: Kinds to look at; without them, those the method needs.
    """
    settings, ws = resources.settings, resources.workspace
    lm = resources.models.language_model(arm.resources(resources).reader)
    expected = {
        "model": lm.identity.fingerprint,
        "precision": chosen_precision(settings.cache_precision, lm.dtype),
        "encoder": resources.models.encoder().fingerprint,
    }
    found = (
        index_kind(settings.store) if kind == "index" else kind
        for kind in (registry.METHODS[arm.method].needs if kinds is None else kinds)
    )
    return {kind: ws.state(kind, expected) for kind in found}


def what_is_missing(resources: Resources, arms: Sequence[Arm]) -> dict[str, list[str]]:
    """Kinds of artefacts that are missing or stale, by the name of the arm that needs them."""
    states = {arm.name: states_of(arm, resources) for arm in arms}
    lacking = {
        name: [kind for kind, state in found.items() if state.status != "ready"] for name, found in states.items()
    }
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


def fingerprints_of(arm: Arm, resources: Resources) -> dict[str, str]:
    """Fingerprints of the artefacts an arm answers from."""
    found = states_of(arm, resources).items()
    return {kind: state.manifest.fingerprint if state.manifest else "" for kind, state in found}


def key_of(arm: Arm, resources: Resources) -> str:
    """Digest of everything an arm answers from: answers of a run are taken over only while it holds."""
    lm = resources.models.language_model(arm.resources(resources).reader)
    facts: list[object] = [fingerprints_of(arm, resources), lm.identity.fingerprint]
    facts += [getattr(resources.settings, name) for name in _SET_BY.get(arm.method, ())]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def storage_of(arm: Arm, resources: Resources) -> Storage:
    """Weighs what an arm reads when it answers, and how long it took to build."""
    reads = states_of(arm, resources, _READS.get(arm.method, ()))
    builds = states_of(arm, resources, _BUILDS.get(arm.method, ()))
    parts = {kind: _bytes(state) for kind, state in reads.items()}
    if arm.method in _TEXT:
        parts["text"] = _size(resources.workspace.folder("corpus") / "passages.jsonl")
    return Storage(parts, sum(map(_build_s, builds.values())), len(resources.corpus.passages))


def _bytes(state: ArtefactState) -> int:
    # Caches in shared storage leave only their manifest here, which says what they weigh there.
    there = state.manifest.params.get("bytes", 0) if state.manifest else 0
    return max(state.bytes, int(there))


def _build_s(state: ArtefactState) -> float:
    if state.manifest is None:
        return 0.0
    # A shipped memory is installed in no time: what counts is how long it was trained.
    return float(state.manifest.params.get("train_s") or state.manifest.build_s)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
