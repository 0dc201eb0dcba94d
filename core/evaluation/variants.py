"""The methods of a run: parsing their names, checking their artefacts, measuring their storage.

``rag`` uses the reader adapter if the settings say so; ``rag:plain`` is the same method without it, so that the effect
of the adapter is another row of the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.artefacts import artefact, index_kind
from core.corpus.store import PASSAGES_FILE
from core.cost import build_time
from core.digests import json_digest
from core.errors import ArtefactMissing
from core.kvcache.identity import chosen_precision
from core.messages import joined, message
from core.methods import registry
from core.methods.resources import Resources
from core.methods.spec import MethodSpec
from core.normalise import comma_separated
from core.workspace import ArtefactState, Workspace

PLAIN = ":plain"


@dataclass(frozen=True)
class MethodVariant:
    """A method with or without the reader adapter; one row of the table.

    Attributes:
        plain: Whether to leave out the reader adapter, whatever the settings say.
    """

    method: str
    plain: bool = False

    @property
    def name(self) -> str:
        """Its name on the command line and in results."""
        return self.method + (PLAIN if self.plain else "")

    @property
    def label(self) -> str:
        """Its display name."""
        return registry.METHODS[self.method].label + (", plain reader" if self.plain else "")

    def resources(self, resources: Resources) -> Resources:
        """The resources to open it with."""
        return replace(resources, settings=replace(resources.settings, reader=False)) if self.plain else resources


@dataclass(frozen=True)
class Storage:
    """Storage and build time of a method; includes the text of the passages if the method reads it.

    Attributes:
        bytes: Size of each part: "text", or the kind of an artefact.
        shared_bytes: Of these, what all passages share, such as the LoRA of a memory.
    """

    bytes: dict[str, int]
    build_s: float
    documents: int
    shared_bytes: int = 0

    @classmethod
    def of(cls, states: Mapping[str, ArtefactState], documents: int, text: int = 0, build_s: float = 0.0) -> Storage:
        """Storage of some artefacts by kind, and of so many bytes of text."""
        parts = {kind: _bytes(state) for kind, state in states.items()} | ({"text": text} if text else {})
        shared = sum(artefact(kind).shared_bytes(_files(state)) for kind, state in states.items())
        return cls(parts, build_s, documents, shared)

    @property
    def per_document(self) -> float:
        """Bytes of one passage, without what all share."""
        return (sum(self.bytes.values()) - self.shared_bytes) / max(self.documents, 1)

    @property
    def per_1000(self) -> float:
        """Bytes of 1,000 passages; what they share counts once."""
        return 1000 * self.per_document + self.shared_bytes


def parse_variants(names: str | Sequence[str]) -> tuple[MethodVariant, ...]:
    """Parses names of methods, in order and without duplicates.

    Raises:
        TesseraError: No method is named, or one of them does not exist.
    """
    variants: dict[MethodVariant, None] = {}
    for name in comma_separated(names) if isinstance(names, str) else names:
        variant = MethodVariant(name.removesuffix(PLAIN), name.endswith(PLAIN))
        registry.find_method(variant.method)
        variants[variant] = None
    registry.require_some(variants)
    return tuple(variants)


def spec_of(variant: MethodVariant, resources: Resources) -> MethodSpec:
    """The spec of a method, for the place where the language model runs."""
    return registry.METHODS[variant.method].on(resources.settings)


def states_of(
    variant: MethodVariant, resources: Resources, kinds: Sequence[str] | None = None
) -> dict[str, ArtefactState]:
    """States of the artefacts that a method needs, with the index of its store and the caches of its model.

    Args:
        kinds: Kinds to look at; None takes those the method needs.
    """
    expected = expected_inputs(variant.resources(resources))
    actual_kinds = (
        index_kind(resources.settings.store) if kind == "index" else kind
        for kind in (spec_of(variant, resources).needs if kinds is None else kinds)
    )
    return {kind: resources.workspace.state(kind, expected) for kind in actual_kinds}


def expected_inputs(resources: Resources) -> dict[str, str]:
    """Fingerprints with which artefacts must have been built to be used with these models."""
    inputs = {"encoder": resources.models.encoder().fingerprint}
    if resources.settings.engine_url:
        return {**inputs, "engine": resources.engine().identity.fingerprint}
    lm = resources.language_model()
    precision = chosen_precision(resources.settings.cache_precision, lm.dtype)
    return {**inputs, "model": lm.identity.fingerprint, "precision": precision}


def missing_artefacts(resources: Resources, variants: Sequence[MethodVariant]) -> dict[str, list[str]]:
    """Kinds of artefacts that are missing or stale, by the name of the method that needs them."""
    missing = {
        variant.name: [kind for kind, state in states_of(variant, resources).items() if state.status != "ready"]
        for variant in variants
    }
    return {name: kinds for name, kinds in missing.items() if kinds}


def require_none_missing(ws: Workspace, missing: dict[str, list[str]]) -> None:
    """Raises one error that lists everything that has to be built.

    Raises:
        ArtefactMissing: Something is missing.
    """
    if not missing:
        return
    needs = joined(
        "; ",
        (
            message("{name} needs {kinds}", name=name, kinds=joined(", ", map(message, kinds)))
            for name, kinds in missing.items()
        ),
    )
    kinds = tuple(dict.fromkeys(kind for kinds in missing.values() for kind in kinds))
    raise ArtefactMissing(
        message("The workspace {name!r} is not ready: {needs}.", name=ws.name, needs=needs), kinds=kinds
    )


def fingerprints_of(variant: MethodVariant, resources: Resources) -> dict[str, str]:
    """Fingerprints of the artefacts a method answers from."""
    states = states_of(variant, resources).items()
    return {kind: state.manifest.fingerprint if state.manifest else "" for kind, state in states}


def key_of(variant: MethodVariant, resources: Resources) -> str:
    """Digest of everything a method answers from; saved answers with another key are out of date."""
    engine = variant.resources(resources).engine()
    facts: list[object] = [fingerprints_of(variant, resources), engine.identity.fingerprint]
    facts += [getattr(resources.settings, name) for name in registry.METHODS[variant.method].settings]
    return json_digest(facts, 12)


def storage_of(variant: MethodVariant, resources: Resources) -> Storage:
    """Size of what a method reads when it answers, and the time it took to build."""
    spec = spec_of(variant, resources)
    # The corpus counts only for methods that read its text; the others need only its titles, for display.
    states = {kind: state for kind, state in states_of(variant, resources, spec.reads).items() if kind != "corpus"}
    expected = expected_inputs(variant.resources(resources))
    build_s = build_time(resources.workspace, spec.builds, resources.settings.store, expected)
    text = text_bytes(resources.workspace) if spec.keeps_text else 0
    return Storage.of(states, len(resources.corpus.passages), text, build_s)


def text_bytes(ws: Workspace) -> int:
    """Size of the passages' text on disk."""
    path = ws.folder("corpus") / PASSAGES_FILE
    return path.stat().st_size if path.is_file() else 0


def _bytes(state: ArtefactState) -> int:
    # Of caches in shared storage no file is here: their manifest records the size.
    recorded = state.params.get("bytes", 0)
    return max(sum(_files(state).values()), int(recorded))


def _files(state: ArtefactState) -> dict[str, int]:
    return state.manifest.files if state.manifest else {}
